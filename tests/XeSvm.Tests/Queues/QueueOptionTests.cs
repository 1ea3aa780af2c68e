using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Queues;

public sealed unsafe class QueueOptionTests : IDisposable
{
    private readonly ScriptedBackend _backend = new();
    private readonly XeDevice _device;
    private readonly XeVm _vm;
    private readonly List<(uint Property, ulong Value)> _properties = [];
    private readonly List<(int Class, int Instance)> _engines = [];
    private readonly List<drm_xe_sync> _syncs = [];

    public QueueOptionTests()
    {
        _device = XeDevice.Open(_backend, _backend.Nodes[0]);
        _vm = _device.CreateVm(new XeVmOptions { Mode = XeVmMode.DmaFence });
        Driver.Observe = Record;
    }

    private ScriptedFile Driver => _backend.File;

    [Fact]
    public void Properties_are_chained_in_an_order_that_the_driver_takes()
    {
        using XeQueue primary = _vm.CreateQueue(new XeQueueOptions { Engines = [_device.Engines[0]], StartsGroup = true });
        Assert.Equal([(DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_GROUP, DrmXe.DRM_XE_MULTI_GROUP_CREATE)], _properties);
        _properties.Clear();

        using XeQueue queue = _vm.CreateQueue(new XeQueueOptions
        {
            Engines = [_device.Engines[0]],
            Priority = 1,
            Timeslice = TimeSpan.FromMilliseconds(2),
            ProtectedContent = true,
            DisableStateCachePerfFix = true,
            LowLatencyHint = true,
            GroupPrimary = primary,
            GroupPriority = 2,
        });

        Assert.Equal(
            [
                (DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY, 1UL),
                (DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_TIMESLICE, 2000UL),
                (DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_PXP_TYPE, DrmXe.DRM_XE_PXP_TYPE_HWDRM),
                (DrmXe.DRM_XE_EXEC_QUEUE_SET_DISABLE_STATE_CACHE_PERF_FIX, 1UL),
                (DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_GROUP, primary.Id),
                (DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_QUEUE_PRIORITY, 2UL),
            ],
            _properties);
        Assert.Equal(DrmXe.DRM_XE_EXEC_QUEUE_LOW_LATENCY_HINT, Last<drm_xe_exec_queue_create>(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE).flags);
        queue.SetGroupPriority(1);
        Assert.Equal(Errno.EINVAL, queue.TrySetGroupPriority(3).Errno);
        Assert.Contains("only queues in a group", Assert.Throws<XeException>(() => queue.SetGroupPriority(3)).NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wide_queue_has_a_matrix_of_engines_and_takes_as_many_batches()
    {
        XeEngine[] engines = [.. Enumerable.Range(0, 4).Select(instance => new XeEngine(XeEngineClass.VideoDecode, instance, 0))];
        using XeQueue queue = _vm.CreateQueue(new XeQueueOptions { Engines = engines, Width = 2 });
        using GpuBatch first = _vm.CreateBatch(64);
        using GpuBatch second = _vm.CreateBatch(64);
        first.End();
        second.End();

        queue.Submit([first.GpuAddress, second.GpuAddress], []).Wait(TimeSpan.FromMinutes(1));

        drm_xe_exec_queue_create create = Last<drm_xe_exec_queue_create>(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE);
        Assert.Equal((2, 2), (create.width, create.num_placements));
        Assert.Equal([(2, 0), (2, 1), (2, 2), (2, 3)], _engines);
        Assert.Equal(2, Last<drm_xe_exec>(DrmXe.DRM_IOCTL_XE_EXEC).num_batch_buffer);
        Assert.Throws<ArgumentException>(() => queue.Submit(first));
    }

    [Fact]
    public void Options_that_make_no_sense_are_refused_before_the_driver_is_asked()
    {
        XeEngine engine = _device.Engines[0];
        XeQueueOptions good = new() { Engines = [engine] };
        XeQueueOptions[] bad =
        [
            good with { Engines = [] },
            good with { Width = 2 },
            good with { Width = 0 },
            good with { Engines = [.. Enumerable.Repeat(engine, 10)] },
            good with { Timeslice = TimeSpan.FromTicks(15) },
            good with { Timeslice = TimeSpan.Zero },
        ];

        Assert.All(bad, options => Assert.Throws<ArgumentException>(() => _vm.CreateQueue(options)));

        Assert.DoesNotContain(Driver.Log, item => item.Number == DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE);
        Assert.Equal((1, 0), (Driver.LiveObjects, Driver.LiveMappings));
    }

    [Fact]
    public void A_refused_queue_is_described()
    {
        Driver.Fail(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE, Errno.EPERM);
        XeQueueOptions options = new() { Engines = [_device.Engines[0], _device.Engines[0]], Priority = 2, Timeslice = TimeSpan.FromMicroseconds(5) };

        XeException exception = Assert.Throws<XeException>(() => _vm.CreateQueue(options));

        Assert.Equal($"engine render0@gt0 or render0@gt0, priority 2, time slice 5 us in VM {_vm.Id}", exception.Request);
        Assert.Contains("CAP_SYS_NICE", exception.NextStep, StringComparison.Ordinal);
        Assert.Equal(Errno.EPERM, _vm.TryCreateQueue(options, out XeQueue? none).Errno);
        Assert.Null(none);
    }

    [Fact]
    public void Batches_wait_for_sync_objects_and_signal_them()
    {
        using XeQueue queue = _vm.CreateQueue(_device.Engines[0]);
        using GpuBatch batch = _vm.CreateBatch(64);
        using SyncObject before = _device.CreateSyncObject(signaled: true);
        using SyncObject after = _device.CreateSyncObject();
        batch.End();

        XeFencePoint point = queue.Submit(batch, [XeSync.Wait(before), XeSync.Signal(after, 4)]);

        Assert.Equal([(0u, 0u), (1u, 1u), (2u, 1u)], _syncs.Select(sync => (sync.type, sync.flags)));
        Assert.Equal((queue.Fence.GpuAddress, 1UL), (_syncs[2].addr, _syncs[2].timeline_value));
        Assert.Equal(4UL, after.QueryPoint());
        Assert.True(point.IsReached);
        Assert.Equal(Errno.EINVAL, queue.TrySubmit(batch, [XeSync.Wait(after, 5)], out _).Errno);
        XeException exception = Assert.Throws<XeException>(() => queue.Submit(batch, [XeSync.Wait(after, 5)]));
        Assert.Contains($"wait for syncobj {after.Handle} point 5", exception.Request, StringComparison.Ordinal);
        Assert.Equal(2UL, queue.Submit(batch).Value);
    }

    [Fact]
    public void A_fence_without_a_batch_is_for_vms_that_honour_it()
    {
        using XeQueue queue = _vm.CreateQueue(_device.Engines[0]);
        using XeVm faulting = _device.CreateVm();
        using XeQueue other = faulting.CreateQueue(_device.Engines[0]);
        using SyncObject syncObject = _device.CreateSyncObject();
        using XeUserFence fence = _device.CreateUserFence();

        queue.SubmitFence(XeSync.Signal(syncObject));

        syncObject.Wait(TimeSpan.Zero);
        drm_xe_exec exec = Last<drm_xe_exec>(DrmXe.DRM_IOCTL_XE_EXEC);
        Assert.Equal((0, 1u, 0UL), (exec.num_batch_buffer, exec.num_syncs, exec.address));
        Assert.Throws<NotSupportedException>(() => other.SubmitFence(XeSync.Signal(syncObject)));
        Assert.Throws<ArgumentException>(() => queue.SubmitFence(XeSync.Signal(fence, 1)));
    }

    [Fact]
    public void Whether_a_queue_is_banned_is_asked_of_the_driver()
    {
        XeQueue queue = _vm.CreateQueue(_device.Engines[0]);
        Assert.False(queue.IsBanned);
        Driver.IsBanned = true;
        Assert.True(queue.IsBanned);
        queue.Dispose();
        queue.Dispose();

        Assert.Throws<ObjectDisposedException>(() => queue.IsBanned);
    }

    [Fact]
    public void Submitting_with_syncs_allocates_nothing()
    {
        using XeQueue queue = _vm.CreateQueue(_device.Engines[0]);
        using GpuBatch batch = _vm.CreateBatch(64);
        using SyncObject syncObject = _device.CreateSyncObject(signaled: true);
        batch.End();
        XeSync[] syncs = [XeSync.Signal(syncObject), XeSync.Wait(syncObject)];
        XeSync[] many = [.. Enumerable.Repeat(XeSync.Wait(syncObject), 30)];
        Driver.IsLogging = false;
        Driver.Observe = null;
        Submit();
        long before = GC.GetAllocatedBytesForCurrentThread();

        for (int i = 0; i < 500; i++)
        {
            Submit();
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Submit()
        {
            queue.Submit(batch, syncs).Wait(TimeSpan.FromMinutes(1));
            queue.Submit(batch, many).Wait(TimeSpan.FromMinutes(1));
            queue.SubmitFence(syncs.AsSpan(0, 1));
        }
    }

    public void Dispose()
    {
        _vm.Dispose();
        _device.Dispose();
        Assert.Equal(0, Driver.LiveObjects);
    }

    private void Record(uint request, nint argument)
    {
        if (request == DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE)
        {
            drm_xe_exec_queue_create* create = (drm_xe_exec_queue_create*)argument;
            for (drm_xe_ext_set_property* item = (drm_xe_ext_set_property*)create->extensions; item != null;)
            {
                Assert.Equal(DrmXe.DRM_XE_EXEC_QUEUE_EXTENSION_SET_PROPERTY, item->@base.name);
                _properties.Add((item->property, item->value));
                item = (drm_xe_ext_set_property*)item->@base.next_extension;
            }

            for (int index = 0; index < create->width * create->num_placements; index++)
            {
                drm_xe_engine_class_instance engine = ((drm_xe_engine_class_instance*)create->instances)[index];
                _engines.Add((engine.engine_class, engine.engine_instance));
            }
        }
        else if (request == DrmXe.DRM_IOCTL_XE_EXEC)
        {
            drm_xe_exec* exec = (drm_xe_exec*)argument;
            _syncs.AddRange(new ReadOnlySpan<drm_xe_sync>((void*)exec->syncs, (int)exec->num_syncs));
        }
    }

    private T Last<T>(uint request)
        where T : unmanaged => Driver.Log.Last(logged => logged.Number == request).Argument<T>();
}
