using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Vms;

public sealed unsafe class BindOperationTests : IDisposable
{
    private static readonly GpuRange s_range = new(0x10_0000, 0x2000);
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(60);

    private readonly ScriptedBackend _backend = new();
    private readonly XeDevice _device;
    private readonly XeVm _vm;
    private readonly List<drm_xe_vm_bind_op> _operations = [];
    private readonly List<drm_xe_sync> _syncs = [];

    public BindOperationTests()
    {
        _device = XeDevice.Open(_backend, _backend.Nodes[0]);
        _vm = _device.CreateVm();
        Driver.Observe = Record;
    }

    private ScriptedFile Driver => _backend.File;

    [Fact]
    public void Every_operation_reaches_the_driver_in_its_order()
    {
        using XeBuffer buffer = _device.CreateBuffer(0x4000, MemoryLocation.Device());

        _vm.Bind(
            XeBindOperation.Map(buffer, 0x1000, s_range, XeBindOptions.ReadOnly | XeBindOptions.Dumpable),
            XeBindOperation.MapNull(s_range),
            XeBindOperation.MapUserMemory(0x7000_0000, s_range),
            XeBindOperation.Mirror(s_range, XeBindOptions.AdviceAutoReset),
            XeBindOperation.Unmap(s_range) with { PatIndex = 7 },
            XeBindOperation.UnmapAll(buffer),
            XeBindOperation.Prefetch(s_range, MemoryLocation.Device()),
            XeBindOperation.Prefetch(s_range, MemoryLocation.Default),
            XeBindOperation.Unmap(s_range));

        Assert.Equal(
            [
                (DrmXe.DRM_XE_VM_BIND_OP_MAP, DrmXe.DRM_XE_VM_BIND_FLAG_READONLY | DrmXe.DRM_XE_VM_BIND_FLAG_DUMPABLE, buffer.Handle, 0x1000UL),
                (DrmXe.DRM_XE_VM_BIND_OP_MAP, DrmXe.DRM_XE_VM_BIND_FLAG_NULL | DrmXe.DRM_XE_VM_BIND_FLAG_IMMEDIATE, 0u, 0UL),
                (DrmXe.DRM_XE_VM_BIND_OP_MAP_USERPTR, DrmXe.DRM_XE_VM_BIND_FLAG_IMMEDIATE, 0u, 0x7000_0000UL),
                (DrmXe.DRM_XE_VM_BIND_OP_MAP, DrmXe.DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR | DrmXe.DRM_XE_VM_BIND_FLAG_MADVISE_AUTORESET, 0u, 0UL),
                (DrmXe.DRM_XE_VM_BIND_OP_UNMAP, 0u, 0u, 0UL),
                (DrmXe.DRM_XE_VM_BIND_OP_UNMAP_ALL, 0u, buffer.Handle, 0UL),
                (DrmXe.DRM_XE_VM_BIND_OP_PREFETCH, 0u, 0u, 0UL),
                (DrmXe.DRM_XE_VM_BIND_OP_PREFETCH, 0u, 0u, 0UL),
                (DrmXe.DRM_XE_VM_BIND_OP_UNMAP, 0u, 0u, 0UL),
            ],
            _operations.Select(item => (item.op, item.flags, item.obj, item.obj_offset)));
        Assert.Equal([2, 2, 2, 2, 7, 2, 2, 2, 2], _operations.Select(item => (int)item.pat_index));
        Assert.All(_operations.Where(item => item.op != DrmXe.DRM_XE_VM_BIND_OP_UNMAP_ALL), item => Assert.Equal((0x10_0000UL, 0x2000UL), (item.addr, item.range)));
        Assert.Equal((0UL, 0UL), (_operations[5].addr, _operations[5].range));
        Assert.Equal((1u, DrmXe.DRM_XE_CONSULT_MEM_ADVISE_PREF_LOC), (_operations[6].prefetch_mem_region_instance, _operations[7].prefetch_mem_region_instance));
    }

    [Fact]
    public void A_refused_request_names_its_first_operations()
    {
        Driver.Fail(DrmXe.DRM_IOCTL_XE_VM_BIND, Errno.ENOBUFS);
        XeBindOperation[] operations = [.. Enumerable.Range(0, 20).Select(page => XeBindOperation.Unmap(new GpuRange((ulong)page << 12, 4096)))];

        XeException exception = Assert.Throws<XeException>(() => _vm.Bind(operations));

        Assert.Equal($"unmap of [0x0, 0x1000); unmap of [0x1000, 0x2000); unmap of [0x2000, 0x3000); unmap of [0x3000, 0x4000) and 16 more in VM {_vm.Id}", exception.Request);
        Assert.Contains("split it", exception.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public void A_request_that_cannot_be_made_reaches_no_driver()
    {
        ScriptedBackend otherBackend = new();
        using XeDevice other = XeDevice.Open(otherBackend, otherBackend.Nodes[0]);
        using XeBuffer foreign = other.CreateBuffer(4096, MemoryLocation.System);
        XeBuffer disposed = _device.CreateBuffer(4096, MemoryLocation.System);
        disposed.Dispose();
        using XeBuffer good = _device.CreateBuffer(4096, MemoryLocation.System);
        GpuRange page = new(0, 4096);

        Assert.Throws<ArgumentException>(() => _vm.Bind());
        Assert.Throws<ArgumentException>(() => _vm.Bind(XeBindOperation.Map(good, 0, page), XeBindOperation.Map(foreign, 0, page)));
        Assert.Throws<ObjectDisposedException>(() => _vm.Bind(XeBindOperation.Map(good, 0, page), XeBindOperation.Map(disposed, 0, page)));
        Assert.Equal(Errno.EINVAL, _vm.TryBind(XeBindOperation.Map(good, 0, page), XeBindOperation.Prefetch(page, MemoryLocation.Device(3))).Errno);
        Assert.Empty(_operations);
        good.Dispose();
        Assert.Equal(1, Driver.LiveObjects);
    }

    [Fact]
    public void A_bind_queue_takes_binds_of_its_vm_only_and_need_not_be_waited_for()
    {
        using XeBindQueue queue = _vm.CreateBindQueue();
        using XeVm other = _device.CreateVm();
        using XeUserFence fence = _device.CreateUserFence();
        using SyncObject before = _device.CreateSyncObject(signaled: true);

        _vm.SubmitBind([XeBindOperation.MapNull(s_range)], [XeSync.Wait(before), XeSync.Signal(fence, 3)], queue);

        drm_xe_vm_bind request = Last<drm_xe_vm_bind>(DrmXe.DRM_IOCTL_XE_VM_BIND);
        Assert.Equal((queue.Id, 1u, 2u), (request.exec_queue_id, request.num_binds, request.num_syncs));
        Assert.Equal([(0u, 0u), (2u, 1u)], _syncs.Select(sync => (sync.type, sync.flags)));
        Assert.Equal((before.Handle, fence.Address, 3UL), (_syncs[0].handle, _syncs[1].addr, _syncs[1].timeline_value));
        fence.Wait(3, s_long);
        Assert.Equal(3UL, fence.CurrentValue);
        Assert.Throws<ArgumentException>(() => other.SubmitBind([XeBindOperation.MapNull(s_range)], [], queue));
    }

    [Fact]
    public void Binds_signal_points_of_timelines_also_without_an_operation()
    {
        using SyncObject timeline = _device.CreateSyncObject();
        using SyncObject binary = _device.CreateSyncObject();

        _vm.SubmitBind([], [XeSync.Signal(timeline, 8), XeSync.Signal(binary)]);

        Assert.Equal(0u, Last<drm_xe_vm_bind>(DrmXe.DRM_IOCTL_XE_VM_BIND).num_binds);
        Assert.Equal(8UL, timeline.QueryPoint());
        binary.Wait(TimeSpan.Zero);
        Assert.Equal(Errno.EINVAL, _vm.TrySubmitBind([XeBindOperation.Unmap(s_range)], [XeSync.Wait(timeline, 9)]).Errno);
        Assert.Throws<ArgumentException>(() => _vm.SubmitBind([], [default]));
        Assert.Throws<ArgumentOutOfRangeException>(() => XeSync.Signal(timeline, 0));
    }

    [Fact]
    public void A_user_fence_that_a_bind_may_still_raise_keeps_its_page()
    {
        Driver.WorkEnds = false;
        XeUserFence pending = _device.CreateUserFence();
        ulong pendingAddress = pending.Address;
        _vm.SubmitBind([], [XeSync.Signal(pending, 1)]);

        pending.Dispose();
        pending.Dispose();

        Assert.Equal(0UL, *(ulong*)pendingAddress);

        // Another test's thread may map something at the address at once: one of many pages is seen to be gone.
        Assert.Contains(Enumerable.Range(0, 50), _ => !IsMapped(AddressOfDisposedFence()));
        Assert.Throws<ObjectDisposedException>(() => pending.CurrentValue);
        Assert.Throws<ObjectDisposedException>(() => _vm.SubmitBind([], [XeSync.Signal(pending, 2)]));
        Driver.WorkEnds = true;

        ulong AddressOfDisposedFence()
        {
            using XeUserFence idle = _device.CreateUserFence();
            return idle.Address;
        }
    }

    [Fact]
    public void A_wait_for_a_user_fence_can_be_cancelled()
    {
        using XeUserFence fence = _device.CreateUserFence();
        using CancellationTokenSource source = new();
        Driver.Observe = (request, _) =>
        {
            // After some of the short waits that a cancellable wait is made of.
            if (request == DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE && Driver.Log.Count(logged => logged.Number == request) == 4)
            {
                source.Cancel();
            }
        };

        Assert.Throws<OperationCanceledException>(() => fence.Wait(1, Timeout.InfiniteTimeSpan, source.Token));
        Assert.InRange(Last<drm_xe_wait_user_fence>(DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE).timeout, 1, 20_000_000);
        using CancellationTokenSource quiet = new();
        Assert.Equal(Errno.ETIME, fence.TryWait(1, TimeSpan.Zero, quiet.Token).Errno);
    }

    [Fact]
    public void Binding_allocates_nothing()
    {
        using XeBuffer buffer = _device.CreateBuffer(0x4000, MemoryLocation.System);
        using XeUserFence fence = _device.CreateUserFence();
        XeBindOperation[] many = [.. Enumerable.Repeat(XeBindOperation.Map(buffer, 0, s_range), 40)];
        XeSync[] syncs = [XeSync.Signal(fence, 1)];
        Driver.IsLogging = false;
        Driver.Observe = null;
        BindAll();
        long before = GC.GetAllocatedBytesForCurrentThread();

        for (int i = 0; i < 200; i++)
        {
            BindAll();
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void BindAll()
        {
            _vm.Bind(buffer, 0, s_range);
            _vm.Bind(many);
            _vm.Unbind(s_range);
            _vm.Prefetch(s_range, MemoryLocation.Device());
            _vm.SubmitBind([XeBindOperation.MapNull(s_range)], syncs);
            _ = _vm.TryAdvise(s_range, Advice.AtomicAccess(AtomicAccess.Global));
        }
    }

    [Fact]
    public void An_array_stays_pinned_at_its_gpu_address_until_its_mapping_is_disposed()
    {
        int[] array = new int[3000];
        using (XeUserMapping mapping = _vm.MapArray(array, 0x4000_0000, XeBindOptions.ReadOnly | XeBindOptions.Immediate))
        {
            drm_xe_vm_bind_op operation = Assert.Single(_operations);
            fixed (int* first = array)
            {
                ulong address = (ulong)first;
                Assert.Equal((address & ~0xfffUL, DrmXe.DRM_XE_VM_BIND_OP_MAP_USERPTR), (operation.userptr, operation.op));
                Assert.Equal(0x4000_0000 + (address & 0xfff), mapping.GpuAddress);
                Assert.True(operation.userptr + operation.range >= address + 12_000);
            }

            Assert.Equal((12_000UL, 0UL), (mapping.Length, operation.range % 4096));
            GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: true);
            fixed (int* again = array)
            {
                Assert.Equal(operation.userptr + mapping.GpuAddress - 0x4000_0000, (ulong)again);
            }

            mapping.Dispose();
        }

        Assert.Equal([DrmXe.DRM_XE_VM_BIND_OP_MAP_USERPTR, DrmXe.DRM_XE_VM_BIND_OP_UNMAP], _operations.Select(item => item.op));
        Assert.Equal(0x4000_0000UL, _operations[1].addr);
    }

    [Fact]
    public void A_mapping_that_the_driver_does_not_remove_stays_pinned_and_can_be_disposed_again()
    {
        XeUserMapping mapping = _vm.MapArray(new byte[10], 0x4000_0000);
        Driver.Fail(DrmXe.DRM_IOCTL_XE_VM_BIND, Errno.ENOMEM);
        Assert.Throws<XeException>(mapping.Dispose);
        Driver.Fail(DrmXe.DRM_IOCTL_XE_VM_BIND, 0);
        mapping.Dispose();

        Assert.Equal(DrmXe.DRM_XE_VM_BIND_OP_UNMAP, _operations[^1].op);
        Assert.Equal(3, _operations.Count);
    }

    [Fact]
    public void Refused_user_memory_says_what_to_do_and_leaves_nothing()
    {
        Driver.Fail(DrmXe.DRM_IOCTL_XE_VM_BIND, Errno.EFAULT);

        XeException exception = Assert.Throws<XeException>(() => _vm.MapNative(0x1000, 4096, 0x4000_0000));
        Assert.Equal(Errno.EFAULT, _vm.TryMapArray(new byte[10], 0x4000_0000, out XeUserMapping? none).Errno);

        Assert.Null(none);
        Assert.Equal("VM_BIND of user memory", exception.Operation);
        Assert.Contains("not mapped in this process", exception.NextStep, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => _vm.MapArray(Array.Empty<byte>(), 0));
    }

    [Fact]
    public void A_user_mapping_outlives_its_vm()
    {
        XeVm vm = _device.CreateVm();
        XeUserMapping mapping = vm.MapNative(0x7000_0000, 100, 0x4000_0000);
        vm.Dispose();
        int count = _operations.Count;

        mapping.Dispose();

        Assert.Equal(count, _operations.Count);
    }

    public void Dispose()
    {
        _vm.Dispose();
        _device.Dispose();
        Assert.Equal(0, Driver.LiveObjects);
        Assert.True(Driver.IsClosed);
    }

    private static bool IsMapped(ulong address)
    {
        byte state;
        return Interop.LibC.SystemCalls.FindResident((nint)(address & ~0xfffUL), 4096, &state) == 0;
    }

    private void Record(uint request, nint argument)
    {
        if (request == DrmXe.DRM_IOCTL_XE_VM_BIND)
        {
            drm_xe_vm_bind* bind = (drm_xe_vm_bind*)argument;
            drm_xe_vm_bind_op* operations = bind->num_binds == 1 ? &bind->bind : (drm_xe_vm_bind_op*)bind->vector_of_binds;
            _operations.AddRange(new ReadOnlySpan<drm_xe_vm_bind_op>(operations, (int)bind->num_binds));
            _syncs.AddRange(new ReadOnlySpan<drm_xe_sync>((void*)bind->syncs, (int)bind->num_syncs));
        }
    }

    private T Last<T>(uint request)
        where T : unmanaged => Driver.Log.Last(logged => logged.Number == request).Argument<T>();
}
