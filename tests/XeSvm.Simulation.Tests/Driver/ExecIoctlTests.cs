using XeSvm.Interop.Uapi;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>EXEC with CPU faults by userfaultfd.</summary>
public sealed class ExecIoctlTests : ExecIoctlBehaviour
{
    protected override string CpuFaults => "auto";
}

/// <summary>The same without userfaultfd.</summary>
public sealed class CoherentExecIoctlTests : ExecIoctlBehaviour
{
    protected override string CpuFaults => "coherent";
}

/// <summary>EXEC: checks in order, what a job does, and what becomes of a queue whose job fails.</summary>
public abstract unsafe class ExecIoctlBehaviour : IDisposable
{
    private const uint GoodQueue = 1; // the client's own
    private const uint BindQueue = 2;
    private const uint BannedQueue = 3;
    private const uint ClosedQueue = 4;
    private const uint UnknownQueue = 77;
    private const ulong Second = 1_000_000_000;

    private static readonly ErrnoTable<drm_xe_exec> s_rules = new()
    {
        { "extensions", Errno.EINVAL, (ref args) => args.extensions = 1 },
        { "pad 0", Errno.EINVAL, (ref args) => args.pad[0] = 1 },
        { "pad 2", Errno.EINVAL, (ref args) => args.pad[2] = 1 },
        { "reserved 0", Errno.EINVAL, (ref args) => args.reserved[0] = 1 },
        { "reserved 1", Errno.EINVAL, (ref args) => args.reserved[1] = 1 },
        { "1025 syncs", Errno.EINVAL, (ref args) => args.num_syncs = DRM_XE_MAX_SYNCS + 1 },
        { "1025 syncs before unknown queue", Errno.EINVAL, (ref args) => (args.num_syncs, args.exec_queue_id) = (DRM_XE_MAX_SYNCS + 1, UnknownQueue) },
        { "pad before unknown queue", Errno.EINVAL, (ref args) => (args.pad[1], args.exec_queue_id) = (1, UnknownQueue) },
        { "unknown queue", Errno.ENOENT, (ref args) => args.exec_queue_id = UnknownQueue },
        { "queue 0", Errno.ENOENT, (ref args) => args.exec_queue_id = 0 },
        { "unknown queue before unreadable syncs", Errno.ENOENT, (ref args) => (args.exec_queue_id, args.num_syncs) = (UnknownQueue, 1) },
        { "bind queue", Errno.EINVAL, (ref args) => args.exec_queue_id = BindQueue },
        { "bind queue before unreadable syncs", Errno.EINVAL, (ref args) => (args.exec_queue_id, args.num_syncs) = (BindQueue, 1) },
        { "more batches than the queue is wide", Errno.EINVAL, (ref args) => args.num_batch_buffer = 2 },
        { "as many batches as the field holds", Errno.EINVAL, (ref args) => args.num_batch_buffer = ushort.MaxValue },
        { "batches before banned queue", Errno.EINVAL, (ref args) => (args.num_batch_buffer, args.exec_queue_id) = (2, BannedQueue) },
        { "batches before unreadable syncs", Errno.EINVAL, (ref args) => (args.num_batch_buffer, args.num_syncs) = (2, 1) },
        { "banned queue", Errno.ECANCELED, (ref args) => args.exec_queue_id = BannedQueue },
        { "banned queue without a batch", Errno.ECANCELED, (ref args) => (args.exec_queue_id, args.num_batch_buffer) = (BannedQueue, 0) },
        { "banned queue before unreadable syncs", Errno.ECANCELED, (ref args) => (args.exec_queue_id, args.num_syncs) = (BannedQueue, 1) },
        { "unreadable syncs", Errno.EFAULT, (ref args) => args.num_syncs = 1 },
        { "unreadable syncs before closed VM", Errno.EFAULT, (ref args) => (args.num_syncs, args.exec_queue_id) = (1, ClosedQueue) },
        { "closed VM", Errno.ECANCELED, (ref args) => args.exec_queue_id = ClosedQueue },
        { "closed VM without a batch", Errno.ECANCELED, (ref args) => (args.exec_queue_id, args.num_batch_buffer) = (ClosedQueue, 0) },
    };

    private readonly Lazy<GpuClient> _lazy;

    protected ExecIoctlBehaviour()
    {
        _lazy = new Lazy<GpuClient>(() => new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = CpuFaults }));
    }

    public static TheoryData<string> Rules => s_rules.Names;

    protected abstract string CpuFaults { get; }

    private GpuClient Gpu => _lazy.Value;

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    [Theory]
    [MemberData(nameof(Rules))]
    [Trait("Rule", "9.checks")]
    [Trait("Rule", "9.banned")]
    [Trait("Rule", "9.closed")]
    [Trait("Rule", "19.unknown-queue")]
    [Trait("Rule", "19.banned-queue")]
    public void A_broken_rule_gives_its_errno_and_nothing_runs(string rule)
    {
        Assert.Equal(BindQueue, Gpu.CreateQueue(Gpu.Vm, DRM_XE_ENGINE_CLASS_VM_BIND));
        Assert.Equal(BannedQueue, Gpu.CreateQueue(Gpu.Vm));
        Assert.Equal(-Errno.EIO, Gpu.Run(BannedQueue, Gpu.Control, [uint.MaxValue]));
        uint closed = Gpu.CreateVm(DrmClient.FaultMode);
        Assert.Equal(ClosedQueue, Gpu.CreateQueue(closed));
        Assert.Equal(0, Gpu.DestroyVm(closed));

        uint* word = (uint*)(Gpu.Control + 0x8000);
        *word = 0;
        Commands.Store((ulong)word, 5).Append(Commands.End).ToArray().CopyTo(new Span<uint>((void*)Gpu.Control, 8));
        var args = new drm_xe_exec { exec_queue_id = GoodQueue, num_batch_buffer = 1, address = Gpu.Control };
        int expected = s_rules.Break(rule, ref args);
        Assert.Equal(expected, Gpu.Ioctl(DRM_IOCTL_XE_EXEC, ref args));
        Assert.Equal(0, Gpu.Run(0x02800000)); // the queue is idle afterwards
        Assert.Equal(0u, *word);
    }

    [Theory]
    [InlineData(DRM_XE_ENGINE_CLASS_RENDER)]
    [InlineData(DRM_XE_ENGINE_CLASS_COPY)]
    [InlineData(DRM_XE_ENGINE_CLASS_COMPUTE)]
    [Trait("Rule", "9.user-fence")]
    public void A_job_on_any_engine_runs_its_batch_and_then_writes_its_fence(ushort engineClass)
    {
        uint queue = Gpu.CreateQueue(Gpu.Vm, engineClass);
        Assert.Equal(0, Gpu.Run(queue, Gpu.Control, Commands.Store(Gpu.Control + 0x8000, 0xC0FFEE)));
        Assert.Equal(0xC0FFEEu, *(uint*)(Gpu.Control + 0x8000));
    }

    [Fact]
    [Trait("Rule", "9.failure")]
    public void Copies_run_on_copy_engines_only()
    {
        uint queue = Gpu.CreateQueue(Gpu.Vm, DRM_XE_ENGINE_CLASS_RENDER);
        Assert.Equal(-Errno.EIO, Gpu.Run(queue, Gpu.Control, Commands.Copy(Gpu.Control + 0x8000, Gpu.Control, 16)));
        Assert.True(Gpu.IsBanned(queue));
        Assert.Equal(0, Gpu.Run(Commands.Copy(Gpu.Control + 0x8000, Gpu.Control, 16)));
    }

    [Fact]
    [Trait("Rule", "9.effects")]
    public void Jobs_of_a_queue_run_one_after_the_other()
    {
        // Each job hands on what the one before it has got.
        const uint jobs = 512;
        const uint slot = 64;
        ulong batches = DrmClient.Map(jobs * slot);
        Assert.Equal(0, Gpu.Advise(batches, jobs * slot, -1));
        uint* words = (uint*)(Gpu.Control + 0x8000);
        new Span<uint>(words, (int)jobs + 1).Clear();
        words[0] = 0xC0FFEE;
        for (uint job = 0; job < jobs; job++)
        {
            ulong batch = batches + (job * slot);
            uint[] commands = [.. Commands.Copy((ulong)(words + job + 1), (ulong)(words + job), sizeof(uint)), Commands.End];
            commands.CopyTo(new Span<uint>((void*)batch, commands.Length));
            var exec = new drm_xe_exec { exec_queue_id = GoodQueue, num_batch_buffer = 1, address = batch };
            Assert.Equal(0, Gpu.Ioctl(DRM_IOCTL_XE_EXEC, ref exec));
        }

        Assert.Equal(0, Gpu.Run(0));
        Assert.Equal(0xC0FFEEu, words[jobs]);
        DrmClient.Unmap(batches, jobs * slot);
    }

    [Fact]
    [Trait("Rule", "9.last-fence-wins")]
    public void Of_several_user_fences_the_last_one_is_written()
    {
        ulong* words = (ulong*)(Gpu.Control + 0x8000);
        drm_xe_sync* syncs = stackalloc drm_xe_sync[3];
        for (int i = 0; i < 3; i++)
        {
            words[i] = 0;
            syncs[i] = new drm_xe_sync
            {
                type = DRM_XE_SYNC_TYPE_USER_FENCE,
                flags = DRM_XE_SYNC_FLAG_SIGNAL,
                addr = (ulong)(words + i),
                timeline_value = 9,
            };
        }

        *(uint*)Gpu.Control = Commands.End;
        var exec = new drm_xe_exec { exec_queue_id = GoodQueue, num_batch_buffer = 1, address = Gpu.Control, num_syncs = 3, syncs = (ulong)syncs };
        Assert.Equal(0, Gpu.Ioctl(DRM_IOCTL_XE_EXEC, ref exec));
        Assert.Equal(0, Gpu.WaitForWord((ulong)(words + 2), 9));
        Assert.Equal((0ul, 0ul), (words[0], words[1]));
    }

    [Fact]
    [Trait("Rule", "9.fence-only")]
    public void Without_a_batch_nothing_happens_and_no_fence_is_signalled()
    {
        ulong* word = (ulong*)(Gpu.Control + 0x8000);
        *word = 0;
        var sync = new drm_xe_sync { type = DRM_XE_SYNC_TYPE_USER_FENCE, flags = DRM_XE_SYNC_FLAG_SIGNAL, addr = (ulong)word, timeline_value = 9 };
        var exec = new drm_xe_exec { exec_queue_id = GoodQueue, num_syncs = 1, syncs = (ulong)&sync };
        Assert.Equal(0, Gpu.Ioctl(DRM_IOCTL_XE_EXEC, ref exec));
        Assert.Equal(0, Gpu.Run(0));
        Assert.Equal(0ul, *word);
    }

    [Fact]
    [Trait("Rule", "9.failure")]
    [Trait("Rule", "9.banned")]
    public void A_failed_job_bans_its_queue_and_no_other()
    {
        uint other = Gpu.CreateQueue(Gpu.Vm);
        Assert.Equal(-Errno.EIO, Gpu.Store(0x10000, 1)); // the CPU has nothing there
        Assert.True(Gpu.IsBanned(GoodQueue));
        Assert.Equal(-Errno.ECANCELED, Gpu.Store(Gpu.Control + 0x8000, 1));
        Assert.False(Gpu.IsBanned(other));
        Assert.Equal(0, Gpu.Run(other, Gpu.Control, Commands.Store(Gpu.Control + 0x8000, 2)));
        Assert.Equal(0, Gpu.DestroyQueue(GoodQueue));
        Assert.Contains("MI_STORE_DATA_IMM", Gpu.Backend, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Rule", "9.failure")]
    public void A_fence_that_the_GPU_cannot_write_bans_the_queue()
    {
        *(uint*)Gpu.Control = Commands.End;
        var sync = new drm_xe_sync { type = DRM_XE_SYNC_TYPE_USER_FENCE, flags = DRM_XE_SYNC_FLAG_SIGNAL, addr = 0x10000, timeline_value = 9 };
        var exec = new drm_xe_exec { exec_queue_id = GoodQueue, num_batch_buffer = 1, address = Gpu.Control, num_syncs = 1, syncs = (ulong)&sync };
        Assert.Equal(0, Gpu.Ioctl(DRM_IOCTL_XE_EXEC, ref exec));
        Assert.Equal(-Errno.EIO, Gpu.Wait(GoodQueue, Gpu.Control, ulong.MaxValue, (long)(20 * Second)));
    }

    [Theory]
    [InlineData(0x1002UL)]
    [InlineData(0x8000_0000_0000UL)]
    [InlineData(0x8000_0000_0000_0000UL)]
    [InlineData(ulong.MaxValue)]
    [Trait("Rule", "9.failure")]
    public void A_batch_address_that_cannot_be_is_the_queues_end_and_not_the_calls(ulong address)
    {
        var exec = new drm_xe_exec { exec_queue_id = GoodQueue, num_batch_buffer = 1, address = address };
        Assert.Equal(0, Gpu.Ioctl(DRM_IOCTL_XE_EXEC, ref exec));
        Assert.Equal(-Errno.EIO, Gpu.Wait(GoodQueue, Gpu.Control, ulong.MaxValue, (long)(20 * Second)));
    }

    [Fact]
    [Trait("Rule", "1.restart")]
    [Trait("Rule", "9.outstanding")]
    public void The_thousand_and_first_job_waits_for_room_instead_of_failing()
    {
        const int jobs = 1200;
        Gpu.Spin(GoodQueue, Gpu.Control);
        ulong end = Gpu.Control + 0x4000;
        *(uint*)end = Commands.End;
        int submitted = 0;
        int failed = 0;
        var thread = new Thread(() =>
        {
            for (int job = 0; job < jobs; job++)
            {
                var exec = new drm_xe_exec { exec_queue_id = GoodQueue, num_batch_buffer = 1, address = end };
                failed += Gpu.Ioctl(DRM_IOCTL_XE_EXEC, ref exec) == 0 ? 0 : 1;
                Volatile.Write(ref submitted, job + 1);
            }
        });
        thread.Start();
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref submitted) == 999, TimeSpan.FromMinutes(2)));
        Assert.False(thread.Join(TimeSpan.FromMilliseconds(20)));
        Assert.Equal(999, Volatile.Read(ref submitted));
        GpuClient.EndSpin(Gpu.Control);
        Assert.True(thread.Join(TimeSpan.FromMinutes(2)));
        Assert.Equal(0, failed);
        Assert.Equal(0, Gpu.Run(0));
    }

    [Fact]
    [Trait("Rule", "8.DESTROY")]
    public void Destroying_a_queue_stops_the_batch_that_runs_and_drops_those_that_wait()
    {
        uint queue = Gpu.CreateQueue(Gpu.Vm);
        uint* word = (uint*)(Gpu.Control + 0x8000);
        *word = 0;
        Gpu.Spin(queue, Gpu.Control);
        ulong next = Gpu.Control + 0x4000;
        Commands.Store((ulong)word, 5).Append(Commands.End).ToArray().CopyTo(new Span<uint>((void*)next, 8));
        var exec = new drm_xe_exec { exec_queue_id = queue, num_batch_buffer = 1, address = next };
        Assert.Equal(0, Gpu.Ioctl(DRM_IOCTL_XE_EXEC, ref exec));
        Assert.Equal(0, Gpu.DestroyQueue(queue));
        Assert.Equal(-Errno.ENOENT, Gpu.DestroyQueue(queue));
        Assert.Equal(0, Gpu.Run(0));
        Assert.Equal(0u, *word);
    }

    [Fact]
    [Trait("Rule", "6.closed")]
    public void Destroying_the_VM_under_a_running_batch_ends_it_at_its_next_miss()
    {
        uint vm = Gpu.CreateVm(DrmClient.FaultMode);
        Assert.Equal(0, Gpu.BindMirror(vm, 0, 1UL << 47));
        uint queue = Gpu.CreateQueue(vm);
        Gpu.Spin(queue, Gpu.Control);
        Assert.Equal(0, Gpu.DestroyVm(vm));
        Assert.Equal(-Errno.EIO, Gpu.Wait(queue, Gpu.Control, ulong.MaxValue, (long)(20 * Second)));
        Assert.True(Gpu.IsBanned(queue));
        Assert.Equal(0, Gpu.DestroyQueue(queue));
    }

    protected virtual void Dispose(bool disposing)
    {
        if (_lazy.IsValueCreated)
        {
            _lazy.Value.Dispose();
        }
    }
}
