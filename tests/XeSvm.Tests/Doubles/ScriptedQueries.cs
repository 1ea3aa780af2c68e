using System.Runtime.InteropServices;
using XeSvm.Interop;
using XeSvm.Interop.Uapi;

namespace XeSvm.Tests.Doubles;

/// <summary>Answers DEVICE_QUERY for a device with one tile in the way of Battlemage.</summary>
internal sealed unsafe class ScriptedQueries
{
    /// <summary>The five values of CONFIG.</summary>
    public ulong[] Config { get; set; } = [0xe20b | (3UL << 16), 0x3f, 4096, 48, 1];

    /// <summary>The number of parameters that CONFIG claims, or null for the right one.</summary>
    public uint? ClaimedParameters { get; set; }

    /// <summary>Engines: class, instance, GT.</summary>
    public List<(ushort Class, ushort Instance, ushort Gt)> Engines { get; } = [(0, 0, 0), (1, 0, 0), (4, 0, 0)];

    /// <summary>VRAM regions.</summary>
    public int VramRegions { get; set; } = 1;

    /// <summary>GTs.</summary>
    public int Gts { get; set; } = 1;

    /// <summary>Answers of the optional queries, as bytes; a query that is missing is one that the kernel does not know.</summary>
    public Dictionary<uint, byte[]> Optional { get; } = [];

    /// <summary>Errnos of queries that are refused.</summary>
    public Dictionary<uint, int> Refused { get; } = [];

    /// <summary>Handles the queries whose buffer holds the question as well.</summary>
    public Func<uint, nint, int>? Exchange { get; set; }

    /// <summary>Answers both calls of the protocol.</summary>
    public int Answer(drm_xe_device_query* request)
    {
        if (Refused.TryGetValue(request->query, out int errno))
        {
            return -errno;
        }

        if (request->query is DrmXe.DRM_XE_DEVICE_QUERY_UC_FW_VERSION or DrmXe.DRM_XE_DEVICE_QUERY_ENGINE_CYCLES)
        {
            return Exchange?.Invoke(request->query, (nint)request->data) ?? -Errno.EINVAL;
        }

        if (request->query is DrmXe.DRM_XE_DEVICE_QUERY_HWCONFIG or > DrmXe.DRM_XE_DEVICE_QUERY_HWCONFIG && !Optional.ContainsKey(request->query))
        {
            return -Errno.EINVAL;
        }

        byte[] answer = request->query switch
        {
            DrmXe.DRM_XE_DEVICE_QUERY_CONFIG =>
                Bytes(new drm_xe_query_config { num_params = ClaimedParameters ?? (uint)Config.Length }, Config),
            DrmXe.DRM_XE_DEVICE_QUERY_ENGINES => Bytes(new drm_xe_query_engines { num_engines = (uint)Engines.Count }, EngineRecords()),
            DrmXe.DRM_XE_DEVICE_QUERY_MEM_REGIONS =>
                Bytes(new drm_xe_query_mem_regions { num_mem_regions = (uint)VramRegions + 1 }, RegionRecords()),
            DrmXe.DRM_XE_DEVICE_QUERY_GT_LIST => Bytes(new drm_xe_query_gt_list { num_gt = (uint)Gts }, GtRecords()),
            _ => Optional[request->query],
        };
        if (request->size == 0)
        {
            request->size = (uint)answer.Length;
            return 0;
        }

        if (request->size != answer.Length)
        {
            return -Errno.EINVAL;
        }

        answer.CopyTo(new Span<byte>((void*)request->data, answer.Length));
        return 0;
    }

    /// <summary>A header and the records behind it.</summary>
    public static byte[] Bytes<THead, TItem>(THead head, TItem[] items)
        where THead : unmanaged
        where TItem : unmanaged =>
        [.. MemoryMarshal.AsBytes(new ReadOnlySpan<THead>(in head)), .. MemoryMarshal.AsBytes(items.AsSpan())];

    private drm_xe_gt[] GtRecords() =>
    [
        .. Enumerable.Range(0, Gts).Select(id => new drm_xe_gt
        {
            gt_id = (ushort)id, reference_clock = 19_200_000, near_mem_regions = 2, far_mem_regions = 1, ip_ver_major = 20, ip_ver_minor = 1,
        }),
    ];

    private drm_xe_engine[] EngineRecords() =>
    [
        .. Engines.Select(engine => new drm_xe_engine
        {
            instance = new() { engine_class = engine.Class, engine_instance = engine.Instance, gt_id = engine.Gt },
        }),
    ];

    private drm_xe_mem_region[] RegionRecords() =>
    [
        new() { min_page_size = 4096, total_size = 1UL << 34 },
        .. Enumerable.Range(1, VramRegions).Select(instance => new drm_xe_mem_region
        {
            mem_class = 1,
            instance = (ushort)instance,
            min_page_size = 4096,
            total_size = 8UL << 30,
            cpu_visible_size = 8UL << 30,
            used = 4096,
        }),
    ];
}
