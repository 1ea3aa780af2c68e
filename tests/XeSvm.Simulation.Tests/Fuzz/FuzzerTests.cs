using XeSvm.Fuzz;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Fuzz;

/// <summary>The fuzzer itself: that it would notice, and that what it writes down is what it ran.</summary>
[Collection(FuzzCollection.Name)]
public sealed unsafe class FuzzerTests
{
    [Fact]
    public void A_sequence_is_a_function_of_its_seed_and_survives_its_file()
    {
        string file = Path.GetTempFileName();
        for (long index = 0; index < 50; index++)
        {
            ulong seed = SequenceGenerator.SeedOf(7, index);
            FuzzSequence sequence = SequenceGenerator.Create(seed, 0, 30);
            sequence.Save(file, "A remark\nof two lines.");
            string[] lines = Lines(sequence);
            Assert.Equal(30, lines.Length);
            Assert.Equal(lines, Lines(SequenceGenerator.Create(seed, 0, 30)));
            Assert.Equal(lines, Lines(FuzzSequence.Load(file)));
            Assert.NotEqual(lines, Lines(SequenceGenerator.Create(seed + 1, 0, 30)));
        }

        File.Delete(file);
    }

    [Fact]
    public void Every_ioctl_that_the_grammar_knows_succeeds_now_and_then_and_fails_now_and_then()
    {
        using var arena = new FuzzArena();
        using var runner = new SequenceRunner("coherent", 0);
        var seen = new Dictionary<uint, (int Good, int Bad)>();
        for (long index = 0; index < 300; index++)
        {
            using DrmFileRecorder recorder = new(runner.Open());
            runner.Run(SequenceGenerator.Create(SequenceGenerator.SeedOf(11, index), 0, 40), [recorder, recorder], new FuzzProgress(), audit: false);
            foreach ((uint number, int result) in recorder.Results)
            {
                (int good, int bad) = seen.GetValueOrDefault(number);
                seen[number] = result < 0 ? (good, bad + 1) : (good + 1, bad);
            }
        }

        // These have no good answer: the device has no observation units that could be used and no queues in groups, and render nodes refuse others.
        uint[] neverGood = [DrmXe.DRM_IOCTL_XE_OBSERVATION, DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_SET_PROPERTY, Drm.DRM_IOCTL_SET_CLIENT_CAP];
        uint[] known =
        [
            Drm.DRM_IOCTL_VERSION, Drm.DRM_IOCTL_GET_CAP, Drm.DRM_IOCTL_SET_CLIENT_NAME, Drm.DRM_IOCTL_SET_CLIENT_CAP, Drm.DRM_IOCTL_GEM_CLOSE,
            Drm.DRM_IOCTL_PRIME_HANDLE_TO_FD, Drm.DRM_IOCTL_PRIME_FD_TO_HANDLE,
            Drm.DRM_IOCTL_SYNCOBJ_CREATE, Drm.DRM_IOCTL_SYNCOBJ_DESTROY, Drm.DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, Drm.DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE,
            Drm.DRM_IOCTL_SYNCOBJ_WAIT, Drm.DRM_IOCTL_SYNCOBJ_RESET, Drm.DRM_IOCTL_SYNCOBJ_SIGNAL, Drm.DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT,
            Drm.DRM_IOCTL_SYNCOBJ_QUERY, Drm.DRM_IOCTL_SYNCOBJ_TRANSFER, Drm.DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, Drm.DRM_IOCTL_SYNCOBJ_EVENTFD,
            DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, DrmXe.DRM_IOCTL_XE_GEM_CREATE, DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET,
            DrmXe.DRM_IOCTL_XE_VM_CREATE, DrmXe.DRM_IOCTL_XE_VM_DESTROY, DrmXe.DRM_IOCTL_XE_VM_BIND,
            DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE, DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_DESTROY, DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY,
            DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_SET_PROPERTY, DrmXe.DRM_IOCTL_XE_OBSERVATION, DrmXe.DRM_IOCTL_XE_EXEC,
            DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE, DrmXe.DRM_IOCTL_XE_MADVISE, DrmXe.DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS,
            DrmXe.DRM_IOCTL_XE_VM_GET_PROPERTY,
        ];
        Assert.All(known, request =>
        {
            (int good, int bad) = seen.GetValueOrDefault(request & 0xff);
            Assert.True((good > 0 || neverGood.Contains(request)) && bad > 0, $"Request 0x{request:x}: {good} good, {bad} bad.");
        });
    }

    [Fact]
    public void The_state_audit_notices_what_a_call_changes()
    {
        using var client = new DrmClient();
        ulong? state = StateAudit.Of(client.File);
        AssertChange(() => client.CreateVm(DrmClient.FaultMode));
        AssertChange(() => client.CreateBo(0x4000));
        AssertChange(() => Assert.Equal(0, client.BindBo(1, 1, 0x10000, 0x4000)));
        AssertChange(() => Assert.Equal(0, client.BindNull(1, 0x14000, 0x1000)));
        AssertChange(() => Assert.Equal(0, client.UnbindRange(1, 0x11000, 0x1000)));
        AssertChange(() => Assert.Equal(0, client.BindMirror(1, 0x100000, 0x100000)));
        AssertChange(() => Assert.Equal(0, client.AdviseAtomic(1, 0x100000, 0x100000, 1)));
        AssertChange(() => client.CreateQueue(1));
        Assert.Equal(-Errno.ENOENT, client.DestroyQueue(2));
        Assert.Equal(state, StateAudit.Of(client.File));
        AssertChange(() => Assert.Equal(0, client.DestroyQueue(1)));
        AssertChange(() => Assert.Equal(0, client.CloseBo(1)));
        AssertChange(() => Assert.Equal(0, client.DestroyVm(1)));

        void AssertChange(Action call)
        {
            call();
            ulong? now = StateAudit.Of(client.File);
            Assert.NotEqual(state, now);
            state = now;
        }
    }

    [Fact]
    public void An_answer_that_no_driver_gives_is_found()
    {
        using var arena = new FuzzArena();
        using var runner = new SequenceRunner("coherent", 0);
        FuzzCall create = Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE, new drm_xe_vm_create());
        using var liar = new DrmFileRecorder(runner.Open()) { Answer = _ => -Errno.EXDEV };
        Assert.Throws<FuzzFindException>(() => runner.Run(new FuzzSequence([create]), [liar, liar], new FuzzProgress(), audit: false));
    }

    [Fact]
    public void A_sequence_is_made_as_small_as_what_fails_in_it()
    {
        FuzzSequence sequence = SequenceGenerator.Create(5, 0, 40);
        FuzzCall bad = Ioctl(DrmXe.DRM_IOCTL_XE_VM_DESTROY, new drm_xe_vm_destroy { vm_id = 3, pad = 4 }) with
        {
            Writes = [new FuzzWrite(FuzzArena.ArgumentsBase, [1, 2, 3])],
        };
        int runs = 0;
        FuzzSequence smallest = new Minimiser(candidate =>
        {
            runs++;
            return candidate.Calls.Any(call => call.Number == DrmXe.DRM_IOCTL_XE_VM_DESTROY && call.Argument.Length > 4 && call.Argument[4] == 4);
        }).Minimise(new FuzzSequence([.. sequence.Calls, bad, .. sequence.Calls]));
        FuzzCall left = Assert.Single(smallest.Calls);
        Assert.Equal(DrmXe.DRM_IOCTL_XE_VM_DESTROY, left.Number);
        Assert.Empty(left.Writes);
        Assert.InRange(runs, 1, 400);
    }

    [Theory]
    [InlineData("Nothing 0 0 0 -")]
    [InlineData("Ioctl 0 0")]
    [InlineData("Ioctl 0 x 0 -")]
    [InlineData("Ioctl 0 0 0 1")]
    [InlineData("Ioctl 0 0 0 - 1000=00")]
    [InlineData("Ioctl 0 0 0 - 200000910ffff=0000")]
    public void A_line_that_is_no_step_is_refused(string line) => Assert.Throws<FormatException>(() => FuzzCall.Parse(line));

    private static string[] Lines(FuzzSequence sequence) => [.. sequence.Calls.Select(call => call.Format())];

    private static FuzzCall Ioctl<T>(uint request, T argument)
        where T : unmanaged
        => new(FuzzCallKind.Ioctl, 0, request, 0, new Span<byte>(&argument, sizeof(T)).ToArray(), []);
}
