using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>DEVICE_QUERY: the two-call protocol, and the decoding of its answers.</summary>
internal static unsafe partial class DeviceQuery
{
    /// <summary>No answer of the driver comes near this; more is a sign of a broken driver, not a reason to allocate.</summary>
    private const uint LargestAnswer = 1 << 20;

    /// <summary>Asks for the configuration.</summary>
    internal static XeConfiguration Configuration(DeviceFile file)
    {
        byte[] answer = Ask(file, DrmXe.DRM_XE_DEVICE_QUERY_CONFIG, "CONFIG");
        ReadOnlySpan<ulong> values = Items<drm_xe_query_config, ulong>(answer, "CONFIG", out drm_xe_query_config head);
        values = values[..Count(head.num_params, values.Length, "CONFIG")];
        const int Fewest = DrmXe.DRM_XE_QUERY_CONFIG_MAX_EXEC_QUEUE_PRIORITY + 1;
        if (values.Length < Fewest)
        {
            throw Malformed("CONFIG", $"it has {values.Length} values instead of at least {Fewest}");
        }

        ulong bits = values[DrmXe.DRM_XE_QUERY_CONFIG_VA_BITS];
        if (bits is < 32 or > 63)
        {
            throw Malformed("CONFIG", $"a GPU address has {bits} bits");
        }

        ulong identity = values[DrmXe.DRM_XE_QUERY_CONFIG_REV_AND_DEVICE_ID];
        return new XeConfiguration(
            (int)(identity & 0xffff),
            (int)((identity >> 16) & 0xffff),
            values[DrmXe.DRM_XE_QUERY_CONFIG_FLAGS],
            values[DrmXe.DRM_XE_QUERY_CONFIG_MIN_ALIGNMENT],
            (int)bits,
            (int)values[DrmXe.DRM_XE_QUERY_CONFIG_MAX_EXEC_QUEUE_PRIORITY]);
    }

    /// <summary>Asks for the engines.</summary>
    internal static XeEngine[] Engines(DeviceFile file)
    {
        byte[] answer = Ask(file, DrmXe.DRM_XE_DEVICE_QUERY_ENGINES, "ENGINES");
        ReadOnlySpan<drm_xe_engine> items = Items<drm_xe_query_engines, drm_xe_engine>(answer, "ENGINES", out drm_xe_query_engines head);
        XeEngine[] engines = new XeEngine[Count(head.num_engines, items.Length, "ENGINES")];
        for (int index = 0; index < engines.Length; index++)
        {
            engines[index] = EngineOf(items[index].instance);
        }

        return engines;
    }

    /// <summary>Asks for the memory regions.</summary>
    internal static XeMemoryRegion[] MemoryRegions(DeviceFile file)
    {
        byte[] answer = Ask(file, DrmXe.DRM_XE_DEVICE_QUERY_MEM_REGIONS, "MEM_REGIONS");
        ReadOnlySpan<drm_xe_mem_region> items =
            Items<drm_xe_query_mem_regions, drm_xe_mem_region>(answer, "MEM_REGIONS", out drm_xe_query_mem_regions head);
        XeMemoryRegion[] regions = new XeMemoryRegion[Count(head.num_mem_regions, items.Length, "MEM_REGIONS")];
        for (int index = 0; index < regions.Length; index++)
        {
            ref readonly drm_xe_mem_region region = ref items[index];
            regions[index] = new XeMemoryRegion(
                (XeMemoryClass)region.mem_class,
                region.instance,
                region.min_page_size,
                region.total_size,
                region.used,
                region.cpu_visible_size,
                region.cpu_visible_used);
        }

        return regions;
    }

    /// <summary>Asks for the GTs.</summary>
    internal static XeGt[] Gts(DeviceFile file)
    {
        byte[] answer = Ask(file, DrmXe.DRM_XE_DEVICE_QUERY_GT_LIST, "GT_LIST");
        ReadOnlySpan<drm_xe_gt> items = Items<drm_xe_query_gt_list, drm_xe_gt>(answer, "GT_LIST", out drm_xe_query_gt_list head);
        XeGt[] gts = new XeGt[Count(head.num_gt, items.Length, "GT_LIST")];
        for (int index = 0; index < gts.Length; index++)
        {
            ref readonly drm_xe_gt gt = ref items[index];
            gts[index] = new XeGt(
                (XeGtType)gt.type,
                gt.tile_id,
                gt.gt_id,
                gt.reference_clock,
                gt.near_mem_regions,
                gt.far_mem_regions,
                new Version(gt.ip_ver_major, gt.ip_ver_minor, gt.ip_ver_rev));
        }

        return gts;
    }

    private static XeEngine EngineOf(drm_xe_engine_class_instance instance) =>
        new((XeEngineClass)instance.engine_class, instance.engine_instance, instance.gt_id);

    private static byte[] Ask(DeviceFile file, uint query, string name)
    {
        XeResult result = TryAsk(file, query, name, out byte[] answer);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.DeviceQuery, $"query {name}");
        }

        return answer;
    }

    /// <summary>Asks for the size, and then for exactly that many bytes; an answer that is empty is not fetched.</summary>
    private static XeResult TryAsk(DeviceFile file, uint query, string name, out byte[] answer)
    {
        answer = [];
        drm_xe_device_query request = new() { query = query };
        XeResult result = file.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref request);
        if (!result.IsSuccess || request.size == 0)
        {
            return result;
        }

        if (request.size > LargestAnswer)
        {
            throw Malformed(name, $"it would have {request.size} bytes");
        }

        answer = new byte[request.size];
        fixed (byte* data = answer)
        {
            request.data = (ulong)data;
            return file.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref request);
        }
    }

    /// <summary>Splits an answer in its header and the records behind it.</summary>
    private static ReadOnlySpan<TItem> Items<THead, TItem>(byte[] answer, string name, out THead head)
        where THead : unmanaged
        where TItem : unmanaged
    {
        if (answer.Length < sizeof(THead))
        {
            throw Malformed(name, $"it has {answer.Length} bytes, less than its header of {sizeof(THead)}");
        }

        head = Unsafe.ReadUnaligned<THead>(ref MemoryMarshal.GetArrayDataReference(answer));
        return MemoryMarshal.Cast<byte, TItem>(answer.AsSpan(sizeof(THead)));
    }

    private static int Count(uint claimed, int present, string name) => claimed <= (uint)present
        ? (int)claimed
        : throw Malformed(name, $"it claims {claimed} records but has room for {present}");

    private static InvalidDataException Malformed(string name, string problem) =>
        new($"The driver's answer to DEVICE_QUERY {name} is malformed: {problem}.");
}
