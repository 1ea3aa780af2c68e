using System.Diagnostics.CodeAnalysis;
using XeSvm.Interop;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <content>MADVISE: what memory is for.</content>
public sealed unsafe partial class XeVm
{
    /// <summary>
    /// Says where memory should be when the GPU touches it. A hint: nothing moves now, and results never depend on it. Memory that is in
    /// VRAM already stays there until a CPU touch, an eviction or a prefetch.
    /// </summary>
    /// <param name="range">The memory; widened to whole pages.</param>
    /// <param name="preferredLocation">The place; <see cref="MemoryLocation.Default"/> takes the advice back.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    public void Advise(GpuRange range, MemoryLocation preferredLocation) => Advise(range, Advice.PreferredLocation(preferredLocation));

    /// <summary>Says where memory should be, or says why not.</summary>
    /// <param name="range">The memory; widened to whole pages.</param>
    /// <param name="preferredLocation">The place; <see cref="MemoryLocation.Default"/> takes the advice back.</param>
    /// <returns>
    /// EINVAL for a VRAM region that the device does not have; EOPNOTSUPP for one region of several on a backend whose files have no
    /// descriptor, by which the driver wants it named.
    /// </returns>
    public XeResult TryAdvise(GpuRange range, MemoryLocation preferredLocation) =>
        TryAdvise(range, Advice.PreferredLocation(preferredLocation));

    /// <summary>Tells the driver something about memory. A hint: nothing moves now, and results never depend on it.</summary>
    /// <param name="range">The memory; widened to whole pages.</param>
    /// <param name="advice">What.</param>
    /// <exception cref="XeException">The driver refused, or cannot take such advice (EOPNOTSUPP): see <see cref="Supports(AdviceKind, out string)"/>.</exception>
    public void Advise(GpuRange range, Advice advice)
    {
        XeResult result = TryAdvise(range, advice);
        if (result.IsSuccess)
        {
            return;
        }

        string request = $"{advice} for {range} in VM {Id}";
        if (result.Errno == Errno.EOPNOTSUPP && !Supports(advice.Kind, out string? reason))
        {
            throw new XeException(result.Errno, XeOperation.Madvise, request, reason);
        }

        ThrowHelper.Throw(result, XeOperation.Madvise, request);
    }

    /// <summary>Tells the driver something about memory, or says why not.</summary>
    /// <param name="range">The memory; widened to whole pages.</param>
    /// <param name="advice">What.</param>
    /// <returns>EOPNOTSUPP for advice that xe has no attribute for; EINVAL for a VRAM region that the device does not have.</returns>
    public XeResult TryAdvise(GpuRange range, Advice advice)
    {
        GpuRange pages = range.ToPages();
        drm_xe_madvise request = new() { start = pages.Address, range = pages.Length };
        switch (advice.Kind)
        {
            case AdviceKind.PreferredLocation:
                return TryAdviseLocation(ref request, advice.Location);
            case AdviceKind.AtomicAccess:
                request.type = DrmXe.DRM_XE_MEM_RANGE_ATTR_ATOMIC;
                request.atomic.val = advice.Value;
                return Issue(ref request);
            case AdviceKind.PatIndex:
                request.type = DrmXe.DRM_XE_MEM_RANGE_ATTR_PAT;
                request.pat_index.val = advice.Value;
                return Issue(ref request);
            case AdviceKind.Purgeable:
                return TryAdvisePurgeable(range, advice.Value, out _);
            default:
                return new XeResult(Errno.EOPNOTSUPP);
        }
    }

    /// <summary>Whether the driver has an attribute for a kind of advice. It may still refuse it for some memory.</summary>
    /// <param name="kind">The kind.</param>
    public bool Supports(AdviceKind kind) => Device.Supports(kind);

    /// <summary>Whether the driver has an attribute for a kind of advice, and why not. It may still refuse it for some memory.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="reason">What is missing, and what to do instead, when the result is <see langword="false"/>.</param>
    public bool Supports(AdviceKind kind, [NotNullWhen(false)] out string? reason) => Device.Supports(kind, out reason);

    /// <summary>Whether the driver has an attribute for advice of this kind, as for <see cref="Supports(AdviceKind)"/>.</summary>
    /// <param name="advice">The advice.</param>
    public bool Supports(Advice advice) => Device.Supports(advice.Kind);

    /// <summary>Lets the driver discard the content of the range's buffer objects when memory is short.</summary>
    /// <param name="range">The memory; widened to whole pages.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    public void MarkDiscardable(GpuRange range) => Advise(range, Advice.Discardable);

    /// <summary>Takes <see cref="MarkDiscardable"/> back.</summary>
    /// <param name="range">The memory; widened to whole pages.</param>
    /// <returns>Whether all content is still there; otherwise some was discarded, and its buffer objects cannot be used any more.</returns>
    /// <exception cref="XeException">The driver refused.</exception>
    public bool MarkNeeded(GpuRange range)
    {
        XeResult result = TryMarkNeeded(range, out bool retained);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.Madvise, $"{Advice.Needed} for {range} in VM {Id}");
        }

        return retained;
    }

    /// <summary>Takes <see cref="MarkDiscardable"/> back, or says why not.</summary>
    /// <param name="range">The memory; widened to whole pages.</param>
    /// <param name="retained">Whether all content is still there, when the result is success.</param>
    public XeResult TryMarkNeeded(GpuRange range, out bool retained) =>
        TryAdvisePurgeable(range, DrmXe.DRM_XE_VMA_PURGEABLE_STATE_WILLNEED, out retained);

    private XeResult TryAdvisePurgeable(GpuRange range, uint state, out bool retained)
    {
        GpuRange pages = range.ToPages();
        uint answer = 0;
        drm_xe_madvise request = new()
        {
            start = pages.Address,
            range = pages.Length,
            type = DrmXe.DRM_XE_VMA_ATTR_PURGEABLE_STATE,
        };
        request.purge_state_val.val = state;
        request.purge_state_val.retained_ptr = (ulong)&answer;
        XeResult result = Issue(ref request);
        retained = answer != 0;
        return result;
    }

    private XeResult TryAdviseLocation(ref drm_xe_madvise request, MemoryLocation location)
    {
        request.type = DrmXe.DRM_XE_MEM_RANGE_ATTR_PREFERRED_LOC;
        request.preferred_mem_loc.migration_policy = DrmXe.DRM_XE_MIGRATE_ALL_PAGES;
        request.preferred_mem_loc.devmem_fd = location.IsSystem
            ? DrmXe.DRM_XE_PREFERRED_LOC_DEFAULT_SYSTEM
            : DrmXe.DRM_XE_PREFERRED_LOC_DEFAULT_DEVICE;
        if (!location.IsDevice)
        {
            return Issue(ref request);
        }

        XeDevice device = location.Peer ?? Device;
        if (device.FindRegion(location) is not { } region)
        {
            return new XeResult(Errno.EINVAL);
        }

        bool theOnlyOne = ReferenceEquals(device, Device) && Device.FindRegion(MemoryLocation.Device(1)) is null;
        return theOnlyOne ? Issue(ref request) : TryAdviseByDescriptor(ref request, device, region);
    }

    /// <summary>Names one VRAM region of several, or of another device, which the driver wants by the device's descriptor.</summary>
    private XeResult TryAdviseByDescriptor(ref drm_xe_madvise request, XeDevice device, XeMemoryRegion region)
    {
        using HandleUse use = device.Borrow();
        int descriptor = use.File.Descriptor;
        if (descriptor <= 0)
        {
            return new XeResult(Errno.EOPNOTSUPP);
        }

        // The driver takes advice for the same that differs from the last in the region only (xe_vm_madvise.c compares descriptor and
        // policy), so the last is taken back first.
        XeResult result = Issue(ref request);
        if (!result.IsSuccess)
        {
            return result;
        }

        request.preferred_mem_loc.devmem_fd = (uint)descriptor;
        request.preferred_mem_loc.region_instance = (ushort)region.Instance;
        return Issue(ref request);
    }

    private XeResult Issue(ref drm_xe_madvise request)
    {
        using HandleUse use = _handle.Borrow(this);
        request.vm_id = use.Id;
        return use.File.Ioctl(DrmXe.DRM_IOCTL_XE_MADVISE, ref request);
    }
}
