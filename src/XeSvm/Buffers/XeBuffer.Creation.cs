using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <content>GEM_CREATE.</content>
public sealed unsafe partial class XeBuffer
{
    /// <summary>Makes a buffer object; it takes a reference of its own to the file.</summary>
    internal static XeBuffer Create(XeDevice device, DeviceFile file, XeBufferOptions options)
    {
        XeResult result = TryCreate(device, file, options, out XeBuffer? buffer);
        if (buffer is null)
        {
            ThrowHelper.Throw(result, XeOperation.GemCreate, Describe(device, options));
        }

        return buffer;
    }

    /// <summary>Makes a buffer object, or says why not.</summary>
    internal static XeResult TryCreate(XeDevice device, DeviceFile file, XeBufferOptions options, out XeBuffer? buffer)
    {
        buffer = null;
        drm_xe_gem_create request = new()
        {
            size = options.Size,
            placement = PlacementMask(device, options.Placements),
            flags = FlagsOf(options),
            cpu_caching = CachingOf(options),
        };
        drm_xe_ext_set_property protection = new()
        {
            property = DrmXe.DRM_XE_GEM_CREATE_SET_PROPERTY_PXP_TYPE,
            value = DrmXe.DRM_XE_PXP_TYPE_HWDRM,
        };
        protection.@base.name = DrmXe.DRM_XE_GEM_CREATE_EXTENSION_SET_PROPERTY;
        request.extensions = options.ProtectedContent ? (ulong)&protection : 0;

        XeResult result;
        if (options.PrivateTo is { } vm)
        {
            using HandleUse use = vm.Borrow(file);
            request.vm_id = use.Id;
            result = file.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref request);
        }
        else
        {
            result = file.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref request);
        }

        if (result.IsSuccess)
        {
            file.Gems.Add(request.handle);
            buffer = new XeBuffer(new GemHandle(file, request.handle), options.Size, [.. options.Placements], isImported: false);
        }

        return result;
    }

    /// <summary>What was asked, for messages.</summary>
    internal static string Describe(XeDevice device, XeBufferOptions options)
    {
        uint pageSize = options.Placements.Max(place => device.FindRegion(place)?.MinimumPageSize ?? 0);
        string privacy = options.PrivateTo is { } vm ? $", private to VM {vm.Id}" : "";
        return $"{options.Size} bytes in {string.Join(" or ", options.Placements)}, minimum page size {pageSize}{privacy}";
    }

    private static uint PlacementMask(XeDevice device, IReadOnlyList<MemoryLocation> placements)
    {
        ArgumentNullException.ThrowIfNull(placements);
        if (placements.Count == 0 || placements.Any(place => place.IsDefault))
        {
            throw new ArgumentException(
                "A buffer object needs places: MemoryLocation.System or MemoryLocation.Device().", nameof(placements));
        }

        uint mask = 0;
        foreach (MemoryLocation place in placements)
        {
            XeMemoryRegion region = device.FindRegion(place)
                ?? throw new ArgumentException($"The device has no memory region {place}. {device.DescribeRegions()}", nameof(placements));
            mask |= region.PlacementMask;
        }

        return mask;
    }

    private static uint FlagsOf(XeBufferOptions options) =>
        (options.DeferBacking ? DrmXe.DRM_XE_GEM_CREATE_FLAG_DEFER_BACKING : 0)
        | (options.Scanout ? DrmXe.DRM_XE_GEM_CREATE_FLAG_SCANOUT : 0)
        | (options.NeedsVisibleVram ? DrmXe.DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM : 0)
        | (options.NoCompression ? DrmXe.DRM_XE_GEM_CREATE_FLAG_NO_COMPRESSION : 0);

    private static ushort CachingOf(XeBufferOptions options)
    {
        if (options.CpuCaching != XeCpuCaching.Default)
        {
            return (ushort)options.CpuCaching;
        }

        return options.Scanout || options.Placements.Any(place => place.IsDevice)
            ? DrmXe.DRM_XE_GEM_CPU_CACHING_WC
            : DrmXe.DRM_XE_GEM_CPU_CACHING_WB;
    }
}
