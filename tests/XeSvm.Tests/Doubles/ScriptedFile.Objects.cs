using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;

namespace XeSvm.Tests.Doubles;

/// <content>Requests beyond the first slice: sharing, properties, attributes, sync records.</content>
internal sealed unsafe partial class ScriptedFile
{
    private readonly Dictionary<int, uint> _exports = [];

    /// <summary>Told of each request before it is handled, with its argument as the driver sees it.</summary>
    public Action<uint, nint>? Observe { get; set; }

    /// <summary>The file's syncobjs.</summary>
    public ScriptedSyncObjects SyncObjects { get; } = new();

    /// <summary>Whether work signals its syncobjs at once; otherwise their fences stay without a signal.</summary>
    public bool WorkEnds { get; set; } = true;

    /// <summary>Records of VM_QUERY_MEM_RANGE_ATTRS.</summary>
    public List<drm_xe_mem_range_attr> Attributes { get; } = [];

    /// <summary>How many there were at the first call of VM_QUERY_MEM_RANGE_ATTRS, of those that there are: others grew between the calls.</summary>
    public Func<int, int> AttributesAtFirstCall { get; set; } = count => count;

    /// <summary>Records of VM_GET_PROPERTY.</summary>
    public List<xe_vm_fault> Faults { get; } = [];

    /// <summary>Whether content that was marked as discardable is still there.</summary>
    public bool IsRetained { get; set; } = true;

    /// <summary>VMs in preempt mode, which VM_DESTROY refuses while they have queues.</summary>
    public bool HasPreemptVms { get; set; }

    /// <summary>The descriptor that names the file; none by default.</summary>
    public int DescriptorNumber { get; set; } = -1;

    /// <inheritdoc/>
    public override int Descriptor => DescriptorNumber;

    private int? IoctlOfObjects(uint request, void* argument) => request switch
    {
        Drm.DRM_IOCTL_PRIME_HANDLE_TO_FD => ExportBuffer((drm_prime_handle*)argument),
        Drm.DRM_IOCTL_PRIME_FD_TO_HANDLE => ImportBuffer((drm_prime_handle*)argument),
        Drm.DRM_IOCTL_GET_CAP => GetCap((drm_get_cap*)argument),
        Drm.DRM_IOCTL_SET_CLIENT_NAME => ((drm_set_client_name*)argument)->name_len > 64 ? -Errno.EINVAL : 0,
        DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY => GetBan((drm_xe_exec_queue_get_property*)argument),
        DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_SET_PROPERTY => ((drm_xe_exec_queue_set_property*)argument)->value > 2 ? -Errno.EINVAL : 0,
        DrmXe.DRM_IOCTL_XE_VM_GET_PROPERTY => GetFaults((drm_xe_vm_get_property*)argument),
        DrmXe.DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS => GetAttributes((drm_xe_vm_query_mem_range_attr*)argument),
        _ => SyncObjects.Ioctl(request, argument),
    };

    private static int GetCap(drm_get_cap* request)
    {
        request->value = request->capability switch
        {
            Drm.DRM_CAP_PRIME => 3,
            Drm.DRM_CAP_SYNCOBJ => 1,
            _ => 0,
        };
        return request->value == 0 ? -Errno.EOPNOTSUPP : 0;
    }

    private int ExportBuffer(drm_prime_handle* request)
    {
        if (!_buffers.TryGetValue(request->handle, out ulong size))
        {
            return -Errno.ENOENT;
        }

        Assert.Equal(0, SystemCalls.MemfdCreate("scripted-dma-buf", out FileDescriptorHandle? file));
        using (file)
        {
            Assert.Equal(0, SystemCalls.SetLength(file!, size));
            request->fd = (int)file!.DangerousGetHandle();
            file.SetHandleAsInvalid();
        }

        _exports[request->fd] = request->handle;
        return 0;
    }

    // As drm_prime.c: a file that has the object already gets the handle that it has.
    private int ImportBuffer(drm_prime_handle* request)
    {
        if (!_exports.TryGetValue(request->fd, out uint handle))
        {
            return -Errno.EINVAL;
        }

        request->handle = handle;
        return _buffers.ContainsKey(handle) ? 0 : -Errno.EINVAL;
    }

    private int GetBan(drm_xe_exec_queue_get_property* request)
    {
        request->value = IsBanned ? 1UL : 0;
        return _queues.Contains(request->exec_queue_id) ? 0 : -Errno.ENOENT;
    }

    private int GetFaults(drm_xe_vm_get_property* request)
    {
        if (!_vms.Contains(request->vm_id))
        {
            return -Errno.ENOENT;
        }

        if (request->size == 0)
        {
            request->size = (uint)(Faults.Count * sizeof(xe_vm_fault));
            return 0;
        }

        for (int index = 0; index < request->size / sizeof(xe_vm_fault); index++)
        {
            ((xe_vm_fault*)request->data)[index] = Faults[index];
        }

        return 0;
    }

    private int GetAttributes(drm_xe_vm_query_mem_range_attr* request)
    {
        if (request->num_mem_ranges == 0)
        {
            request->num_mem_ranges = (uint)AttributesAtFirstCall(Attributes.Count);
            request->sizeof_mem_range_attr = (ulong)sizeof(drm_xe_mem_range_attr);
            return request->vector_of_mem_attr == 0 ? 0 : -Errno.EINVAL;
        }

        if (request->sizeof_mem_range_attr != (ulong)sizeof(drm_xe_mem_range_attr) || request->vector_of_mem_attr == 0)
        {
            return -Errno.EINVAL;
        }

        if (Attributes.Count > request->num_mem_ranges)
        {
            return -Errno.ENOSPC;
        }

        request->num_mem_ranges = (uint)Attributes.Count;
        for (int index = 0; index < Attributes.Count; index++)
        {
            ((drm_xe_mem_range_attr*)request->vector_of_mem_attr)[index] = Attributes[index];
        }

        return 0;
    }

    private int Madvise(drm_xe_madvise* request)
    {
        if (!_vms.Contains(request->vm_id))
        {
            return -Errno.EINVAL;
        }

        if (request->type == DrmXe.DRM_XE_VMA_ATTR_PURGEABLE_STATE && request->purge_state_val.retained_ptr != 0)
        {
            *(uint*)request->purge_state_val.retained_ptr = IsRetained ? 1u : 0;
        }

        return 0;
    }

    /// <summary>Looks at the syncs to wait for, as the kernel does before anything is done.</summary>
    private int CheckSyncs(ulong syncs, uint count)
    {
        drm_xe_sync* sync = (drm_xe_sync*)syncs;
        for (uint index = 0; index < count; index++, sync++)
        {
            if ((sync->flags & DrmXe.DRM_XE_SYNC_FLAG_SIGNAL) == 0
                && SyncObjects.CheckWait(sync->handle, sync->type == 1 ? sync->timeline_value : 0) is < 0 and int result)
            {
                return result;
            }
        }

        return 0;
    }

    private void Signal(ulong syncs, uint count)
    {
        drm_xe_sync* sync = (drm_xe_sync*)syncs;
        for (uint index = 0; index < count; index++, sync++)
        {
            if ((sync->flags & DrmXe.DRM_XE_SYNC_FLAG_SIGNAL) == 0)
            {
                continue;
            }

            if (sync->type == DrmXe.DRM_XE_SYNC_TYPE_USER_FENCE)
            {
                if (WorkEnds)
                {
                    Volatile.Write(ref *(ulong*)sync->addr, sync->timeline_value);
                }
            }
            else
            {
                SyncObjects.Submit(sync->handle, sync->type == 1 ? sync->timeline_value : 0, WorkEnds);
            }
        }
    }
}
