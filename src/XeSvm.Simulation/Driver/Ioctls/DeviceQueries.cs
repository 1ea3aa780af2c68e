using System.Runtime.InteropServices;

using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Profiles;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>Answers of DEVICE_QUERY that need nothing but the device (xe_query.c). Each returns its length.</summary>
internal static unsafe class DeviceQueries
{
    private const int ConfigParameters = 5;
    private const int SamplingRates = 7;
    private const ulong SamplingRateUnit = 251;
    private const ulong EuStallRecordSize = 64;
    private const ulong EuStallBufferSize = 512 << 10;

    public static int Engines(SoftwareDevice device, Span<byte> answer)
    {
        Engine[] engines = device.Engines;
        int length = QueryAnswer.Lay<drm_xe_query_engines, drm_xe_engine>(answer, engines.Length, out Span<drm_xe_engine> items);
        QueryAnswer.Head<drm_xe_query_engines>(answer).num_engines = (uint)engines.Length;
        for (int i = 0; i < items.Length; i++)
        {
            items[i].instance = Name(engines[i]);
        }

        return length;
    }

    /// <summary>How user space names an engine.</summary>
    public static drm_xe_engine_class_instance Name(Engine engine) => new()
    {
        engine_class = (ushort)engine.Class,
        engine_instance = (ushort)engine.Instance,
        gt_id = (ushort)engine.Gt.Id,
    };

    public static int MemRegions(SoftwareDevice device, Span<byte> answer)
    {
        int count = device.IsDiscrete ? 1 + device.Tiles.Length : 1;
        int length = QueryAnswer.Lay<drm_xe_query_mem_regions, drm_xe_mem_region>(answer, count, out Span<drm_xe_mem_region> items);
        QueryAnswer.Head<drm_xe_query_mem_regions>(answer).num_mem_regions = (uint)count;
        items[0].mem_class = DrmXe.DRM_XE_MEM_REGION_CLASS_SYSMEM;
        items[0].instance = MemoryRegions.SystemInstance;
        items[0].min_page_size = PageConstants.PageSize;
        items[0].total_size = device.SystemMemoryTotal;
        items[0].used = device.SystemMemoryUse;
        for (int i = 1; i < count; i++)
        {
            VramRegion vram = device.Tiles[i - 1].Vram;
            items[i].mem_class = DrmXe.DRM_XE_MEM_REGION_CLASS_VRAM;
            items[i].instance = (ushort)i;
            items[i].min_page_size = device.Profile.MinPageSize;
            items[i].total_size = vram.Total;
            items[i].used = vram.Used;
            items[i].cpu_visible_size = vram.VisibleTotal;
            items[i].cpu_visible_used = vram.VisibleUsed;
        }

        return length;
    }

    public static int Config(SoftwareDevice device, Span<byte> answer)
    {
        DeviceProfile profile = device.Profile;
        int length = QueryAnswer.Lay<drm_xe_query_config, ulong>(answer, ConfigParameters, out Span<ulong> info);
        QueryAnswer.Head<drm_xe_query_config>(answer).num_params = ConfigParameters;
        ulong flags = DrmXe.DRM_XE_QUERY_CONFIG_FLAG_HAS_LOW_LATENCY | DrmXe.DRM_XE_QUERY_CONFIG_FLAG_HAS_DISABLE_STATE_CACHE_PERF_FIX
            | DrmXe.DRM_XE_QUERY_CONFIG_FLAG_HAS_PURGING_SUPPORT;
        flags |= profile.IsDiscrete ? DrmXe.DRM_XE_QUERY_CONFIG_FLAG_HAS_VRAM : 0UL;
        flags |= profile.HasUsm ? DrmXe.DRM_XE_QUERY_CONFIG_FLAG_HAS_CPU_ADDR_MIRROR : 0UL;
        flags |= profile.HasNoCompressionHint ? DrmXe.DRM_XE_QUERY_CONFIG_FLAG_HAS_NO_COMPRESSION_HINT : 0UL;
        info[DrmXe.DRM_XE_QUERY_CONFIG_REV_AND_DEVICE_ID] = profile.DeviceId | ((ulong)profile.Revision << 16);
        info[DrmXe.DRM_XE_QUERY_CONFIG_FLAGS] = flags;
        info[DrmXe.DRM_XE_QUERY_CONFIG_MIN_ALIGNMENT] = profile.MinPageSize;
        info[DrmXe.DRM_XE_QUERY_CONFIG_VA_BITS] = (ulong)profile.VirtualAddressBits;
        info[DrmXe.DRM_XE_QUERY_CONFIG_MAX_EXEC_QUEUE_PRIORITY] = XeExecQueue.HighestPriorityOf(device);
        return length;
    }

    public static int GtList(SoftwareDevice device, Span<byte> answer)
    {
        Gt[] gts = device.Gts;
        int length = QueryAnswer.Lay<drm_xe_query_gt_list, drm_xe_gt>(answer, gts.Length, out Span<drm_xe_gt> items);
        QueryAnswer.Head<drm_xe_query_gt_list>(answer).num_gt = (uint)gts.Length;
        for (int i = 0; i < gts.Length; i++)
        {
            Gt gt = gts[i];
            GtProfile profile = device.ProfileOf(gt);
            items[i].type = (ushort)gt.Type;
            items[i].tile_id = (ushort)gt.TileId;
            items[i].gt_id = (ushort)gt.Id;
            items[i].reference_clock = profile.ReferenceClock;
            items[i].near_mem_regions = device.IsDiscrete ? device.Tiles[gt.TileId].VramBit : MemoryRegions.SystemBit;
            items[i].far_mem_regions = device.RegionMask ^ items[i].near_mem_regions;
            if (device.Profile.ReportsVersions)
            {
                items[i].ip_ver_major = profile.Version;
                items[i].ip_ver_minor = profile.Release;
            }
        }

        return length;
    }

    public static int HardwareConfiguration(SoftwareDevice device, Span<byte> answer)
    {
        IReadOnlyList<uint> words = device.Profile.HardwareConfiguration;
        int length = words.Count * sizeof(uint);
        Span<uint> target = MemoryMarshal.Cast<byte, uint>(answer[..length]);
        for (int i = 0; i < words.Count; i++)
        {
            target[i] = words[i];
        }

        return length;
    }

    public static int EuStall(Span<byte> answer)
    {
        int length = QueryAnswer.Lay<drm_xe_query_eu_stall, ulong>(answer, SamplingRates, out Span<ulong> rates);
        ref drm_xe_query_eu_stall head = ref QueryAnswer.Head<drm_xe_query_eu_stall>(answer);
        head.capabilities = DrmXe.DRM_XE_EU_STALL_CAPS_BASE;
        head.record_size = EuStallRecordSize;
        head.per_xecore_buf_size = EuStallBufferSize;
        head.num_sampling_rates = SamplingRates;
        for (int i = 0; i < SamplingRates; i++)
        {
            rates[i] = SamplingRateUnit * (ulong)(i + 1);
        }

        return length;
    }
}
