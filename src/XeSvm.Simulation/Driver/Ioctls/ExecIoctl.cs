using System.Runtime.InteropServices;

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

        int room = queue.AwaitRoom();
        if (room < 0)
        {
            return room;
        }

        SyncEntries syncs = SyncEntries.OfThread;
        int result = syncs.Parse(file, queue.Vm, args->syncs, args->num_syncs, SyncPurpose.Exec);
        if (result == 0)
        {
            result = Submit(file, queue, args, syncs);
        }

        syncs.Clear();
        return result;
    }

    private static int Submit(SoftwareFile file, XeExecQueue queue, drm_xe_exec* args, SyncEntries syncs)
    {
        ulong* batches = stackalloc ulong[WidestQueue];
        batches[0] = args->address;
        if (queue.Width > 1 && file.Client.Read(args->address, batches, (nuint)(queue.Width * sizeof(ulong))) < 0)
        {
            return -Errno.EFAULT;
        }

        if (queue.Vm.IsClosed)
        {
            return -Errno.ECANCELED;
        }

        if (args->num_batch_buffer == 0)
        {
            return SignalLast(queue, syncs);
        }

        UserFenceWrite? write = syncs.UserFence is { IsPresent: true } fence ? new UserFenceWrite(fence.Address, fence.Value) : null;
        return queue.Submit(new ReadOnlySpan<ulong>(batches, queue.Width), write, CollectionsMarshal.AsSpan(syncs.Waits), syncs);
    }

    /// <summary>An exec without a batch: the last job's fence goes out. On a long-running VM nothing at all happens, not even a signal.</summary>
    private static int SignalLast(XeExecQueue queue, SyncEntries syncs)
    {
        if (queue.Vm.IsLongRunning)
        {
            return 0;
        }

        if (syncs.CarriesFence)
        {
            return -Errno.EOPNOTSUPP;
        }

        syncs.SignalWith(queue.LastFence);
        return 0;
    }
}
