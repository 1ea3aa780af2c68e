using System.Buffers;

using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_VM_BIND (xe_vm_bind_ioctl): all operations of a call or none, in the kernel's order of checks.</summary>
internal static unsafe class VmBindIoctl
{
    private const int MostSyncs = 1024;
    private const uint MostBinds = 1 << 20;

    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_vm_bind* args = (drm_xe_vm_bind*)argument;
        if (!file.Vms.TryGet(args->vm_id, out Vm? vm)
            || args->pad != 0 || args->pad2 != 0 || !UapiChecks.AreZero(args->reserved) || args->extensions != 0
            || args->num_syncs > MostSyncs)
        {
            return -Errno.EINVAL;
        }

        if (args->num_binds <= 1)
        {
            var embedded = new ReadOnlySpan<drm_xe_vm_bind_op>(&args->bind, (int)args->num_binds);
            return Run(file, vm, args, embedded);
        }

        if (args->num_binds > MostBinds)
        {
            return -Errno.ENOBUFS;
        }

        int count = (int)args->num_binds;
        drm_xe_vm_bind_op[] ops = ArrayPool<drm_xe_vm_bind_op>.Shared.Rent(count);
        try
        {
            fixed (drm_xe_vm_bind_op* first = ops)
            {
                return file.Client.Read(args->vector_of_binds, first, (nuint)count * (nuint)sizeof(drm_xe_vm_bind_op)) < 0
                    ? -Errno.EFAULT
                    : Run(file, vm, args, ops.AsSpan(0, count));
            }
        }
        finally
        {
            ArrayPool<drm_xe_vm_bind_op>.Shared.Return(ops);
        }
    }

    private static int Run(SoftwareFile file, Vm vm, drm_xe_vm_bind* args, ReadOnlySpan<drm_xe_vm_bind_op> ops)
    {
        foreach (ref readonly drm_xe_vm_bind_op op in ops)
        {
            int checkedOp = VmBindChecks.CheckOp(file.Device, vm, op);
            if (checkedOp < 0)
            {
                return checkedOp;
            }
        }

        int queue = CheckQueue(file, vm, args->exec_queue_id);
        if (queue < 0)
        {
            return queue;
        }

        // Pending unmaps of the client take effect before the bind looks at anything.
        vm.Client.Settle();
        vm.Client.Revalidate(0, vm.Size);
        lock (vm.Lock)
        {
            vm.Svm?.CollectGarbage();
            if (vm.IsClosed)
            {
                return -Errno.ENOENT;
            }

            foreach (ref readonly drm_xe_vm_bind_op op in ops)
            {
                if (op.range > vm.Size || op.addr > vm.Size - op.range)
                {
                    return -Errno.EINVAL;
                }
            }

            VmBindTransaction transaction = vm.BindTransaction;
            try
            {
                int result = ResolveAndCommit(file, transaction, vm, args, ops, out UserFence fence);
                if (result == 0)
                {
                    fence.SignalFromCpu(file);
                }

                return result;
            }
            finally
            {
                transaction.End();
            }
        }
    }

    private static int ResolveAndCommit(
        SoftwareFile file, VmBindTransaction transaction, Vm vm, drm_xe_vm_bind* args, ReadOnlySpan<drm_xe_vm_bind_op> ops, out UserFence fence)
    {
        fence = default;
        foreach (ref readonly drm_xe_vm_bind_op op in ops)
        {
            int resolved = transaction.Resolve(file, op);
            if (resolved < 0)
            {
                return resolved;
            }
        }

        var purpose = ops.IsEmpty ? SyncPurpose.EmptyBind : SyncPurpose.Bind;
        int parsed = SyncEntry.ParseAll(file, vm, args->syncs, args->num_syncs, purpose, out fence);
        if (parsed < 0)
        {
            return parsed;
        }

        for (int i = 0; i < ops.Length; i++)
        {
            int applied = transaction.Apply(i, ops[i]);
            if (applied < 0)
            {
                return applied;
            }
        }

        return transaction.Commit();
    }

    private static int CheckQueue(SoftwareFile file, Vm vm, uint id)
    {
        if (id == 0)
        {
            return 0;
        }

        return !file.Queues.TryGet(id, out XeExecQueue? queue) ? -Errno.ENOENT
            : queue.IsBindQueue && ReferenceEquals(queue.Vm, vm) ? 0 : -Errno.EINVAL;
    }
}
