using System.Runtime.InteropServices;

using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_DEVICE_QUERY (xe_query_ioctl): a size of 0 asks for the size, any other must be exactly it.</summary>
internal static unsafe class DeviceQueryIoctl
{
    private const int ConfigParameters = 5;
    private const int LargestAnswer = 4096;

    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_device_query* args = (drm_xe_device_query*)argument;
        if (args->extensions != 0 || !UapiChecks.AreZero(args->reserved))
        {
            return -Errno.EINVAL;
        }

        Span<byte> answer = stackalloc byte[LargestAnswer];
        int failure = -Errno.EFAULT;
        int length;
        switch (args->query)
        {
            case DrmXe.DRM_XE_DEVICE_QUERY_ENGINES:
                length = Engines(file.Device, answer);
                break;
            case DrmXe.DRM_XE_DEVICE_QUERY_MEM_REGIONS:
                length = MemRegions(file.Device, answer);

                // The kernel's own oddity: this query alone reports a bad pointer so.
                failure = -Errno.ENOSPC;
                break;
            case DrmXe.DRM_XE_DEVICE_QUERY_CONFIG:
                length = Config(file.Device, answer);
                break;
            case DrmXe.DRM_XE_DEVICE_QUERY_GT_LIST:
                length = GtList(file.Device, answer);
                break;
            default:
                return -Errno.EINVAL;
        }

        return Give(file, args, answer[..length], failure);
    }

    private static int Give(SoftwareFile file, drm_xe_device_query* args, ReadOnlySpan<byte> answer, int failure)
    {
        if (args->size == 0)
        {
            args->size = (uint)answer.Length;
            return 0;
        }

        if (args->size != answer.Length)
        {
            return -Errno.EINVAL;
        }

        fixed (byte* bytes = answer)
        {
            return file.Client.Write(args->data, bytes, (nuint)answer.Length) < 0 ? failure : 0;
        }
    }

    private static int Engines(SoftwareDevice device, Span<byte> answer)
    {
        Engine[] engines = device.Engines;
        int length = Lay<drm_xe_query_engines, drm_xe_engine>(answer, engines.Length, out Span<drm_xe_engine> items);
        Head<drm_xe_query_engines>(answer).num_engines = (uint)engines.Length;
        for (int i = 0; i < items.Length; i++)
        {
            items[i].instance.engine_class = (ushort)engines[i].Class;
            items[i].instance.engine_instance = (ushort)engines[i].Instance;
            items[i].instance.gt_id = (ushort)engines[i].Gt.Id;
        }

        return length;
    }

    private static int MemRegions(SoftwareDevice device, Span<byte> answer)
    {
        int count = device.IsDiscrete ? 2 : 1;
        int length = Lay<drm_xe_query_mem_regions, drm_xe_mem_region>(answer, count, out Span<drm_xe_mem_region> items);
        Head<drm_xe_query_mem_regions>(answer).num_mem_regions = (uint)count;
        items[0].mem_class = (ushort)DrmXe.DRM_XE_MEM_REGION_CLASS_SYSMEM;
        items[0].instance = MemoryRegions.SystemInstance;
        items[0].min_page_size = PageConstants.PageSize;
        items[0].total_size = device.SystemMemoryTotal;
        items[0].used = device.SystemMemoryUse;
        if (device.IsDiscrete)
        {
            items[1].mem_class = (ushort)DrmXe.DRM_XE_MEM_REGION_CLASS_VRAM;
            items[1].instance = MemoryRegions.FirstVramInstance;
            items[1].min_page_size = device.Profile.MinPageSize;
            items[1].total_size = device.Vram.Total;
            items[1].used = device.Vram.Used;
            items[1].cpu_visible_size = device.Vram.Total;
            items[1].cpu_visible_used = device.Vram.Used;
        }

        return length;
    }

    private static int Config(SoftwareDevice device, Span<byte> answer)
    {
        DeviceProfile profile = device.Profile;
        int length = Lay<drm_xe_query_config, ulong>(answer, ConfigParameters, out Span<ulong> info);
        Head<drm_xe_query_config>(answer).num_params = ConfigParameters;

        // PURGING_SUPPORT is left out as long as MADVISE has no purgeable state.
        ulong flags = DrmXe.DRM_XE_QUERY_CONFIG_FLAG_HAS_LOW_LATENCY | DrmXe.DRM_XE_QUERY_CONFIG_FLAG_HAS_DISABLE_STATE_CACHE_PERF_FIX;
        flags |= profile.IsDiscrete ? DrmXe.DRM_XE_QUERY_CONFIG_FLAG_HAS_VRAM : 0UL;
        flags |= profile.HasUsm ? DrmXe.DRM_XE_QUERY_CONFIG_FLAG_HAS_CPU_ADDR_MIRROR : 0UL;
        flags |= profile.HasNoCompressionHint ? DrmXe.DRM_XE_QUERY_CONFIG_FLAG_HAS_NO_COMPRESSION_HINT : 0UL;
        info[(int)DrmXe.DRM_XE_QUERY_CONFIG_REV_AND_DEVICE_ID] = profile.DeviceId | ((ulong)profile.Revision << 16);
        info[(int)DrmXe.DRM_XE_QUERY_CONFIG_FLAGS] = flags;
        info[(int)DrmXe.DRM_XE_QUERY_CONFIG_MIN_ALIGNMENT] = profile.MinPageSize;
        info[(int)DrmXe.DRM_XE_QUERY_CONFIG_VA_BITS] = (ulong)profile.VirtualAddressBits;
        info[(int)DrmXe.DRM_XE_QUERY_CONFIG_MAX_EXEC_QUEUE_PRIORITY] = XeExecQueue.HighestPriority;
        return length;
    }

    private static int GtList(SoftwareDevice device, Span<byte> answer)
    {
        int length = Lay<drm_xe_query_gt_list, drm_xe_gt>(answer, 1, out Span<drm_xe_gt> items);
        Head<drm_xe_query_gt_list>(answer).num_gt = 1;
        items[0].type = (ushort)DrmXe.DRM_XE_QUERY_GT_TYPE_MAIN;
        items[0].tile_id = (ushort)device.PrimaryGt.TileId;
        items[0].gt_id = (ushort)device.PrimaryGt.Id;
        items[0].reference_clock = device.Profile.ReferenceClock;
        items[0].near_mem_regions = device.IsDiscrete ? MemoryRegions.FirstVramBit : MemoryRegions.SystemBit;
        items[0].far_mem_regions = device.RegionMask ^ items[0].near_mem_regions;
        items[0].ip_ver_major = device.Profile.GraphicsVersion;
        items[0].ip_ver_minor = device.Profile.GraphicsRelease;
        return length;
    }

    /// <summary>Lays an answer out as a head and items, all zeros; returns its length.</summary>
    private static int Lay<THead, TItem>(Span<byte> answer, int count, out Span<TItem> items)
        where THead : unmanaged
        where TItem : unmanaged
    {
        int length = sizeof(THead) + (count * sizeof(TItem));
        answer[..length].Clear();
        items = MemoryMarshal.Cast<byte, TItem>(answer[sizeof(THead)..length]);
        return length;
    }

    private static ref THead Head<THead>(Span<byte> answer)
        where THead : unmanaged
        => ref MemoryMarshal.AsRef<THead>(answer[..sizeof(THead)]);
}
