using System.Runtime.InteropServices;

using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_DEVICE_QUERY (xe_query_ioctl): a size of 0 asks for the size, any other must be exactly it.</summary>
internal static unsafe class DeviceQueryIoctl
{
    private const int ConfigParameters = 5;

    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_device_query* args = (drm_xe_device_query*)argument;
        if (args->extensions != 0 || !UapiChecks.AreZero(args->reserved))
        {
            return -Errno.EINVAL;
        }

        int failure = -Errno.EFAULT;
        byte[] answer;
        switch (args->query)
        {
            case DrmXe.DRM_XE_DEVICE_QUERY_ENGINES:
                answer = Engines(file.Device);
                break;
            case DrmXe.DRM_XE_DEVICE_QUERY_MEM_REGIONS:
                answer = MemRegions(file.Device);

                // The kernel's own oddity: this query alone reports a bad pointer so.
                failure = -Errno.ENOSPC;
                break;
            case DrmXe.DRM_XE_DEVICE_QUERY_CONFIG:
                answer = Config(file.Device);
                break;
            case DrmXe.DRM_XE_DEVICE_QUERY_GT_LIST:
                answer = GtList(file.Device);
                break;
            default:
                return -Errno.EINVAL;
        }

        return Answer(file, args, answer, failure);
    }

    private static int Answer(SoftwareFile file, drm_xe_device_query* args, byte[] answer, int failure)
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

    private static byte[] Engines(SoftwareDevice device)
    {
        Engine[] engines = device.Engines;
        var answer = Answer<drm_xe_query_engines, drm_xe_engine>(engines.Length, out Span<drm_xe_engine> items);
        Head<drm_xe_query_engines>(answer).num_engines = (uint)engines.Length;
        for (int i = 0; i < items.Length; i++)
        {
            items[i].instance.engine_class = (ushort)engines[i].Class;
            items[i].instance.engine_instance = (ushort)engines[i].Instance;
            items[i].instance.gt_id = (ushort)engines[i].Gt.Id;
        }

        return answer;
    }

    private static byte[] MemRegions(SoftwareDevice device)
    {
        int count = device.IsDiscrete ? 2 : 1;
        var answer = Answer<drm_xe_query_mem_regions, drm_xe_mem_region>(count, out Span<drm_xe_mem_region> items);
        Head<drm_xe_query_mem_regions>(answer).num_mem_regions = (uint)count;
        items[0].mem_class = (ushort)DrmXe.DRM_XE_MEM_REGION_CLASS_SYSMEM;
        items[0].instance = MemoryRegions.SystemInstance;
        items[0].min_page_size = PageConstants.PageSize;
        items[0].total_size = (ulong)GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
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

        return answer;
    }

    private static byte[] Config(SoftwareDevice device)
    {
        DeviceProfile profile = device.Profile;
        var answer = Answer<drm_xe_query_config, ulong>(ConfigParameters, out Span<ulong> info);
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
        return answer;
    }

    private static byte[] GtList(SoftwareDevice device)
    {
        var answer = Answer<drm_xe_query_gt_list, drm_xe_gt>(1, out Span<drm_xe_gt> items);
        Head<drm_xe_query_gt_list>(answer).num_gt = 1;
        items[0].type = (ushort)DrmXe.DRM_XE_QUERY_GT_TYPE_MAIN;
        items[0].tile_id = (ushort)device.PrimaryGt.TileId;
        items[0].gt_id = (ushort)device.PrimaryGt.Id;
        items[0].reference_clock = device.Profile.ReferenceClock;
        items[0].near_mem_regions = device.IsDiscrete ? MemoryRegions.FirstVramBit : MemoryRegions.SystemBit;
        items[0].far_mem_regions = device.RegionMask ^ items[0].near_mem_regions;
        items[0].ip_ver_major = device.Profile.GraphicsVersion;
        items[0].ip_ver_minor = device.Profile.GraphicsRelease;
        return answer;
    }

    private static byte[] Answer<THead, TItem>(int count, out Span<TItem> items)
        where THead : unmanaged
        where TItem : unmanaged
    {
        var answer = new byte[sizeof(THead) + (count * sizeof(TItem))];
        items = MemoryMarshal.Cast<byte, TItem>(answer.AsSpan(sizeof(THead)));
        return answer;
    }

    private static ref THead Head<THead>(byte[] answer)
        where THead : unmanaged
        => ref MemoryMarshal.AsRef<THead>(answer.AsSpan(0, sizeof(THead)));
}
