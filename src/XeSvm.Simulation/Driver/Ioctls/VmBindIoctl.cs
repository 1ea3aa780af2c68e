using System.Buffers;

using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Fences;
using XeSvm.Simulation.Gpu;

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

        int found = FindQueue(file, vm, args->exec_queue_id, out BindQueue? queue);
        if (found < 0)
        {
            return found;
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

            VmBindTransaction transaction = vm.RentTransaction();
            SyncEntries syncs = SyncEntries.OfThread;
            bool queued = false;
            try
            {
                int result = ResolveAndApply(file, transaction, syncs, vm, args, ops);
                return result < 0 ? result : Schedule(transaction, syncs, vm, queue!, out queued);
            }
            finally
            {
                syncs.Clear();
                if (!queued)
                {
                    transaction.End();
                }
            }
        }
    }

    private static int ResolveAndApply(
        SoftwareFile file, VmBindTransaction transaction, SyncEntries syncs, Vm vm, drm_xe_vm_bind* args, ReadOnlySpan<drm_xe_vm_bind_op> ops)
    {
        foreach (ref readonly drm_xe_vm_bind_op op in ops)
        {
            int resolved = transaction.Resolve(file, op);
            if (resolved < 0)
            {
                return resolved;
            }
        }

        var purpose = ops.IsEmpty ? SyncPurpose.EmptyBind : SyncPurpose.Bind;
        int parsed = syncs.Parse(file, vm, args->syncs, args->num_syncs, purpose);
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

        return transaction.Check();
    }

    /// <summary>Writes the page tables now, or has them written when everything that the call waits for is signalled.</summary>
    private static int Schedule(VmBindTransaction transaction, SyncEntries syncs, Vm vm, BindQueue queue, out bool queued)
    {
        queued = false;
        if (!transaction.HasPageTableWork && syncs.CarriesFence)
        {
            // The areas have changed, and stay so, but the kernel has no job that could wait (vm_bind_ioctl_signal_fences).
            int done = transaction.Commit(deferred: false);
            return done < 0 ? done : -Errno.EOPNOTSUPP;
        }

        bool wait = vm.Binds.MustQueue(transaction, queue, syncs.Waits);
        if (wait && !transaction.FitsBatch())
        {
            return -Errno.ENOBUFS;
        }

        if (wait && !vm.Binds.TryStartThread())
        {
            return -Errno.ENOMEM;
        }

        int result = transaction.Commit(wait);
        if (result < 0)
        {
            return result;
        }

        if (transaction.PrefetchFailed && syncs.CarriesFence)
        {
            return RefuseToWait(transaction, wait);
        }

        DmaFence fence = queue.Begin();
        if (syncs.UserFence.IsPresent)
        {
            transaction.Remember(fence);
        }

        // First, so that whoever sees the user fence finds fences in the syncobjs.
        syncs.SignalWith(fence);
        if (wait)
        {
            queued = true;
            vm.Binds.Enqueue(transaction, fence, syncs.Waits, syncs.UserFence);
        }
        else
        {
            fence.Timeline!.Complete(fence.Sequence);
            syncs.UserFence.SignalFromCpu(vm);
        }

        return 0;
    }

    /// <summary>A prefetch that has failed leaves nothing to execute, and so no job that could wait; what has changed stays.</summary>
    private static int RefuseToWait(VmBindTransaction transaction, bool deferred)
    {
        if (deferred)
        {
            transaction.WritePageTables();
        }

        return -Errno.EOPNOTSUPP;
    }

    private static int FindQueue(SoftwareFile file, Vm vm, uint id, out BindQueue? queue)
    {
        queue = vm.DefaultBinds;
        if (id == 0)
        {
            return 0;
        }

        if (!file.Queues.TryGet(id, out XeExecQueue? named))
        {
            return -Errno.ENOENT;
        }

        if (!named.IsBindQueue || !ReferenceEquals(named.Vm, vm))
        {
            return -Errno.EINVAL;
        }

        queue = named.Binds;
        return 0;
    }
}
