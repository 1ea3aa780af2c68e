using Microsoft.Win32.SafeHandles;
using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Sync;

public sealed class SyncObjectTests : IDisposable
{
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(60);

    private readonly ScriptedBackend _backend = new();
    private readonly XeDevice _device;

    public SyncObjectTests() => _device = XeDevice.Open(_backend, _backend.Nodes[0]);

    private ScriptedFile Driver => _backend.File;

    [Fact]
    public void A_wait_without_a_fence_is_an_error_and_a_wait_for_its_submission_times_out()
    {
        using SyncObject syncObject = _device.CreateSyncObject();

        Assert.Equal(Errno.EINVAL, syncObject.TryWait(TimeSpan.Zero).Errno);
        Assert.Equal(Errno.ETIME, syncObject.TryWait(TimeSpan.FromMilliseconds(1), SyncWaitOptions.WaitForSubmit).Errno);
        XeException exception = Assert.Throws<XeException>(() => syncObject.Wait(TimeSpan.Zero));

        Assert.Equal("SYNCOBJ_WAIT", exception.Operation);
        Assert.Contains($"syncobj {syncObject.Handle} within 00:00:00", exception.Request, StringComparison.Ordinal);
        Assert.Contains("WaitForSubmit", exception.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public void A_signal_ends_waits_and_a_reset_takes_the_fence_out()
    {
        using SyncObject born = _device.CreateSyncObject(signaled: true);
        using SyncObject syncObject = _device.CreateSyncObject();
        born.Wait(TimeSpan.Zero);
        syncObject.Signal();
        syncObject.Wait(s_long);
        syncObject.Reset();

        Assert.Equal(Errno.EINVAL, syncObject.TryWait(TimeSpan.Zero).Errno);
    }

    [Fact]
    public void Points_of_a_timeline_signal_in_order()
    {
        using SyncObject timeline = _device.CreateSyncObject();
        timeline.Signal(5);

        Assert.True(timeline.TryWaitPoint(5, TimeSpan.Zero).IsSuccess);
        Assert.True(timeline.TryWaitPoint(3, TimeSpan.Zero).IsSuccess);
        Assert.Equal(Errno.EINVAL, timeline.TryWaitPoint(6, TimeSpan.Zero).Errno);
        Assert.Equal(Errno.ETIME, timeline.TryWaitPoint(6, TimeSpan.Zero, SyncWaitOptions.WaitForSubmit).Errno);
        Assert.Equal((5UL, 5UL), (timeline.QueryPoint(), timeline.QueryPoint(submitted: true)));
    }

    [Fact]
    public void A_point_that_is_submitted_but_not_signalled_is_available()
    {
        using SyncObject timeline = _device.CreateSyncObject();
        Driver.SyncObjects.Submit(timeline.Handle, 4, signaled: false);

        Assert.True(timeline.TryWaitPoint(4, TimeSpan.Zero, SyncWaitOptions.WaitAvailable).IsSuccess);
        Assert.Equal(Errno.ETIME, timeline.TryWaitPoint(4, TimeSpan.Zero).Errno);
        Assert.Equal((0UL, 4UL), (timeline.QueryPoint(), timeline.QueryPoint(submitted: true)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Waiting_for_any_names_one_that_has_signalled_and_waiting_for_all_needs_all(bool cancellable)
    {
        using CancellationTokenSource source = new();
        CancellationToken token = cancellable ? source.Token : CancellationToken.None;
        using SyncObject first = _device.CreateSyncObject();
        using SyncObject second = _device.CreateSyncObject();
        SyncPoint[] points = [new(first), new(second, 7)];
        second.Signal(7);

        Assert.Equal(1, SyncObject.WaitAny(points, s_long, SyncWaitOptions.WaitForSubmit, token));
        Assert.Equal(Errno.ETIME, SyncObject.TryWaitAll(points, TimeSpan.Zero, SyncWaitOptions.WaitForSubmit, token).Errno);
        Assert.Equal(Errno.EINVAL, SyncObject.TryWaitAll(points, s_long, SyncWaitOptions.None, token).Errno);
        Assert.Equal(Errno.EINVAL, SyncObject.TryWaitAny(points, s_long, out int none, SyncWaitOptions.None, token).Errno);
        first.Signal();
        SyncObject.WaitAll(points, s_long, SyncWaitOptions.None, token);

        Assert.Equal(-1, none);
        Assert.Equal(2, Driver.SyncObjects.Live);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_cancellation_ends_a_wait_without_end(bool all)
    {
        Driver.IsLogging = false;
        using CancellationTokenSource source = new();
        using SyncObject first = _device.CreateSyncObject();
        using SyncObject second = _device.CreateSyncObject();
        SyncPoint[] points = [new(first), new(second)];
        Task wait = Task.Run(() =>
        {
            if (all)
            {
                SyncObject.WaitAll(points, Timeout.InfiniteTimeSpan, SyncWaitOptions.WaitForSubmit, source.Token);
            }
            else
            {
                SyncObject.WaitAny(points, Timeout.InfiniteTimeSpan, SyncWaitOptions.WaitForSubmit, source.Token);
            }
        });
        SpinWait.SpinUntil(() => Driver.SyncObjects.Sleeping == 1);

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait);
        Assert.Equal(2, Driver.SyncObjects.Live);
    }

    [Fact]
    public async Task A_wait_that_can_be_cancelled_ends_with_its_fences()
    {
        Driver.IsLogging = false;
        using CancellationTokenSource source = new();
        using SyncObject first = _device.CreateSyncObject();
        using SyncObject second = _device.CreateSyncObject();
        Task wait = Task.Run(() => SyncObject.WaitAll(
            [new(first), new(second)], Timeout.InfiniteTimeSpan, SyncWaitOptions.WaitForSubmit, source.Token));
        SpinWait.SpinUntil(() => Driver.SyncObjects.Sleeping == 1);

        second.Signal();
        first.Signal();

        await wait;
    }

    [Fact]
    public void A_token_that_is_cancelled_already_ends_the_wait_before_it_begins()
    {
        using SyncObject syncObject = _device.CreateSyncObject(signaled: true);

        Assert.Throws<OperationCanceledException>(() => syncObject.Wait(s_long, SyncWaitOptions.None, new CancellationToken(canceled: true)));
    }

    [Fact]
    public void An_exported_sync_object_is_the_same_after_its_import()
    {
        using SyncObject original = _device.CreateSyncObject();
        using SafeFileHandle descriptor = original.Export();
        using SyncObject imported = _device.ImportSyncObject(descriptor);
        original.Dispose();
        imported.Signal();

        imported.Wait(TimeSpan.Zero);
        Assert.NotEqual(original.Handle, imported.Handle);
        Assert.Equal(Errno.EINVAL, imported.TryImportSyncFile(descriptor).Errno);
    }

    [Fact]
    public void A_sync_file_carries_the_fence_that_was_there()
    {
        using SyncObject source = _device.CreateSyncObject();
        XeException nothing = Assert.Throws<XeException>(() => source.ExportSyncFile());
        source.Signal(3);
        using SafeFileHandle file = source.ExportSyncFile(3);
        using SyncObject destination = _device.CreateSyncObject();

        destination.ImportSyncFile(file);

        destination.Wait(TimeSpan.Zero);
        Assert.Contains("no fence yet", nothing.NextStep, StringComparison.Ordinal);
        Assert.Equal(Errno.EINVAL, _device.TryImportSyncObject(file, out _).Errno);
    }

    [Fact]
    public void A_fence_can_be_transferred_to_a_point_of_a_timeline()
    {
        using SyncObject source = _device.CreateSyncObject(signaled: true);
        using SyncObject timeline = _device.CreateSyncObject();

        source.TransferTo(0, timeline, 9, waitForSubmit: true);

        Assert.Equal(9UL, timeline.QueryPoint());
        drm_syncobj_transfer request = Last<drm_syncobj_transfer>(Drm.DRM_IOCTL_SYNCOBJ_TRANSFER);
        Assert.Equal(
            (source.Handle, timeline.Handle, 0UL, 9UL, Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT),
            (request.src_handle, request.dst_handle, request.src_point, request.dst_point, request.flags));
        Assert.Equal(Errno.EINVAL, timeline.TryTransferTo(10, source, 0).Errno);
    }

    [Fact]
    public void An_eventfd_is_named_by_its_descriptor()
    {
        using SafeFileHandle descriptor = File.OpenHandle("/dev/null");
        using SyncObject timeline = _device.CreateSyncObject();

        timeline.NotifyEvent(descriptor, 12, whenAvailable: true);

        drm_syncobj_eventfd request = Last<drm_syncobj_eventfd>(Drm.DRM_IOCTL_SYNCOBJ_EVENTFD);
        Assert.Equal(
            (timeline.Handle, 12UL, (int)descriptor.DangerousGetHandle(), Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE),
            (request.handle, request.point, request.fd, request.flags));
        descriptor.Dispose();
        Assert.Throws<ObjectDisposedException>(() => timeline.NotifyEvent(descriptor));
    }

    [Fact]
    public void Deadlines_are_absolute_and_for_ever_is_the_latest_there_is()
    {
        using SyncObject syncObject = _device.CreateSyncObject(signaled: true);
        long before = Interop.Native.NativeMethods.xesvm_clock_monotonic_ns();
        syncObject.Wait(s_long);
        long ordinary = Last<drm_syncobj_wait>(Drm.DRM_IOCTL_SYNCOBJ_WAIT).timeout_nsec;
        syncObject.Wait(Timeout.InfiniteTimeSpan);
        long forEver = Last<drm_syncobj_wait>(Drm.DRM_IOCTL_SYNCOBJ_WAIT).timeout_nsec;
        syncObject.Wait(TimeSpan.MaxValue);

        Assert.InRange(ordinary, before + 60_000_000_000, before + 120_000_000_000);
        Assert.Equal(long.MaxValue, forEver);
        Assert.Equal(long.MaxValue, Last<drm_syncobj_wait>(Drm.DRM_IOCTL_SYNCOBJ_WAIT).timeout_nsec);
        Assert.Throws<ArgumentOutOfRangeException>(() => syncObject.Wait(TimeSpan.FromTicks(-5)));
    }

    [Fact]
    public void Points_that_cannot_be_waited_for_are_refused()
    {
        ScriptedBackend otherBackend = new();
        using XeDevice other = XeDevice.Open(otherBackend, otherBackend.Nodes[0]);
        using SyncObject mine = _device.CreateSyncObject(signaled: true);
        using SyncObject foreign = other.CreateSyncObject(signaled: true);

        Assert.Throws<ArgumentException>(() => SyncObject.WaitAll([], s_long));
        Assert.Throws<ArgumentException>(() => SyncObject.WaitAll([new(mine), default], s_long));
        ArgumentException exception = Assert.Throws<ArgumentException>(() => SyncObject.WaitAll([new(mine), new(foreign)], s_long));
        Assert.Throws<ArgumentException>(() => mine.TransferTo(0, foreign, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => mine.Wait(s_long, (SyncWaitOptions)0x80));

        Assert.Contains("another open device", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sync_object_that_is_disposed_during_a_wait_lets_the_wait_end()
    {
        Driver.IsLogging = false;
        SyncObject syncObject = _device.CreateSyncObject();
        uint handle = syncObject.Handle;
        Task<XeResult> wait = Task.Run(() => syncObject.TryWait(Timeout.InfiniteTimeSpan, SyncWaitOptions.WaitForSubmit));
        SpinWait.SpinUntil(() => Driver.SyncObjects.Sleeping == 1);

        syncObject.Dispose();
        syncObject.Dispose();
        Assert.Throws<ObjectDisposedException>(() => syncObject.Signal());
        Assert.Equal(1, Driver.SyncObjects.Live);
        Driver.SyncObjects.Submit(handle, 0, signaled: true);

        Assert.True((await wait).IsSuccess);
        Assert.Equal(0, Driver.SyncObjects.Live);
    }

    [Fact]
    public void Waiting_and_signalling_allocate_nothing()
    {
        using SyncObject first = _device.CreateSyncObject(signaled: true);
        using SyncObject timeline = _device.CreateSyncObject();
        SyncPoint[] points = [new(first), new(timeline, 1)];
        timeline.Signal(1);
        Driver.IsLogging = false;
        UseAll();
        long before = GC.GetAllocatedBytesForCurrentThread();

        for (int i = 0; i < 500; i++)
        {
            UseAll();
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void UseAll()
        {
            SyncObject.WaitAll(points, s_long);
            SyncObject.WaitAny(points, s_long);
            first.Wait(s_long);
            timeline.WaitPoint(1, s_long);
            timeline.QueryPoint();
            timeline.Signal(1);
        }
    }

    [Fact]
    public void A_hundred_points_are_waited_for_at_once()
    {
        SyncObject[] objects = [.. Enumerable.Range(0, 100).Select(_ => _device.CreateSyncObject(signaled: true))];

        SyncObject.WaitAll([.. objects.Select(item => new SyncPoint(item))], TimeSpan.Zero);

        Assert.Equal(100u, Last<drm_syncobj_wait>(Drm.DRM_IOCTL_SYNCOBJ_WAIT).count_handles);
        Array.ForEach(objects, item => item.Dispose());
    }

    public void Dispose()
    {
        _device.Dispose();
        Assert.Equal(0, Driver.LiveObjects);
        Assert.True(Driver.IsClosed);
    }

    private T Last<T>(uint request)
        where T : unmanaged => Driver.Log.Last(logged => logged.Number == request).Argument<T>();
}
