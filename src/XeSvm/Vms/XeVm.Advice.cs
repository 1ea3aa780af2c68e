using XeSvm.Interop;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <content>MADVISE: where memory should be.</content>
public sealed partial class XeVm
{
    /// <summary>
    /// Says where memory should be when the GPU touches it. A hint: nothing moves now, and results never depend on it. Memory that is in
    /// VRAM already stays there until a CPU touch, an eviction or a prefetch.
    /// </summary>
    /// <param name="range">The memory; widened to whole pages.</param>
    /// <param name="preferredLocation">The place; <see cref="MemoryLocation.Default"/> takes the advice back.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    public void Advise(GpuRange range, MemoryLocation preferredLocation)
    {
        XeResult result = TryAdvise(range, preferredLocation);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.Madvise, $"preferred location {preferredLocation} for {range} in VM {Id}");
        }
    }

    /// <summary>Says where memory should be, or says why not.</summary>
    /// <param name="range">The memory; widened to whole pages.</param>
    /// <param name="preferredLocation">The place; <see cref="MemoryLocation.Default"/> takes the advice back.</param>
    /// <returns>
    /// EINVAL for a VRAM region that the device does not have; EOPNOTSUPP for one region of several, which the driver names by file
    /// descriptor, something that the seam does not show.
    /// </returns>
    public XeResult TryAdvise(GpuRange range, MemoryLocation preferredLocation)
    {
        uint place = DrmXe.DRM_XE_PREFERRED_LOC_DEFAULT_DEVICE;
        if (preferredLocation.IsSystem)
        {
            place = DrmXe.DRM_XE_PREFERRED_LOC_DEFAULT_SYSTEM;
        }
        else if (preferredLocation.IsDevice)
        {
            if (Device.FindRegion(preferredLocation) is null)
            {
                return new XeResult(Errno.EINVAL);
            }

            if (Device.FindRegion(MemoryLocation.Device(1)) is not null)
            {
                return new XeResult(Errno.EOPNOTSUPP);
            }
        }

        GpuRange pages = range.ToPages();
        drm_xe_madvise request = new()
        {
            start = pages.Address,
            range = pages.Length,
            vm_id = Id,
            type = DrmXe.DRM_XE_MEM_RANGE_ATTR_PREFERRED_LOC,
        };
        request.preferred_mem_loc.devmem_fd = place;
        request.preferred_mem_loc.migration_policy = DrmXe.DRM_XE_MIGRATE_ALL_PAGES;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _file.Ioctl(DrmXe.DRM_IOCTL_XE_MADVISE, ref request);
        }
    }
}
