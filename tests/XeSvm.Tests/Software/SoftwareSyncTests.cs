using Microsoft.Win32.SafeHandles;
using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Simulation;

namespace XeSvm.Tests.Software;

/// <summary>Sync objects, and the kinds of VMs that use them, on the software backend.</summary>
[Collection(nameof(SoftwareCollection))]
public sealed class SoftwareSyncTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(2);

    private readonly XeDevice _device =
        XeDevice.Open(XeBackends.Select(BackendChoice.Software, new SoftwareBackendOptions { VramBytes = 64 << 20 }));

    [Fact]
    public void Binary_objects_and_timelines_are_waited_for_alone_and_together()
    {
        using SyncObject binary = _device.CreateSyncObject();
        using SyncObject timeline = _device.CreateSyncObject();
        Assert.Equal(Errno.EINVAL, binary.TryWait(TimeSpan.Zero).Errno);
        Assert.Equal(Errno.ETIME, binary.TryWait(TimeSpan.FromMilliseconds(1), SyncWaitOptions.WaitForSubmit).Errno);
        timeline.Signal(5);

        Assert.Equal(1, SyncObject.WaitAny([new(binary), new(timeline, 4)], s_timeout, SyncWaitOptions.WaitForSubmit));
        binary.Signal();
        SyncObject.WaitAll([new(binary), new(timeline, 5)], s_timeout);

        Assert.Equal(5UL, timeline.QueryPoint());
        Assert.Equal(Errno.EINVAL, timeline.TryWaitPoint(6, TimeSpan.Zero).Errno);
        binary.Reset();
        timeline.TransferTo(5, binary, 0);
        binary.Wait(TimeSpan.Zero);
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(7UL)]
    public async Task An_asynchronous_wait_ends_with_the_signal_the_time_or_the_cancellation(ulong point)
    {
        using SyncObject syncObject = _device.CreateSyncObject();
        XeException missing = await Assert.ThrowsAsync<XeException>(() => syncObject.WaitPointAsync(point, s_timeout));
        Assert.Equal(Errno.EINVAL, missing.Errno);
        XeException late = await Assert.ThrowsAsync<XeException>(() =>
            syncObject.WaitPointAsync(point, TimeSpan.FromMilliseconds(1), SyncWaitOptions.WaitForSubmit));
        Assert.Equal(Errno.ETIME, late.Errno);

        using CancellationTokenSource source = new();
        Task cancelled = syncObject.WaitPointAsync(point, Timeout.InfiniteTimeSpan, SyncWaitOptions.WaitForSubmit, source.Token);
        Task[] waits = [.. Enumerable.Range(0, 8).Select(_ => syncObject.WaitPointAsync(point, s_timeout, SyncWaitOptions.WaitForSubmit))];
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        Assert.All(waits, wait => Assert.False(wait.IsCompleted));
        if (point == 0)
        {
            syncObject.Signal();
        }
        else
        {
            syncObject.Signal(point);
        }

        await Task.WhenAll(waits);
        Task signalled = point == 0 ? syncObject.WaitAsync(TimeSpan.Zero) : syncObject.WaitPointAsync(point, TimeSpan.Zero);
        await signalled;
        syncObject.Dispose();
        Assert.Throws<ObjectDisposedException>(() => { _ = syncObject.WaitAsync(s_timeout); });
    }

    [Fact]
    public void The_PCI_barrier_of_a_discrete_device_can_be_stored_to_until_it_is_disposed()
    {
        using XePciBarrier barrier = _device.CreatePciBarrier();
        barrier.Store();
        barrier.Store();
        barrier.Dispose();
        barrier.Dispose();
        Assert.Throws<ObjectDisposedException>(barrier.Store);

        using XeDevice integrated = XeDevice.Open(XeBackends.Select(BackendChoice.Software, new SoftwareBackendOptions { Device = "lnl" }));
        Assert.Equal(Errno.EINVAL, integrated.TryCreatePciBarrier(out XePciBarrier? none).Errno);
        Assert.Null(none);
        Assert.Throws<XeException>(integrated.CreatePciBarrier);
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(7UL)]
    public async Task A_cancellation_ends_a_wait_and_a_signal_ends_one_that_can_be_cancelled(ulong point)
    {
        using SyncObject syncObject = _device.CreateSyncObject();
        using CancellationTokenSource source = new();
        using CancellationTokenSource quiet = new();
        Task cancelled = Task.Run(() => syncObject.WaitPoint(point, Timeout.InfiniteTimeSpan, SyncWaitOptions.WaitForSubmit, source.Token));
        Task<int> signalled = Task.Run(() =>
            SyncObject.WaitAny([new SyncPoint(syncObject, point)], Timeout.InfiniteTimeSpan, SyncWaitOptions.WaitForSubmit, quiet.Token));

        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        if (point == 0)
        {
            syncObject.Signal();
        }
        else
        {
            syncObject.Signal(point);
        }

        Assert.Equal(0, await signalled);
    }

    [Fact]
    public void Sync_objects_go_through_descriptors_and_sync_files()
    {
        using SyncObject original = _device.CreateSyncObject();
        using SafeFileHandle exported = original.Export();
        using SyncObject imported = _device.ImportSyncObject(exported);
        imported.Signal();
        original.Wait(TimeSpan.Zero);
        using SafeFileHandle file = original.ExportSyncFile();
        using SyncObject other = _device.CreateSyncObject();

        other.ImportSyncFile(file);

        other.Wait(TimeSpan.Zero);
        Assert.Equal(Errno.EINVAL, _device.TryImportSyncObject(file, out _).Errno);
    }

    [Fact]
    public void An_eventfd_is_counted_up_when_a_point_signals()
    {
        using SyncObject timeline = _device.CreateSyncObject();
        Assert.Equal(0, SystemCalls.CreateEventFd(out FileDescriptorHandle? eventFd));
        using (eventFd)
        {
            timeline.NotifyEvent(eventFd!, 3);
            timeline.Signal(3);

            byte[] count = new byte[8];
            Assert.Equal(8, SystemCalls.Read(eventFd!, count));
            Assert.Equal(1UL, BitConverter.ToUInt64(count));
        }
    }

    [Fact]
    public void Batches_of_a_dma_fence_vm_are_ordered_by_sync_objects()
    {
        using XeVm vm = _device.CreateVm(new XeVmOptions { Mode = XeVmMode.DmaFence });
        using XeQueue first = vm.CreateQueue(_device.FindEngine(XeEngineClass.Copy));
        using XeQueue second = vm.CreateQueue(_device.FindEngine(XeEngineClass.Compute));
        using XeBuffer buffer = _device.CreateBuffer(4096, MemoryLocation.System);
        using SyncObject gate = _device.CreateSyncObject();
        using SyncObject timeline = _device.CreateSyncObject();
        using GpuBatch one = StoreTo(vm, 1);
        using GpuBatch two = StoreTo(vm, 2);

        // The bind, too, is only waited for by the first batch.
        vm.SubmitBind([XeBindOperation.Map(buffer, 0, new GpuRange(0x4000_0000, 4096))], [XeSync.Signal(gate)]);
        first.Submit(one, [XeSync.Wait(gate), XeSync.Signal(timeline, 1)]);
        XeFencePoint end = second.Submit(two, [XeSync.Wait(timeline, 1), XeSync.Signal(timeline, 2)]);
        timeline.WaitPoint(2, s_timeout);
        end.Wait(s_timeout);

        Assert.Equal(2, buffer.Span[0]);
        Assert.Equal(2UL, timeline.QueryPoint());
        using SyncObject fence = _device.CreateSyncObject();
        second.SubmitFence(XeSync.Signal(fence));
        fence.Wait(s_timeout);
    }

    [Fact]
    public void A_long_running_vm_signals_no_sync_objects_and_can_be_disposed_before_its_queue()
    {
        XeVm vm = _device.CreateVm(new XeVmOptions { Mode = XeVmMode.LongRunning });
        XeQueue queue = vm.CreateQueue(_device.FindEngine(XeEngineClass.Copy));
        using XeBuffer buffer = _device.CreateBuffer(4096, MemoryLocation.System);
        using SyncObject syncObject = _device.CreateSyncObject();
        GpuBatch batch = StoreTo(vm, 9);
        vm.Bind(buffer, 0, new GpuRange(0x4000_0000, 4096));

        queue.Submit(batch).Wait(s_timeout);
        XeException exception = Assert.Throws<XeException>(() => queue.Submit(batch, [XeSync.Signal(syncObject)]));

        Assert.Equal(9, buffer.Span[0]);
        Assert.Equal(Errno.EOPNOTSUPP, exception.Errno);
        Assert.Contains("use the queue's fence", exception.NextStep, StringComparison.Ordinal);
        vm.Dispose();
        queue.Submit(batch).Wait(s_timeout);
        queue.Dispose();
        batch.Dispose();
    }

    [Fact]
    public void Binds_of_a_bind_queue_are_done_in_order()
    {
        using XeVm vm = _device.CreateVm();
        using XeBindQueue queue = vm.CreateBindQueue();
        using XeUserFence fence = _device.CreateUserFence();
        using XeBuffer buffer = _device.CreateBuffer(4096, MemoryLocation.System);
        GpuRange range = new(0x4000_0000, 4096);

        for (ulong value = 1; value <= 20; value++)
        {
            XeBindOperation operation = value % 2 == 0 ? XeBindOperation.Unmap(range) : XeBindOperation.Map(buffer, 0, range);
            vm.SubmitBind([operation], [XeSync.Signal(fence, value)], queue);
        }

        fence.Wait(20, s_timeout);
        Assert.Equal(20UL, fence.CurrentValue);
    }

    public void Dispose() => _device.Dispose();

    private static GpuBatch StoreTo(XeVm vm, uint value)
    {
        GpuBatch batch = vm.CreateBatch(4096);
        batch.StoreDword(0x4000_0000, value);
        batch.End();
        return batch;
    }
}
