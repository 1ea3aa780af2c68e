using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Fences;
using XeSvm.Simulation.Gpu;

using static XeSvm.Interop.Uapi.Drm;

namespace XeSvm.Simulation.Tests.Driver.Fences;

/// <summary>SYNCOBJ_CREATE, DESTROY, RESET, SIGNAL, TIMELINE_SIGNAL, QUERY and TRANSFER.</summary>
public sealed unsafe class SyncobjTests : IDisposable
{
    private const uint Unknown = 77;
    private readonly DrmClient _client = new();

    public void Dispose() => _client.Dispose();

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_CREATE")]
    public void Creating_takes_no_flag_but_SIGNALED_and_handles_begin_at_1()
    {
        var create = new drm_syncobj_create { flags = 2 };
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DRM_IOCTL_SYNCOBJ_CREATE, ref create));
        Assert.Equal([1u, 2u, 3u], Enumerable.Range(0, 3).Select(_ => _client.CreateSyncobj()));
        Assert.Equal(0, _client.DestroySyncobj(2));
        Assert.Equal(2u, _client.CreateSyncobj());
        Assert.Equal(0, _client.WaitFor(_client.CreateSyncobj(DRM_SYNCOBJ_CREATE_SIGNALED)));
        Assert.Equal(-Errno.EINVAL, _client.WaitFor(1));
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_DESTROY")]
    [Trait("Rule", "19.unknown-syncobj")]
    public void Destroying_wants_no_pad_and_a_handle_that_exists()
    {
        uint handle = _client.CreateSyncobj();
        var destroy = new drm_syncobj_destroy { handle = handle, pad = 1 };
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DRM_IOCTL_SYNCOBJ_DESTROY, ref destroy));
        Assert.Equal(-Errno.EINVAL, _client.DestroySyncobj(Unknown));
        Assert.Equal(-Errno.EINVAL, _client.DestroySyncobj(0));
        Assert.Equal(0, _client.DestroySyncobj(handle));
        Assert.Equal(-Errno.EINVAL, _client.DestroySyncobj(handle));
    }

    [Fact]
    [Trait("Rule", "20.file")]
    public void Handles_belong_to_one_file()
    {
        using var other = new DrmClient(_client);
        uint handle = _client.CreateSyncobj();
        Assert.Equal(-Errno.EINVAL, other.DestroySyncobj(handle));
        Assert.Equal(-Errno.ENOENT, other.Signal(handle));
    }

    [Theory]
    [InlineData(DRM_IOCTL_SYNCOBJ_RESET)]
    [InlineData(DRM_IOCTL_SYNCOBJ_SIGNAL)]
    [Trait("Rule", "15.SYNCOBJ_RESET_SIGNAL")]
    public void Reset_and_signal_want_handles_that_exist_and_change_nothing_otherwise(uint request)
    {
        uint* handles = stackalloc uint[2];
        handles[0] = _client.CreateSyncobj(request == DRM_IOCTL_SYNCOBJ_RESET ? DRM_SYNCOBJ_CREATE_SIGNALED : 0);
        handles[1] = Unknown;
        int before = _client.WaitFor(handles[0]);
        var array = new drm_syncobj_array { handles = (ulong)handles, count_handles = 0 };
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(request, ref array));
        array = new drm_syncobj_array { handles = (ulong)handles, count_handles = 1, pad = 1 };
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(request, ref array));
        array = new drm_syncobj_array { handles = DrmClient.BadPointer, count_handles = 1 };
        Assert.Equal(-Errno.EFAULT, _client.Ioctl(request, ref array));
        array = new drm_syncobj_array { handles = (ulong)handles, count_handles = uint.MaxValue };
        Assert.Equal(-Errno.ENOMEM, _client.Ioctl(request, ref array));
        array = new drm_syncobj_array { handles = (ulong)handles, count_handles = 2 };
        Assert.Equal(-Errno.ENOENT, _client.Ioctl(request, ref array));
        Assert.Equal(before, _client.WaitFor(handles[0]));
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_RESET_SIGNAL")]
    public void Signal_gives_a_signalled_fence_and_reset_takes_it_out()
    {
        uint[] handles = [_client.CreateSyncobj(), _client.CreateSyncobj()];
        Assert.Equal(0, _client.Signal(handles));
        Assert.All(handles, handle => Assert.Equal(0, _client.WaitFor(handle)));
        Assert.Equal(0, _client.Reset(handles));
        Assert.All(handles, handle => Assert.Equal(-Errno.EINVAL, _client.WaitFor(handle)));
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_TIMELINE_SIGNAL")]
    public void A_timeline_signal_wants_no_flags_and_takes_missing_points_as_zeros()
    {
        uint handle = _client.CreateSyncobj();
        ulong point = 5;
        var signal = new drm_syncobj_timeline_array { handles = (ulong)&handle, points = (ulong)&point, count_handles = 1, flags = 1 };
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, ref signal));
        signal = signal with { flags = 0, count_handles = 0 };
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, ref signal));
        signal = signal with { count_handles = 1, points = DrmClient.BadPointer };
        Assert.Equal(-Errno.EFAULT, _client.Ioctl(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, ref signal));
        Assert.Equal(-Errno.ENOENT, _client.SignalPoint(Unknown, 1));
        Assert.Equal(-Errno.EINVAL, _client.WaitFor(handle));
        signal = signal with { points = 0 };
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, ref signal));
        Assert.Equal(0, _client.WaitFor(handle));
        Assert.Equal(0ul, _client.QueryPoint(handle));
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_TIMELINE_SIGNAL")]
    public void A_point_that_is_not_above_the_last_one_is_accepted()
    {
        uint handle = _client.CreateSyncobj();
        Assert.Equal(0, _client.SignalPoint(handle, 5));
        Assert.Equal(0, _client.SignalPoint(handle, 3));
        Assert.Equal(5ul, _client.QueryPoint(handle));
        Assert.Equal(0, _client.SignalPoint(handle, 7));
        Assert.Equal(7ul, _client.QueryPoint(handle));
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_QUERY")]
    public void A_query_wants_known_flags_and_reports_0_for_a_binary_syncobj()
    {
        uint handle = _client.CreateSyncobj(DRM_SYNCOBJ_CREATE_SIGNALED);
        ulong point;
        var query = new drm_syncobj_timeline_array { handles = (ulong)&handle, points = (ulong)&point, count_handles = 1, flags = 2 };
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DRM_IOCTL_SYNCOBJ_QUERY, ref query));
        query = query with { flags = 0, count_handles = 0 };
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DRM_IOCTL_SYNCOBJ_QUERY, ref query));
        query = query with { count_handles = 1, points = DrmClient.BadPointer };
        Assert.Equal(-Errno.EFAULT, _client.Ioctl(DRM_IOCTL_SYNCOBJ_QUERY, ref query));
        uint unknown = Unknown;
        query = query with { handles = (ulong)&unknown };
        Assert.Equal(-Errno.ENOENT, _client.Ioctl(DRM_IOCTL_SYNCOBJ_QUERY, ref query));
        Assert.Equal(0ul, _client.QueryPoint(handle));
        Assert.Equal(0ul, _client.QueryPoint(handle, DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED));
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_QUERY")]
    public void A_query_tells_how_far_a_timeline_is_signalled_or_submitted()
    {
        using var machine = new FenceMachine();
        DrmClient gpu = machine.Gpu;
        uint handle = gpu.CreateSyncobj();
        Assert.Equal(0, gpu.SignalPoint(handle, 2));
        machine.Spin(0, 0, FenceMachine.Syncobj(handle, signal: true, point: 4));
        Assert.Equal(0, gpu.SignalPoint(handle, 6));
        Assert.Equal(2ul, gpu.QueryPoint(handle));
        Assert.Equal(6ul, gpu.QueryPoint(handle, DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED));
        Assert.Equal(0, gpu.WaitForPoint(handle, 2));
        Assert.Equal(-Errno.ETIME, gpu.WaitForPoint(handle, 3));
        Assert.Equal(-Errno.ETIME, gpu.WaitForPoint(handle, 6)); // signalled itself, but not what is before it
        machine.WaitUntilRuns(0);
        machine.End(0);
        Assert.Equal(0, gpu.WaitForPoint(handle, 6, SyncobjClient.Later));
        Assert.Equal(6ul, gpu.QueryPoint(handle));
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_TRANSFER")]
    public void A_transfer_checks_pad_then_the_destination_then_flags_and_the_source()
    {
        uint source = _client.CreateSyncobj();
        uint destination = _client.CreateSyncobj();
        Assert.Equal(-Errno.EINVAL, _client.Transfer(source, 0, Unknown, 0, pad: 1));
        Assert.Equal(-Errno.ENOENT, _client.Transfer(source, 0, Unknown, 0));
        Assert.Equal(-Errno.ENOENT, _client.Transfer(Unknown, 0, destination, 0));
        Assert.Equal(-Errno.EINVAL, _client.Transfer(source, 0, destination, 0, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL));
        Assert.Equal(-Errno.EINVAL, _client.Transfer(source, 0, destination, 0));
        Assert.Equal(-Errno.EINVAL, _client.WaitFor(destination));
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_TRANSFER")]
    public void A_transfer_copies_a_fence_to_a_point_or_to_a_binary_syncobj()
    {
        using var machine = new FenceMachine();
        DrmClient gpu = machine.Gpu;
        uint pending = machine.PendingSyncobj(0);
        uint timeline = gpu.CreateSyncobj();
        uint binary = gpu.CreateSyncobj(DRM_SYNCOBJ_CREATE_SIGNALED);
        Assert.Equal(0, gpu.Transfer(pending, 0, timeline, 10));
        Assert.Equal(10ul, gpu.QueryPoint(timeline, DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED));
        Assert.Equal(-Errno.EINVAL, gpu.Transfer(timeline, 11, binary, 0));
        Assert.Equal(0, gpu.WaitFor(binary));
        Assert.Equal(0, gpu.Transfer(timeline, 9, binary, 0));
        Assert.Equal(-Errno.ETIME, gpu.WaitFor(binary));
        Assert.Equal(0, gpu.DestroySyncobj(pending)); // the fence lives on
        machine.End(0);
        Assert.Equal(0, gpu.WaitFor(binary, SyncobjClient.Later));
        Assert.Equal(10ul, gpu.QueryPoint(timeline));
    }

    [Fact]
    [Trait("Rule", "15.SYNCOBJ_TRANSFER")]
    public void A_transfer_can_wait_for_the_fence_to_be_submitted_for_a_time()
    {
        Assert.Equal(TimeSpan.FromSeconds(5), _client.Device.SyncobjSubmitTimeout);
        _client.Device.SyncobjSubmitTimeout = TimeSpan.FromMilliseconds(20);
        uint source = _client.CreateSyncobj();
        uint destination = _client.CreateSyncobj();
        Assert.Equal(-Errno.ETIME, _client.Transfer(source, 0, destination, 0, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT));
        _client.Device.SyncobjSubmitTimeout = TimeSpan.FromSeconds(30);
        var task = BlockingCall.Start(() => _client.Transfer(source, 3, destination, 0, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT));
        Assert.Equal(0, _client.SignalPoint(source, 2)); // not far enough
        Assert.Equal(0, _client.SignalPoint(source, 3));
        Assert.True(task.EndsWithin(TimeSpan.FromSeconds(20)));
        Assert.Equal(0, task.Result);
        Assert.Equal(0, _client.WaitFor(destination));
    }

    [Fact]
    [Trait("Rule", "20.fence")]
    public void A_fence_is_signalled_once_and_keeps_its_first_error()
    {
        var timeline = new FenceTimeline();
        var fences = Enumerable.Range(1, 4).Select(sequence => new DmaFence(timeline, sequence)).ToArray();
        timeline.Complete(1);
        Assert.Equal([1, 0, 0, 0], fences.Select(fence => fence.Status));
        timeline.Complete(2, -Errno.EIO);
        timeline.Complete(4, -Errno.EINVAL);
        Assert.Equal([1, -Errno.EIO, -Errno.ECANCELED, -Errno.ECANCELED], fences.Select(fence => fence.Status));
        Assert.True(DmaFence.Stub.IsSignaled);
        Assert.False(default(DmaFence).IsPresent);
    }

    [Fact]
    [Trait("Rule", "20.fence")]
    public void A_fence_of_several_is_signalled_with_the_last_of_them()
    {
        var first = new FenceTimeline();
        var second = new FenceTimeline();
        DmaFence merged = FenceArray.Merge([new DmaFence(first, 1), DmaFence.Stub, new DmaFence(second, 5)]);
        second.Complete(5);
        Assert.False(merged.IsSignaled);
        first.Complete(1, -Errno.EIO);
        Assert.Equal(-Errno.EIO, merged.Status);
        Assert.Equal(1, FenceArray.Merge([]).Status);
    }

    [Fact]
    [Trait("Rule", "20.syncobj")]
    public void A_timeline_keeps_no_signalled_points_but_the_last()
    {
        var syncobj = new Syncobj();
        var pending = new DmaFence(new FenceTimeline(), 1);
        syncobj.AddPoint(pending, 1);
        for (ulong point = 2; point < 10_000; point++)
        {
            syncobj.AddPoint(DmaFence.Stub, point);
        }

        var fences = new List<DmaFence>();
        Assert.Equal(SyncobjPoint.Present, syncobj.Find(5000, fences));
        Assert.Equal([pending], fences);
        Assert.Equal(0ul, syncobj.Query(lastSubmitted: false));
        pending.Timeline!.Complete(1);
        Assert.Equal(9999ul, syncobj.Query(lastSubmitted: false));
        Assert.Equal(SyncobjPoint.Passed, syncobj.Find(5000, null));
    }
}
