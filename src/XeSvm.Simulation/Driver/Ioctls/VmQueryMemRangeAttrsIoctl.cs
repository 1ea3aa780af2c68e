using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS (xe_vm_query_vmas_attrs_ioctl): counts areas, then gives their attributes.</summary>
internal static unsafe class VmQueryMemRangeAttrsIoctl
{
    // kvmalloc gives no array of more bytes than fit an int.
    private const uint MostRecords = int.MaxValue / 64;

    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_vm_query_mem_range_attr* args = (drm_xe_vm_query_mem_range_attr*)argument;
        ulong recordSize = args->num_mem_ranges == 0 ? 0 : (ulong)sizeof(drm_xe_mem_range_attr);
        bool hasVector = args->vector_of_mem_attr != 0;
        if (hasVector != (args->num_mem_ranges != 0) || args->sizeof_mem_range_attr != recordSize || !file.Vms.TryGet(args->vm_id, out Vm? vm))
        {
            return -Errno.EINVAL;
        }

        if (args->num_mem_ranges > MostRecords)
        {
            return -Errno.ENOBUFS;
        }

        ulong start = args->start;
        ulong end = start + args->range;
        lock (vm.Lock)
        {
            uint count = 0;
            for (Vma? vma = First(vm, start, end); vma is not null; vma = Next(vm, vma, end))
            {
                count++;
            }

            if (!hasVector)
            {
                args->num_mem_ranges = count;
                args->sizeof_mem_range_attr = (ulong)sizeof(drm_xe_mem_range_attr);
                return 0;
            }

            if (count > args->num_mem_ranges)
            {
                return -Errno.ENOSPC;
            }

            args->num_mem_ranges = count;
            ulong target = args->vector_of_mem_attr;
            for (Vma? vma = First(vm, start, end); vma is not null; vma = Next(vm, vma, end))
            {
                drm_xe_mem_range_attr record = Describe(vma);
                if (file.Client.Write(target, &record, (nuint)sizeof(drm_xe_mem_range_attr)) < 0)
                {
                    return -Errno.EFAULT;
                }

                target += (ulong)sizeof(drm_xe_mem_range_attr);
            }

            return 0;
        }
    }

    private static Vma? First(Vm vm, ulong start, ulong end) => start < end ? vm.Vmas.FirstOverlap(start, end) : null;

    private static Vma? Next(Vm vm, Vma vma, ulong end) => vm.Vmas.FindAbove(vma.Start) is { } next && next.Start < end ? next : null;

    /// <summary>The whole area, also where it reaches beyond what was asked for.</summary>
    private static drm_xe_mem_range_attr Describe(Vma vma)
    {
        var record = new drm_xe_mem_range_attr { start = vma.Start, end = vma.End };
        record.preferred_mem_loc.devmem_fd = (uint)vma.Attributes.PreferredDevmemFd;
        record.preferred_mem_loc.migration_policy = vma.Attributes.MigrationPolicy;
        record.atomic.val = (uint)vma.Attributes.Atomic;
        record.pat_index.val = vma.Attributes.PatIndex;
        return record;
    }
}
