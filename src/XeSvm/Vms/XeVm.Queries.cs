using XeSvm.Interop;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <content>What the driver tells about a VM: advice that was given, and faults that failed.</content>
public sealed unsafe partial class XeVm
{
    /// <summary>
    /// How often the mappings may have grown in number between the two calls of VM_QUERY_MEM_RANGE_ATTRS before that is told as ENOSPC.
    /// </summary>
    private const int MostAttempts = 16;

    /// <summary>The advice for each mapping that a range touches, in the order of their addresses; holes have none.</summary>
    /// <param name="range">The memory.</param>
    /// <exception cref="XeException">The driver refused; it needs Linux 6.18.</exception>
    public IReadOnlyList<SvmRangeAttributes> GetAttributes(GpuRange range)
    {
        XeResult result = TryGetAttributes(range, out IReadOnlyList<SvmRangeAttributes> attributes);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.RangeAttributes, $"{range} in VM {Id}");
        }

        return attributes;
    }

    /// <summary>The advice for each mapping that a range touches, or why it cannot be told.</summary>
    /// <param name="range">The memory.</param>
    /// <param name="attributes">The mappings when the result is success, else none.</param>
    /// <returns>EINVAL on a kernel before 6.18; ENOSPC when other threads make mappings faster than they can be listed.</returns>
    public XeResult TryGetAttributes(GpuRange range, out IReadOnlyList<SvmRangeAttributes> attributes)
    {
        using HandleUse use = _handle.Borrow(this);
        attributes = [];
        XeResult result = default;
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            drm_xe_vm_query_mem_range_attr request = new() { vm_id = use.Id, start = range.Address, range = range.Length };
            result = use.File.Ioctl(DrmXe.DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS, ref request);
            if (!result.IsSuccess || request.num_mem_ranges == 0)
            {
                return result;
            }

            if (request.sizeof_mem_range_attr != (ulong)sizeof(drm_xe_mem_range_attr))
            {
                throw new InvalidDataException(
                    $"The driver's records of VM_QUERY_MEM_RANGE_ATTRS have {request.sizeof_mem_range_attr} bytes, not {sizeof(drm_xe_mem_range_attr)}.");
            }

            // Room to spare, as mappings may be split between the calls; each further attempt has more of it.
            drm_xe_mem_range_attr[] records = new drm_xe_mem_range_attr[checked((int)request.num_mem_ranges) + (8 << attempt)];
            request.num_mem_ranges = (uint)records.Length;
            fixed (drm_xe_mem_range_attr* record = records)
            {
                request.vector_of_mem_attr = (ulong)record;
                result = use.File.Ioctl(DrmXe.DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS, ref request);
            }

            if (result.IsSuccess)
            {
                attributes = [.. records.Take((int)Math.Min(request.num_mem_ranges, (uint)records.Length)).Select(Decode)];
            }

            if (result.Errno != Errno.ENOSPC)
            {
                return result;
            }
        }

        return result;
    }

    /// <summary>The GPU accesses that could not be served, the first 50; reading does not clear them.</summary>
    /// <exception cref="XeException">The driver refused; it needs a 7.x kernel.</exception>
    public IReadOnlyList<XeVmFault> QueryFaults()
    {
        XeResult result = TryQueryFaults(out IReadOnlyList<XeVmFault> faults);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.VmProperty, $"faults of VM {Id}");
        }

        return faults;
    }

    /// <summary>The GPU accesses that could not be served, or why they cannot be told.</summary>
    /// <param name="faults">The first 50 when the result is success, else none.</param>
    public XeResult TryQueryFaults(out IReadOnlyList<XeVmFault> faults)
    {
        using HandleUse use = _handle.Borrow(this);
        faults = [];
        drm_xe_vm_get_property request = new() { vm_id = use.Id, property = DrmXe.DRM_XE_VM_GET_PROPERTY_FAULTS };
        XeResult result = use.File.Ioctl(DrmXe.DRM_IOCTL_XE_VM_GET_PROPERTY, ref request);
        if (!result.IsSuccess || request.size == 0)
        {
            return result;
        }

        // Faults are never removed, so there are at least as many at the second call, which gives as many as there is room for.
        xe_vm_fault[] records = new xe_vm_fault[request.size / sizeof(xe_vm_fault)];
        fixed (xe_vm_fault* record = records)
        {
            request.size = (uint)(records.Length * sizeof(xe_vm_fault));
            request.data = (ulong)record;
            result = use.File.Ioctl(DrmXe.DRM_IOCTL_XE_VM_GET_PROPERTY, ref request);
        }

        if (result.IsSuccess)
        {
            faults =
            [
                .. records.Select(fault => new XeVmFault(
                    fault.address, fault.address_precision, (XeFaultAccess)fault.access_type, (XeFaultType)fault.fault_type, fault.fault_level)),
            ];
        }

        return result;
    }

    private static SvmRangeAttributes Decode(drm_xe_mem_range_attr record)
    {
        int descriptor = (int)record.preferred_mem_loc.devmem_fd;
        MemoryLocation location = descriptor switch
        {
            < 0 => MemoryLocation.System,
            0 => MemoryLocation.Default,
            _ => MemoryLocation.Device(),
        };
        return new SvmRangeAttributes(
            new GpuRange(record.start, record.end - record.start),
            location,
            descriptor > 0 ? descriptor : null,
            (AtomicAccess)record.atomic.val,
            record.pat_index.val);
    }
}
