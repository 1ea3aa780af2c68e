using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Queues;

public sealed class XeQueueTests : IDisposable
{
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    private readonly ScriptedBackend _backend = new();
    private readonly XeDevice _device;
    private readonly XeVm _vm;
    private readonly XeQueue _queue;
    private readonly GpuBatch _batch;

    public XeQueueTests()
    {
        _device = XeDevice.Open(_backend, _backend.Nodes[0]);
        _vm = _device.CreateMirrorVm();
        _queue = _vm.CreateQueue(_device.FindEngine(XeEngineClass.Copy));
        _batch = _vm.CreateBatch(4096);
    }

    private ScriptedFile Driver => _backend.File;

    [Fact]
    public void A_queue_is_made_on_one_engine_in_its_vm()
    {
        drm_xe_exec_queue_create create = Last<drm_xe_exec_queue_create>(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE);

        Assert.Equal((1, 1, _vm.Id), (create.width, create.num_placements, create.vm_id));
        Assert.NotEqual(0UL, create.instances);
    }

    [Fact]
    public void Fence_and_batch_are_bound_where_the_cpu_sees_them()
    {
        drm_xe_vm_bind bind = Last<drm_xe_vm_bind>(DrmXe.DRM_IOCTL_XE_VM_BIND);

        Assert.Equal(_batch.GpuAddress, bind.bind.addr);
        Assert.NotEqual(0u, bind.bind.obj);
        Assert.Equal(DrmXe.DRM_XE_VM_BIND_FLAG_IMMEDIATE, bind.bind.flags);
        drm_xe_gem_create create = Last<drm_xe_gem_create>(DrmXe.DRM_IOCTL_XE_GEM_CREATE);
        Assert.Equal((1u, DrmXe.DRM_XE_GEM_CPU_CACHING_WB), (create.placement, create.cpu_caching));
    }

    [Fact]
    public void Submitting_runs_the_batch_and_raises_the_fence()
    {
        using SvmBuffer<ulong> memory = _vm.Allocate<ulong>(512);
        _batch.StoreQword(memory.GpuAddressOf(3), 0x1122334455667788);
        _batch.End();

        XeFencePoint first = _queue.Submit(_batch);
        XeFencePoint second = _queue.Submit(_batch);
        second.Wait(s_second);

        Assert.Equal(0x1122334455667788UL, memory[3]);
        Assert.Equal((1UL, 2UL), (first.Value, second.Value));
        Assert.True(first.IsReached);
        Assert.Equal(2UL, _queue.Fence.CurrentValue);
        drm_xe_exec exec = Last<drm_xe_exec>(DrmXe.DRM_IOCTL_XE_EXEC);
        Assert.Equal((_queue.Id, 1, 1u, _batch.GpuAddress), (exec.exec_queue_id, exec.num_batch_buffer, exec.num_syncs, exec.address));
        Assert.Equal(_queue.Id, Last<drm_xe_wait_user_fence>(DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE).exec_queue_id);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1500, 1_500_000_000)]
    [InlineData(-1, -1)]
    public void Timeouts_reach_the_driver_in_nanoseconds(int milliseconds, long expected)
    {
        _ = _queue.Fence.TryWait(0, TimeSpan.FromMilliseconds(milliseconds));

        drm_xe_wait_user_fence wait = Last<drm_xe_wait_user_fence>(DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE);
        Assert.Equal((expected, (ushort)0), (wait.timeout, wait.flags));
    }

    [Fact]
    public void The_longest_time_span_does_not_overflow()
    {
        _ = _queue.Fence.TryWait(0, TimeSpan.MaxValue);

        Assert.Equal(long.MaxValue, Last<drm_xe_wait_user_fence>(DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE).timeout);
    }

    [Fact]
    public void A_ban_is_told_by_the_wait_and_by_the_next_submission()
    {
        _batch.End();
        Driver.IsBanned = true;

        XeException wait = Assert.Throws<XeException>(() => _queue.Fence.Wait(1, s_second));
        XeException exec = Assert.Throws<XeException>(() => _queue.Submit(_batch));

        Assert.Equal((Errno.EIO, Errno.ECANCELED), (wait.Errno, exec.Errno));
        Assert.Contains("The queue was banned", wait.Message, StringComparison.Ordinal);
        Assert.Contains("The queue was banned", exec.Message, StringComparison.Ordinal);
        Assert.Equal(Errno.EIO, _queue.Fence.TryWait(1, s_second).Errno);
    }

    [Fact]
    public void A_wait_that_runs_out_says_etime()
    {
        XeException exception = Assert.Throws<XeException>(() => _queue.Fence.Wait(1, s_second));

        Assert.Equal(Errno.ETIME, exception.Errno);
        Assert.Contains("to reach 1 within 00:00:01", exception.Request, StringComparison.Ordinal);
    }

    [Fact]
    public void A_refused_submission_does_not_use_up_a_fence_value()
    {
        _batch.End();
        Driver.Fail(DrmXe.DRM_IOCTL_XE_EXEC, Errno.ENOMEM);
        Assert.False(_queue.TrySubmit(_batch, out _).IsSuccess);
        Driver.Fail(DrmXe.DRM_IOCTL_XE_EXEC, 0);

        Assert.Equal(1UL, _queue.Submit(_batch).Value);
    }

    [Fact]
    public void A_batch_that_was_not_ended_or_is_of_another_vm_is_refused()
    {
        Assert.Throws<InvalidOperationException>(() => _queue.Submit(_batch));

        using XeVm other = _device.CreateMirrorVm();
        using GpuBatch foreign = other.CreateBatch(64);
        foreign.End();
        Assert.Throws<ArgumentException>(() => _queue.Submit(foreign));
    }

    [Fact]
    public void A_disposed_queue_refuses_everything()
    {
        _batch.End();
        XeFencePoint point = _queue.Submit(_batch);
        _queue.Dispose();

        Assert.Throws<ObjectDisposedException>(() => _queue.Submit(_batch));
        Assert.Throws<ObjectDisposedException>(() => point.Wait(s_second));
        Assert.Throws<ObjectDisposedException>(() => point.IsReached);
    }

    [Fact]
    public void Submitting_and_waiting_allocate_nothing()
    {
        _batch.End();
        Driver.IsLogging = false;
        _queue.Submit(_batch).Wait(s_second);
        long before = GC.GetAllocatedBytesForCurrentThread();

        for (int i = 0; i < 1000; i++)
        {
            _queue.Submit(_batch).Wait(s_second);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public async Task Values_from_many_threads_are_all_different_and_all_reached()
    {
        _batch.End();
        Driver.IsLogging = false;

        ulong[][] values = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(
            () => Enumerable.Range(0, 250).Select(_ => _queue.Submit(_batch).Value).ToArray())));

        Assert.Equal(1000, values.SelectMany(value => value).Distinct().Count());
        Assert.Equal(1000UL, _queue.Fence.CurrentValue);
    }

    public void Dispose()
    {
        _batch.Dispose();
        _queue.Dispose();
        _vm.Dispose();
        _device.Dispose();
        Assert.Equal(0, Driver.LiveObjects);
        Assert.True(Driver.IsClosed);
    }

    private T Last<T>(uint request)
        where T : unmanaged => Driver.Log.Last(logged => logged.Number == request).Argument<T>();
}
