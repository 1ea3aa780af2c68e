using System.Buffers;
using XeSvm.Interop;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>VM_BIND: the request with its lists of operations and syncs, everything that they name kept for the length of the call.</summary>
internal static unsafe class BindRequest
{
    /// <summary>Lists up to this length are on the stack.</summary>
    private const int OnStack = 8;

    /// <summary>Issues the request.</summary>
    /// <param name="device">The device of the VM.</param>
    /// <param name="use">The VM, borrowed.</param>
    /// <param name="queueId">A bind queue, or 0 for the VM's own.</param>
    /// <param name="operations">What to do, in this order.</param>
    /// <param name="syncs">What to wait for and to signal.</param>
    /// <param name="own">A signal of the library's own, or a default record for none.</param>
    internal static XeResult Issue(
        XeDevice device,
        HandleUse use,
        uint queueId,
        ReadOnlySpan<XeBindOperation> operations,
        ReadOnlySpan<XeSync> syncs,
        in drm_xe_sync own)
    {
        drm_xe_vm_bind_op[]? rented = null;
        Span<drm_xe_vm_bind_op> records = operations.Length <= OnStack
            ? stackalloc drm_xe_vm_bind_op[OnStack]
            : rented = ArrayPool<drm_xe_vm_bind_op>.Shared.Rent(operations.Length);
        int acquired = 0;
        try
        {
            foreach (ref readonly XeBindOperation operation in operations)
            {
                if (!operation.TryAcquire(device, use.File, out records[acquired]))
                {
                    return new XeResult(Errno.EINVAL);
                }

                acquired++;
            }

            return IssueWithSyncs(use, queueId, records[..acquired], syncs, own);
        }
        finally
        {
            for (int index = 0; index < acquired; index++)
            {
                operations[index].Release();
            }

            if (rented is not null)
            {
                ArrayPool<drm_xe_vm_bind_op>.Shared.Return(rented);
            }
        }
    }

    private static XeResult IssueWithSyncs(
        HandleUse use, uint queueId, ReadOnlySpan<drm_xe_vm_bind_op> records, ReadOnlySpan<XeSync> syncs, in drm_xe_sync own)
    {
        using SyncRecords list = new(syncs.Length + 1, stackalloc drm_xe_sync[SyncRecords.OnStack]);
        XeResult result = default;
        bool issued = false;
        try
        {
            list.Acquire(use.File, syncs);
            list.Add(own);
            fixed (drm_xe_sync* sync = list.Records)
            fixed (drm_xe_vm_bind_op* record = records)
            {
                drm_xe_vm_bind request = new()
                {
                    vm_id = use.Id,
                    exec_queue_id = queueId,
                    num_binds = (uint)records.Length,
                    num_syncs = (uint)list.Records.Length,
                    syncs = (ulong)sync,
                };
                if (records.Length == 1)
                {
                    request.bind = records[0];
                }
                else
                {
                    request.vector_of_binds = (ulong)record;
                }

                result = use.File.Ioctl(DrmXe.DRM_IOCTL_XE_VM_BIND, ref request);
                issued = true;
            }
        }
        finally
        {
            list.Release(syncs, submitted: issued && result.IsSuccess);
        }

        return result;
    }
}
