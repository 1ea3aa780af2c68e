using XeSvm.Interop;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <content>VM_BIND: mapping, unmapping and prefetching. Every call waits until the page tables are written.</content>
public sealed unsafe partial class XeVm
{
    /// <summary>Binds a part of a buffer at a GPU address.</summary>
    /// <param name="buffer">The buffer, of the same device.</param>
    /// <param name="bufferOffset">First byte of the buffer; a multiple of the page size.</param>
    /// <param name="range">Where the GPU shall see it; whole pages. What is bound there is replaced.</param>
    /// <exception cref="XeException">The driver refused; nothing was bound.</exception>
    public void Bind(XeBuffer buffer, ulong bufferOffset, GpuRange range)
    {
        XeResult result = TryBind(buffer, bufferOffset, range);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(
                result,
                XeOperation.VmBind,
                $"map of buffer {buffer.Handle} ({buffer.Size} bytes) from {bufferOffset} at {range} in VM {Id}");
        }
    }

    /// <summary>Binds a part of a buffer at a GPU address, or says why not.</summary>
    /// <param name="buffer">The buffer, of the same device.</param>
    /// <param name="bufferOffset">First byte of the buffer; a multiple of the page size.</param>
    /// <param name="range">Where the GPU shall see it; whole pages. What is bound there is replaced.</param>
    public XeResult TryBind(XeBuffer buffer, ulong bufferOffset, GpuRange range)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        drm_xe_vm_bind_op operation = Operation(DrmXe.DRM_XE_VM_BIND_OP_MAP, range);
        operation.obj = buffer.Handle;
        operation.obj_offset = bufferOffset;
        operation.flags = DrmXe.DRM_XE_VM_BIND_FLAG_IMMEDIATE;
        return Submit(operation);
    }

    /// <summary>Removes what is bound in a range. In a mirror VM the range mirrors the process's memory again.</summary>
    /// <param name="range">Whole pages.</param>
    /// <exception cref="XeException">The driver refused; nothing was unbound.</exception>
    public void Unbind(GpuRange range)
    {
        XeResult result = TryUnbind(range);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.VmBind, $"unmap of {range} in VM {Id}");
        }
    }

    /// <summary>Removes what is bound in a range, or says why not. In a mirror VM the range mirrors the process's memory again.</summary>
    /// <param name="range">Whole pages.</param>
    public XeResult TryUnbind(GpuRange range) =>
        IsMirror ? MirrorRange(range) : Submit(Operation(DrmXe.DRM_XE_VM_BIND_OP_UNMAP, range));

    /// <summary>
    /// Moves memory ahead of its use and fills the GPU's page tables. A hint: the driver passes over what it cannot move and does not say so.
    /// </summary>
    /// <param name="range">The memory; widened to whole pages.</param>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    public void Prefetch(GpuRange range, MemoryLocation location)
    {
        XeResult result = TryPrefetch(range, location);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.VmBindPrefetch, $"prefetch of {range} to {location} in VM {Id}");
        }
    }

    /// <summary>Moves memory ahead of its use, or says why not.</summary>
    /// <param name="range">The memory; widened to whole pages.</param>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    public XeResult TryPrefetch(GpuRange range, MemoryLocation location)
    {
        drm_xe_vm_bind_op operation = Operation(DrmXe.DRM_XE_VM_BIND_OP_PREFETCH, range.ToPages());
        if (location.IsDefault)
        {
            operation.prefetch_mem_region_instance = DrmXe.DRM_XE_CONSULT_MEM_ADVISE_PREF_LOC;
        }
        else if (Device.FindRegion(location) is { } region)
        {
            operation.prefetch_mem_region_instance = (uint)region.Instance;
        }
        else
        {
            return new XeResult(Errno.EINVAL);
        }

        return Submit(operation);
    }

    /// <summary>Sets a range to mirror the process's memory.</summary>
    internal XeResult MirrorRange(GpuRange range)
    {
        drm_xe_vm_bind_op operation = Operation(DrmXe.DRM_XE_VM_BIND_OP_MAP, range);
        operation.flags = DrmXe.DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR;
        return Submit(operation);
    }

    private drm_xe_vm_bind_op Operation(uint op, GpuRange range) => new()
    {
        op = op,
        addr = range.Address,
        range = range.Length,
        pat_index = Device.WriteBackPatIndex,
    };

    /// <summary>
    /// Issues one bind and waits for it. One at a time: ids are reused after VM_DESTROY, so a bind must never race with Dispose, and the
    /// fence has one word.
    /// </summary>
    private XeResult Submit(drm_xe_vm_bind_op operation)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            drm_xe_sync sync = new()
            {
                type = DrmXe.DRM_XE_SYNC_TYPE_USER_FENCE,
                flags = DrmXe.DRM_XE_SYNC_FLAG_SIGNAL,
                addr = (ulong)_bindFence.Address,
                timeline_value = _bindValue + 1,
            };
            drm_xe_vm_bind request = new()
            {
                vm_id = Id,
                num_binds = 1,
                bind = operation,
                num_syncs = 1,
                syncs = (ulong)&sync,
            };
            XeResult result = _file.Ioctl(DrmXe.DRM_IOCTL_XE_VM_BIND, ref request);
            if (!result.IsSuccess)
            {
                return result;
            }

            _bindValue++;
            return UserFenceWait.ForValue(_file, (ulong)_bindFence.Address, _bindValue, s_bindTimeout, queueId: 0);
        }
    }
}
