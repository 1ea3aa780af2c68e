using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Tests.Gpu.Support;

using Xunit.Abstractions;
using static XeSvm.Interop.Uapi.Drm;

namespace XeSvm.Simulation.Tests.Driver.Fences;

/// <summary>SYNCOBJ_WAIT and SYNCOBJ_TIMELINE_WAIT.</summary>
[Trait("Rule", "15.SYNCOBJ_WAIT")]
public sealed unsafe class SyncobjWaitTests(ITestOutputHelper output) : IDisposable
{
    private const uint Unknown = 77;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);
    private readonly FenceMachine _machine = new();

    private GpuClient Gpu => _machine.Gpu;

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void Unknown_flags_are_EINVAL_and_AVAILABLE_is_for_timelines_only()
    {
        uint handle = Gpu.CreateSyncobj(DRM_SYNCOBJ_CREATE_SIGNALED);
        Assert.Equal(-Errno.EINVAL, Gpu.WaitFor(handle, 0, 0x10));
        Assert.Equal(-Errno.EINVAL, Gpu.WaitFor(handle, 0, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE));
        Assert.Equal(-Errno.EINVAL, Gpu.WaitForPoint(handle, 0, 0, 0x10));
        Assert.Equal(0, Gpu.WaitForPoint(handle, 0, 0, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE));
        Assert.Equal(0, Gpu.WaitFor(handle, 0, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_DEADLINE));
    }

    [Fact]
    public void Without_handles_a_wait_returns_at_once_whatever_else_is_wrong()
    {
        var wait = new drm_syncobj_wait { handles = DrmClient.BadPointer, timeout_nsec = long.MaxValue };
        Assert.Equal(0, Gpu.Ioctl(DRM_IOCTL_SYNCOBJ_WAIT, ref wait));
        wait.flags = 0x10;
        Assert.Equal(-Errno.EINVAL, Gpu.Ioctl(DRM_IOCTL_SYNCOBJ_WAIT, ref wait));
    }

    [Fact]
    public void Bad_pointers_and_unknown_handles_have_their_errno()
    {
        uint handle = Gpu.CreateSyncobj(DRM_SYNCOBJ_CREATE_SIGNALED);
        var wait = new drm_syncobj_wait { handles = DrmClient.BadPointer, count_handles = 1 };
        Assert.Equal(-Errno.EFAULT, Gpu.Ioctl(DRM_IOCTL_SYNCOBJ_WAIT, ref wait));
        Assert.Equal(-Errno.ENOENT, Gpu.WaitFor([handle, Unknown], 0, 0, out _));
        var timeline = new drm_syncobj_timeline_wait { handles = (ulong)&handle, points = DrmClient.BadPointer, count_handles = 1 };
        Assert.Equal(-Errno.EFAULT, Gpu.Ioctl(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, ref timeline));
        timeline.points = 0; // as zeros
        Assert.Equal(0, Gpu.Ioctl(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, ref timeline));
    }

    [Fact]
    public void A_missing_fence_is_EINVAL_unless_its_submission_is_waited_for()
    {
        uint signaled = Gpu.CreateSyncobj(DRM_SYNCOBJ_CREATE_SIGNALED);
        uint empty = Gpu.CreateSyncobj();
        Assert.Equal(-Errno.EINVAL, Gpu.WaitFor([signaled, empty], 0, 0, out _));
        Assert.Equal(0, Gpu.WaitFor([empty, signaled], 0, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, out uint first));
        Assert.Equal(1u, first);
        Assert.Equal(-Errno.ETIME, Gpu.WaitFor(empty, 0, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT));
        Assert.Equal(0, Gpu.SignalPoint(empty, 5));
        Assert.Equal(-Errno.EINVAL, Gpu.WaitForPoint(empty, 6));
        Assert.Equal(-Errno.ETIME, Gpu.WaitForPoint(empty, 6, 0, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT));
        Assert.Equal(-Errno.EINVAL, Gpu.WaitForPoint(signaled, 1)); // no timeline
    }

    [Fact]
    [Trait("Rule", "19.timeout")]
    [Trait("Rule", "15.SYNCOBJ_WAIT")]
    public void A_time_of_0_and_one_in_the_past_only_look_and_later_ones_end_in_ETIME()
    {
        uint pending = _machine.PendingSyncobj(0);
        Assert.Equal(-Errno.ETIME, Gpu.WaitFor(pending));
        Assert.Equal(-Errno.ETIME, Gpu.WaitFor(pending, 1));
        Assert.Equal(-Errno.ETIME, Gpu.WaitFor(pending, -5));
        long until = System.Diagnostics.Stopwatch.GetTimestamp() + 5_000_000;
        Assert.Equal(-Errno.ETIME, Gpu.WaitFor(pending, until));
        Assert.True(System.Diagnostics.Stopwatch.GetTimestamp() >= until);
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(pending, SyncobjClient.Later));
    }

    [Fact]
    public void One_signalled_syncobj_ends_a_wait_for_any_and_says_which()
    {
        uint first = _machine.PendingSyncobj(0);
        uint second = _machine.PendingSyncobj(1);
        var task = BlockingCall.Start(() => (Gpu.WaitFor([first, second], SyncobjClient.Later, 0, out uint which), which));
        _machine.End(1);
        Assert.True(task.EndsWithin(s_patience));
        Assert.Equal((0, 1u), task.Result);
        Assert.Equal(-Errno.ETIME, Gpu.WaitFor([first, second], 0, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, out _));
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor([first, second], SyncobjClient.Later, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, out _));
    }

    [Fact]
    public void A_wait_for_submission_sees_the_fence_that_comes_and_then_waits_for_it()
    {
        uint handle = Gpu.CreateSyncobj();
        var task = BlockingCall.Start(() => Gpu.WaitFor(handle, SyncobjClient.Later, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT));
        _machine.Spin(0, 0, FenceMachine.Syncobj(handle, signal: true));
        _machine.WaitUntilRuns(0);
        Assert.False(task.HasEnded);
        _machine.End(0);
        Assert.True(task.EndsWithin(s_patience));
        Assert.Equal(0, task.Result);
    }

    [Fact]
    public void A_fence_that_is_taken_out_again_is_still_what_a_wait_waits_for()
    {
        for (int round = 0; round < 50; round++)
        {
            uint handle = Gpu.CreateSyncobj();
            using var begun = new ManualResetEventSlim();
            var task = BlockingCall.Start(() =>
            {
                begun.Set();
                return Gpu.WaitFor(handle, SyncobjClient.Later, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT);
            });
            begun.Wait();
            while (!task.EndsWithin(0))
            {
                Assert.Equal(0, Gpu.Signal(handle));
                Assert.Equal(0, Gpu.Reset(handle));
            }

            Assert.Equal(0, task.Result);
            Assert.Equal(0, Gpu.DestroySyncobj(handle));
        }
    }

    [Fact]
    public void A_wait_for_availability_ends_when_the_point_is_submitted_be_it_signalled_or_not()
    {
        uint handle = Gpu.CreateSyncobj();
        Assert.Equal(-Errno.ETIME, Gpu.WaitForPoint(handle, 4, 0, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE));
        var task = BlockingCall.Start(() => Gpu.WaitForPoint(handle, 4, SyncobjClient.Later, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE));
        _machine.Spin(0, 0, FenceMachine.Syncobj(handle, signal: true, point: 4));
        Assert.True(task.EndsWithin(s_patience));
        Assert.Equal(0, task.Result);
        Assert.Equal(-Errno.ETIME, Gpu.WaitForPoint(handle, 4));
        _machine.WaitUntilRuns(0);
        _machine.End(0);
    }

    [Fact]
    public void Destroying_a_syncobj_does_not_disturb_who_waits_for_it()
    {
        uint pending = _machine.PendingSyncobj(0);
        var task = BlockingCall.Start(() => Gpu.WaitFor(pending, SyncobjClient.Later));
        Assert.False(task.EndsWithin(10));
        Assert.Equal(0, Gpu.DestroySyncobj(pending));
        _machine.End(0);
        Assert.True(task.EndsWithin(s_patience));
        Assert.Contains(task.Result, (int[])[0, -Errno.ENOENT]); // it may have come too late
    }

    [Fact]
    [Trait("Rule", "8.DESTROY")]
    [Trait("Rule", "15.SYNCOBJ_WAIT")]
    public void A_killed_queues_fences_are_signalled_and_end_the_wait()
    {
        uint handle = Gpu.CreateSyncobj();
        uint queue = _machine.Spin(0, 0, FenceMachine.Syncobj(handle, signal: true));
        _machine.WaitUntilRuns(0);
        var task = BlockingCall.Start(() => Gpu.WaitFor(handle, SyncobjClient.Later));
        Assert.Equal(0, Gpu.DestroyQueue(queue));
        Assert.True(task.EndsWithin(s_patience));
        Assert.Equal(0, task.Result);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Closing_the_file_ends_a_wait_that_nothing_else_would_end(bool timeline)
    {
        uint handle = Gpu.CreateSyncobj();
        const uint flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;
        var task = BlockingCall.Start(() => timeline
            ? Gpu.WaitForPoint(handle, 1, long.MaxValue, flags)
            : Gpu.WaitFor(handle, long.MaxValue, flags));
        Assert.False(task.EndsWithin(10));
        Assert.True(BlockingCall.Start(Gpu.File.Dispose).EndsWithin(s_patience));
        Assert.True(task.EndsWithin(s_patience));
        Assert.Contains(task.Result, (int[])[-Errno.EINTR, -Errno.EBADF]);
    }

    [Fact]
    public void Signalling_and_waiting_from_many_threads_loses_no_wake()
    {
        const int rounds = 500;
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        uint ping = Gpu.CreateSyncobj();
        uint pong = Gpu.CreateSyncobj();
        const uint flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;
        var other = BlockingCall.Start(() =>
        {
            for (ulong round = 1; round <= rounds; round++)
            {
                Assert.Equal(0, Gpu.WaitForPoint(ping, round, SyncobjClient.Later, flags));
                Assert.Equal(0, Gpu.SignalPoint(pong, round));
            }
        });
        for (ulong round = 1; round <= rounds; round++)
        {
            Assert.Equal(0, Gpu.SignalPoint(ping, round));
            Assert.Equal(0, Gpu.WaitForPoint(pong, round, SyncobjClient.Later, flags));
        }

        Assert.True(other.EndsWithin(s_patience));
    }

    [Theory]
    [InlineData(long.MinValue)]
    [InlineData(-1)]
    [InlineData(1)]
    public void A_deadline_however_far_in_the_past_only_looks(long deadline)
    {
        uint handle = Gpu.CreateSyncobj();
        var wait = BlockingCall.Start(() => Gpu.WaitFor(handle, deadline, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT));
        bool ended = wait.EndsWithin(s_patience);
        Gpu.Signal(handle);
        Assert.True(ended);
        Assert.Equal(-Errno.ETIME, wait.Result);
    }

    [Fact]
    public void Signalling_and_waiting_allocates_nothing()
    {
        uint binary = Gpu.CreateSyncobj();
        uint timeline = Gpu.CreateSyncobj();
        ulong point = 0;
        Allocations.AssertNone(() =>
        {
            point++;
            int result = Gpu.Signal(binary) | Gpu.WaitFor(binary) | Gpu.Reset(binary)
                | Gpu.SignalPoint(timeline, point) | Gpu.WaitForPoint(timeline, point);
            if (result != 0)
            {
                Assert.Fail($"{result}");
            }
        });
    }
}
