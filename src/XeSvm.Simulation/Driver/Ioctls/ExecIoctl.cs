using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_EXEC (xe_exec_ioctl): queues one job.</summary>
internal static unsafe class ExecIoctl
{
    private const int MostSyncs = 1024;
    private const int WidestQueue = 9;

    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_exec* args = (drm_xe_exec*)argument;
        if (args->extensions != 0 || !UapiChecks.AreZero(args->pad) || !UapiChecks.AreZero(args->reserved) || args->num_syncs > MostSyncs)
        {
            return -Errno.EINVAL;
        }

        if (!file.Queues.TryGet(args->exec_queue_id, out XeExecQueue? queue))
        {
            return -Errno.ENOENT;
        }

        if (queue.IsBindQueue || (args->num_batch_buffer != 0 && args->num_batch_buffer != queue.Width))
        {
            return -Errno.EINVAL;
        }

        if (queue.IsBanned)
        {
            return -Errno.ECANCELED;
        }

        int result = SyncEntry.ParseAll(file, queue.Vm, args->syncs, args->num_syncs, SyncPurpose.Exec, out UserFence fence);
        if (result < 0)
        {
            return result;
        }

        ulong* batches = stackalloc ulong[WidestQueue];
        batches[0] = args->address;
        if (args->num_batch_buffer > 1 && file.Client.Read(args->address, batches, (nuint)(queue.Width * sizeof(ulong))) < 0)
        {
            return -Errno.EFAULT;
        }

        if (queue.Vm.IsClosed)
        {
            return -Errno.ECANCELED;
        }

        if (args->num_batch_buffer == 0)
        {
            // Fence-only: a long-running VM does nothing at all, not even signal; other VMs have only syncobjs to signal.
            return 0;
        }

        UserFenceWrite? write = fence.IsPresent ? new UserFenceWrite(fence.Address, fence.Value) : null;
        return queue.Submit(new ReadOnlySpan<ulong>(batches, queue.Width), write);
    }
}
