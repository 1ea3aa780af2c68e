using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation;

namespace XeSvm.Benchmarks.Fences;

/// <summary>One open file of the software device, used by ioctls only: a VM that is not long-running, a copy queue, syncobjs.</summary>
internal sealed unsafe class FenceClient : IDisposable
{
    private const ulong VramBytes = 64UL << 20;
    private const ulong MemoryBytes = 64 << 10;
    private const ulong Address = 0x10_0000_0000;
    private const ulong WordOffset = 0x8000;
    private const uint BatchBufferEnd = 0x05000000;
    private readonly SoftwareBackend _backend = new(new SoftwareBackendOptions { VramBytes = VramBytes });
    private readonly DrmFile _file;
    private readonly byte* _memory;
    private readonly drm_xe_sync* _sync;
    private readonly uint _queue;

    public FenceClient()
    {
        Require(_backend.Open(_backend.Enumerate()[0], out DrmFile? file));
        _file = file!;
        var vm = new drm_xe_vm_create();
        Require(_file.Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE, &vm));
        var gem = new drm_xe_gem_create { size = MemoryBytes, placement = 1, cpu_caching = DrmXe.DRM_XE_GEM_CPU_CACHING_WB };
        Require(_file.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, &gem));
        var offset = new drm_xe_gem_mmap_offset { handle = gem.handle };
        Require(_file.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET, &offset));
        Require(_file.Map(offset.offset, (nuint)MemoryBytes, DrmMapProtection.Read | DrmMapProtection.Write, out nint address));
        _memory = (byte*)address;
        var bind = new drm_xe_vm_bind { vm_id = vm.vm_id, num_binds = 1 };
        bind.bind = new drm_xe_vm_bind_op { op = DrmXe.DRM_XE_VM_BIND_OP_MAP, obj = gem.handle, addr = Address, range = MemoryBytes, pat_index = 2 };
        Require(_file.Ioctl(DrmXe.DRM_IOCTL_XE_VM_BIND, &bind));
        var instance = new drm_xe_engine_class_instance { engine_class = (ushort)DrmXe.DRM_XE_ENGINE_CLASS_COPY };
        var queue = new drm_xe_exec_queue_create { vm_id = vm.vm_id, width = 1, num_placements = 1, instances = (ulong)&instance };
        Require(_file.Ioctl(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE, &queue));
        _queue = queue.exec_queue_id;
        Require(SystemCalls.MapAnonymous(SystemCalls.PageSize, MemoryProtection.ReadWrite, SystemCalls.PageSize, out nint records));
        _sync = (drm_xe_sync*)records;
        WriteBatch();
    }

    /// <summary>The value that a batch has stored last.</summary>
    public uint Stored => *(uint*)(_memory + WordOffset);

    public uint CreateSyncobj()
    {
        var create = new drm_syncobj_create();
        Require(_file.Ioctl(Drm.DRM_IOCTL_SYNCOBJ_CREATE, &create));
        return create.handle;
    }

    /// <summary>Runs the batch, with a user fence that gets a value, and waits for the value.</summary>
    public void ExecWithUserFence(ulong value)
    {
        *_sync = new drm_xe_sync
        {
            type = DrmXe.DRM_XE_SYNC_TYPE_USER_FENCE,
            flags = DrmXe.DRM_XE_SYNC_FLAG_SIGNAL,
            addr = Address + WordOffset + sizeof(ulong),
            timeline_value = value,
        };
        Exec();
        var wait = new drm_xe_wait_user_fence
        {
            addr = (ulong)(_memory + WordOffset + sizeof(ulong)),
            value = value,
            mask = ulong.MaxValue,
            timeout = -1,
            exec_queue_id = _queue,
        };
        Require(_file.Ioctl(DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE, &wait));
    }

    /// <summary>Runs the batch, with a syncobj that gets its fence, and waits for the syncobj.</summary>
    public void ExecWithSyncobj(uint handle)
    {
        *_sync = new drm_xe_sync { type = DrmXe.DRM_XE_SYNC_TYPE_SYNCOBJ, flags = DrmXe.DRM_XE_SYNC_FLAG_SIGNAL, handle = handle };
        Exec();
        Wait(handle);
    }

    /// <summary>Signals a binary syncobj, waits for it and resets it.</summary>
    public void SignalWaitReset(uint handle)
    {
        var array = new drm_syncobj_array { handles = (ulong)&handle, count_handles = 1 };
        Require(_file.Ioctl(Drm.DRM_IOCTL_SYNCOBJ_SIGNAL, &array));
        Wait(handle);
        Require(_file.Ioctl(Drm.DRM_IOCTL_SYNCOBJ_RESET, &array));
    }

    /// <summary>Signals a point of a timeline.</summary>
    public void SignalPoint(uint handle, ulong point)
    {
        var array = new drm_syncobj_timeline_array { handles = (ulong)&handle, points = (ulong)&point, count_handles = 1 };
        Require(_file.Ioctl(Drm.DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &array));
    }

    /// <summary>Waits for a point of a timeline, also for its submission.</summary>
    public void WaitForPoint(uint handle, ulong point)
    {
        var wait = new drm_syncobj_timeline_wait
        {
            handles = (ulong)&handle,
            points = (ulong)&point,
            count_handles = 1,
            timeout_nsec = long.MaxValue,
            flags = Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT,
        };
        Require(_file.Ioctl(Drm.DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &wait));
    }

    public void Dispose()
    {
        _file.Unmap((nint)_memory, (nuint)MemoryBytes);
        _file.Dispose();
        _backend.Dispose();
        SystemCalls.Unmap((nint)_sync, SystemCalls.PageSize);
    }

    private static void Require(int result)
    {
        if (result < 0)
        {
            throw new InvalidOperationException($"An ioctl has failed: {Errno.Describe(result)}.");
        }
    }

    /// <summary>MI_STORE_DATA_IMM of 2, and the end.</summary>
    private void WriteBatch()
    {
        ReadOnlySpan<uint> batch = [0x10000002, unchecked((uint)(Address + WordOffset)), (uint)(Address >> 32), 2, BatchBufferEnd];
        batch.CopyTo(new Span<uint>(_memory, batch.Length));
    }

    private void Exec()
    {
        var exec = new drm_xe_exec { exec_queue_id = _queue, num_batch_buffer = 1, address = Address, num_syncs = 1, syncs = (ulong)_sync };
        Require(_file.Ioctl(DrmXe.DRM_IOCTL_XE_EXEC, &exec));
    }

    private void Wait(uint handle)
    {
        var wait = new drm_syncobj_wait { handles = (ulong)&handle, count_handles = 1, timeout_nsec = long.MaxValue };
        Require(_file.Ioctl(Drm.DRM_IOCTL_SYNCOBJ_WAIT, &wait));
    }
}
