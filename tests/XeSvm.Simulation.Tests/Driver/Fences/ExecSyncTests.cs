using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Tests.Gpu.Support;

using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver.Fences;

/// <summary>Syncobjs in EXEC.</summary>
public sealed unsafe class ExecSyncTests : IDisposable
{
    private const uint Unknown = 77;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);
    private readonly FenceMachine _machine = new();

    private GpuClient Gpu => _machine.Gpu;

    public void Dispose() => _machine.Dispose();

    [Fact]
    [Trait("Rule", "9.effects")]
    public void An_out_syncobj_gets_the_fence_of_the_job()
    {
        uint handle = Gpu.CreateSyncobj(Drm.DRM_SYNCOBJ_CREATE_SIGNALED);
        _machine.Spin(0, 0, FenceMachine.Syncobj(handle, signal: true));
        Assert.Equal(-Errno.ETIME, Gpu.WaitFor(handle));
        _machine.WaitUntilRuns(0);
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(handle, SyncobjClient.Later));
    }

    [Theory]
    [InlineData(0ul)]
    [InlineData(7ul)]
    [Trait("Rule", "9.effects")]
    [Trait("Rule", "10.0")]
    [Trait("Rule", "10.1")]
    public void A_job_waits_for_its_in_syncobjs(ulong point)
    {
        uint handle = Gpu.CreateSyncobj();
        _machine.Spin(0, 0, FenceMachine.Syncobj(handle, signal: true, point));
        _machine.WaitUntilRuns(0);
        uint queue = _machine.Spin(1, 0, FenceMachine.Syncobj(handle, signal: false, point));
        Assert.Equal(0, Gpu.Run(0)); // another queue is not held up
        Assert.False(_machine.Runs(1));
        _machine.End(0);
        _machine.WaitUntilRuns(1);
        _machine.End(1);
        Assert.False(Gpu.IsBanned(queue));
    }

    [Fact]
    [Trait("Rule", "10.1")]
    public void Points_order_the_jobs_of_two_queues()
    {
        uint timeline = Gpu.CreateSyncobj();
        uint first = Gpu.CreateQueue(_machine.Vm);
        uint second = Gpu.CreateQueue(_machine.Vm);
        uint* word = (uint*)_machine.Word(0);
        *word = 0;
        for (uint job = 1; job <= 10; job++)
        {
            // Each job copies on what the one before it has left.
            ulong batch = _machine.StoreBatch((int)job, (ulong)word, job);
            drm_xe_sync done = FenceMachine.Syncobj(timeline, signal: true, job);
            int result = job == 1
                ? _machine.Exec(first, batch, done)
                : _machine.Exec(job % 2 == 0 ? second : first, batch, FenceMachine.Syncobj(timeline, signal: false, job - 1), done);
            Assert.Equal(0, result);
        }

        Assert.Equal(0, Gpu.WaitForPoint(timeline, 10, SyncobjClient.Later));
        Assert.Equal(10u, *word);
        Assert.Equal(10ul, Gpu.QueryPoint(timeline));
    }

    [Fact]
    [Trait("Rule", "10.0")]
    public void Waiting_for_a_syncobj_without_a_fence_is_EINVAL()
    {
        uint empty = Gpu.CreateSyncobj();
        Assert.Equal(-Errno.EINVAL, ExecSync(FenceMachine.Syncobj(empty, signal: false)));
        Assert.Equal(-Errno.ENOENT, ExecSync(FenceMachine.Syncobj(Unknown, signal: false)));
        Assert.Equal(-Errno.EINVAL, ExecSync(FenceMachine.Syncobj(empty, signal: false, point: 1)));
    }

    [Fact]
    [Trait("Rule", "10.1")]
    public void Waiting_for_a_point_wants_a_timeline_that_has_it()
    {
        uint timeline = Gpu.CreateSyncobj();
        Assert.Equal(0, Gpu.SignalPoint(timeline, 5));
        Assert.Equal(-Errno.EINVAL, ExecSync(FenceMachine.Syncobj(timeline, signal: false, point: 6)));
        Assert.Equal(0, ExecSync(FenceMachine.Syncobj(timeline, signal: false, point: 5)));
        Assert.Equal(0, ExecSync(FenceMachine.Syncobj(timeline, signal: false, point: 1)));
        uint binary = Gpu.CreateSyncobj(Drm.DRM_SYNCOBJ_CREATE_SIGNALED);
        Assert.Equal(-Errno.EINVAL, ExecSync(FenceMachine.Syncobj(binary, signal: false, point: 1)));
    }

    [Fact]
    [Trait("Rule", "9.checks")]
    public void A_call_that_fails_leaves_its_out_syncobjs_alone()
    {
        uint handle = Gpu.CreateSyncobj();
        uint empty = Gpu.CreateSyncobj();
        Assert.Equal(-Errno.EINVAL, _machine.Exec(
            Gpu.Queue, Gpu.Control, FenceMachine.Syncobj(handle, signal: true), FenceMachine.Syncobj(empty, signal: false)));
        Assert.Equal(-Errno.EINVAL, Gpu.WaitFor(handle)); // no fence
    }

    [Fact]
    [Trait("Rule", "9.fence-only")]
    public void An_exec_without_a_batch_hands_out_the_queues_last_fence()
    {
        uint handle = Gpu.CreateSyncobj();
        uint idle = Gpu.CreateQueue(_machine.Vm);
        Assert.Equal(0, _machine.Exec(idle, 0, FenceMachine.Syncobj(handle, signal: true)));
        Assert.Equal(0, Gpu.WaitFor(handle));
        uint busy = _machine.Spin(0);
        _machine.WaitUntilRuns(0);
        Assert.Equal(0, _machine.Exec(busy, 0, FenceMachine.Syncobj(handle, signal: true)));
        Assert.Equal(-Errno.ETIME, Gpu.WaitFor(handle));
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(handle, SyncobjClient.Later));
    }

    [Fact]
    [Trait("Rule", "9.fence-only")]
    public void An_exec_without_a_batch_cannot_wait_for_a_fence()
    {
        uint signaled = Gpu.CreateSyncobj(Drm.DRM_SYNCOBJ_CREATE_SIGNALED);
        Assert.Equal(-Errno.EOPNOTSUPP, _machine.Exec(Gpu.Queue, 0, FenceMachine.Syncobj(signaled, signal: false)));

        // A point that the timeline has passed is no fence any more.
        uint timeline = Gpu.CreateSyncobj();
        Assert.Equal(0, Gpu.SignalPoint(timeline, 1));
        Assert.Equal(0, Gpu.SignalPoint(timeline, 2));
        Assert.Equal(0, _machine.Exec(Gpu.Queue, 0, FenceMachine.Syncobj(timeline, signal: false, point: 1)));
        Assert.Equal(-Errno.EOPNOTSUPP, _machine.Exec(Gpu.Queue, 0, FenceMachine.Syncobj(timeline, signal: false, point: 2)));
    }

    [Theory]
    [InlineData(DRM_XE_VM_CREATE_FLAG_LR_MODE)]
    [InlineData(DRM_XE_VM_CREATE_FLAG_LR_MODE | DRM_XE_VM_CREATE_FLAG_FAULT_MODE)]
    [Trait("Rule", "9.fence-only")]
    [Trait("Rule", "5.LR_MODE")]
    [Trait("Rule", "10.0")]
    public void A_long_running_job_may_wait_for_a_syncobj_and_not_signal_one(uint vmFlags)
    {
        using var machine = new FenceMachine(vmFlags);
        GpuClient gpu = machine.Gpu;
        uint signaled = gpu.CreateSyncobj(Drm.DRM_SYNCOBJ_CREATE_SIGNALED);
        Assert.Equal(-Errno.EOPNOTSUPP, machine.Exec(gpu.Queue, gpu.Control, FenceMachine.Syncobj(signaled, signal: true)));
        Assert.Equal(-Errno.EOPNOTSUPP, machine.Exec(gpu.Queue, gpu.Control, FenceMachine.Syncobj(signaled, signal: true, point: 3)));
        Assert.Equal(0, machine.Exec(gpu.Queue, 0, FenceMachine.Syncobj(signaled, signal: false)));
        *(ulong*)machine.Word(0) = 0;
        ulong batch = machine.StoreBatch(0, machine.Word(1), 1);
        Assert.Equal(0, machine.Exec(gpu.Queue, batch, FenceMachine.Syncobj(signaled, signal: false), FenceMachine.UserFence(machine.Word(0), 9)));
        Assert.Equal(0, gpu.WaitForWord(machine.Word(0), 9));
    }

    [Fact]
    [Trait("Rule", "9.effects")]
    public void A_long_running_job_waits_for_a_fence_of_another_VM()
    {
        using var machine = new FenceMachine(DRM_XE_VM_CREATE_FLAG_LR_MODE);
        uint pending = _machine.PendingSyncobj(0);
        Assert.Equal(0, Gpu.Export(pending, out int descriptor));
        uint there = 0;
        Assert.Equal(0, machine.Gpu.Import(descriptor, ref there));
        SyncobjClient.Own(descriptor).Dispose();
        machine.Spin(0, 0, FenceMachine.Syncobj(there, signal: false));
        Assert.Equal(0, machine.Gpu.Run(0));
        Assert.False(machine.Runs(0));
        _machine.End(0);
        machine.WaitUntilRuns(0);
        machine.End(0);
    }

    [Fact]
    [Trait("Rule", "9.failure")]
    public void The_fence_of_a_job_that_fails_is_signalled_and_so_are_those_behind_it()
    {
        uint queue = Gpu.CreateQueue(_machine.Vm);
        uint pending = _machine.PendingSyncobj(0);
        uint[] done = [Gpu.CreateSyncobj(), Gpu.CreateSyncobj()];
        ulong* word = (ulong*)_machine.Word(0);
        *word = 0;
        uint* bad = (uint*)_machine.StoreBatch(1, (ulong)word, 1);
        *bad = uint.MaxValue;
        Assert.Equal(0, _machine.Exec(queue, (ulong)bad, FenceMachine.Syncobj(pending, signal: false), FenceMachine.Syncobj(done[0], signal: true)));
        ulong good = _machine.StoreBatch(2, (ulong)word, 5);
        Assert.Equal(0, _machine.Exec(queue, good, FenceMachine.Syncobj(done[1], signal: true)));
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(done, SyncobjClient.Later, Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, out _));
        Assert.True(Gpu.IsBanned(queue));
        Assert.Equal(0ul, *word);
        Assert.Equal(-Errno.ECANCELED, _machine.Exec(queue, good));
    }

    [Fact]
    [Trait("Rule", "8.DESTROY")]
    public void A_queue_that_waits_for_a_fence_can_be_destroyed()
    {
        uint pending = _machine.PendingSyncobj(0);
        uint done = Gpu.CreateSyncobj();
        uint queue = _machine.Spin(1, 0, FenceMachine.Syncobj(pending, signal: false), FenceMachine.Syncobj(done, signal: true));
        Assert.True(BlockingCall.Start(() => Gpu.DestroyQueue(queue)).EndsWithin(s_patience));
        Assert.Equal(0, Gpu.WaitFor(done, SyncobjClient.Later));
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(pending, SyncobjClient.Later));
        Assert.False(_machine.Runs(1));
    }

    [Fact]
    [Trait("Rule", "10.checks")]
    public void As_many_syncs_as_a_call_takes_are_all_waited_for_and_signalled()
    {
        uint[] handles = [.. Enumerable.Range(0, 512).Select(_ => Gpu.CreateSyncobj(Drm.DRM_SYNCOBJ_CREATE_SIGNALED))];
        uint pending = _machine.PendingSyncobj(0);
        handles[511] = pending;
        uint[] outs = [.. Enumerable.Range(0, 512).Select(_ => Gpu.CreateSyncobj())];
        drm_xe_sync[] syncs =
        [
            .. handles.Select(handle => FenceMachine.Syncobj(handle, signal: false)),
            .. outs.Select(handle => FenceMachine.Syncobj(handle, signal: true)),
        ];
        Assert.Equal(0, _machine.Exec(Gpu.Queue, _machine.StoreBatch(1, _machine.Word(0), 1), syncs));
        Assert.Equal(-Errno.ETIME, Gpu.WaitFor(outs, 0, 0, out _));
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(outs, SyncobjClient.Later, Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, out _));
    }

    [Fact]
    [Trait("Rule", "9.effects")]
    public void An_exec_with_syncobjs_and_the_wait_for_it_allocate_nothing()
    {
        uint binary = Gpu.CreateSyncobj(Drm.DRM_SYNCOBJ_CREATE_SIGNALED);
        uint timeline = Gpu.CreateSyncobj();
        ulong batch = _machine.StoreBatch(1, _machine.Word(0), 1);
        drm_xe_sync* syncs = stackalloc drm_xe_sync[3];
        ulong point = 0;
        ulong list = (ulong)syncs;
        Allocations.AssertNone(() =>
        {
            var records = (drm_xe_sync*)list;
            records[0] = FenceMachine.Syncobj(binary, signal: false);
            records[1] = FenceMachine.Syncobj(binary, signal: true);
            records[2] = FenceMachine.Syncobj(timeline, signal: true, ++point);
            int result = _machine.Exec(Gpu.Queue, batch, new ReadOnlySpan<drm_xe_sync>(records, 3));
            result |= Gpu.WaitForPoint(timeline, point, long.MaxValue) | Gpu.WaitFor(binary, long.MaxValue);
            if (result != 0)
            {
                Assert.Fail($"{result}");
            }
        });
    }

    private int ExecSync(drm_xe_sync sync) => _machine.Exec(Gpu.Queue, _machine.StoreBatch(9, _machine.Word(7), 1), sync);
}
