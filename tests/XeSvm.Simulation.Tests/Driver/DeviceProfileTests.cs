using System.Runtime.InteropServices;

using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Profiles;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>Device profiles: what devices of each say of themselves, and how a profile that is not valid is refused.</summary>
public sealed unsafe class DeviceProfileTests
{
    /// <summary>Profile; devices; CONFIG flags, alignment, address bits; regions; engines as class.instance@gt.</summary>
    public static TheoryData<string, int, ulong, ulong, ulong, int, string> Profiles => new()
    {
        { "bmg", 1, 0x3f, 4096, 48, 2, "0.0@0 1.0@0 4.0@0 2.0@1 2.1@1 3.0@1 3.1@1" },
        { "bmg-smallbar", 1, 0x3f, 4096, 48, 2, "0.0@0 1.0@0 4.0@0 2.0@1 2.1@1 3.0@1 3.1@1" },
        { "dual-bmg", 2, 0x3f, 4096, 48, 2, "0.0@0 1.0@0 4.0@0 2.0@1 2.1@1 3.0@1 3.1@1" },
        { "lnl", 1, 0x3e, 4096, 48, 1, "0.0@0 1.0@0 4.0@0 2.0@1 3.0@1" },
        {
            "pvc2", 1, 0x37, 65536, 57, 3,
            "1.0@0 1.1@0 1.2@0 1.3@0 1.4@0 1.5@0 1.6@0 1.7@0 4.0@0 1.0@1 1.1@1 1.2@1 1.3@1 1.4@1 1.5@1 1.6@1 1.7@1 4.0@1"
        },
    };

    [Theory]
    [Trait("Rule", "2.profiles")]
    [MemberData(nameof(Profiles))]
    public void Every_device_of_a_profile_answers_from_it(
        string profile, int devices, ulong flags, ulong alignment, ulong bits, int regions, string engines)
    {
        using var backend = new SoftwareBackend(Options(profile));
        Assert.Equal(devices, backend.Enumerate().Count);
        for (int i = 0; i < devices; i++)
        {
            using var client = new DrmClient(backend, i);
            ulong[] config = Query<drm_xe_query_config, ulong>(client, DrmXe.DRM_XE_DEVICE_QUERY_CONFIG);
            Assert.Equal((flags, alignment, bits), (config[1], config[2], config[3]));
            Assert.Equal(regions, Query<drm_xe_query_mem_regions, drm_xe_mem_region>(client, DrmXe.DRM_XE_DEVICE_QUERY_MEM_REGIONS).Length);
            Assert.Equal(engines, string.Join(' ', Query<drm_xe_query_engines, drm_xe_engine>(client, DrmXe.DRM_XE_DEVICE_QUERY_ENGINES)
                .Select(engine => $"{engine.instance.engine_class}.{engine.instance.engine_instance}@{engine.instance.gt_id}")));
        }
    }

    [Fact]
    [Trait("Rule", "2.profiles")]
    public void Two_tiles_have_a_region_and_a_GT_each_next_to_each_other_and_versions_of_0()
    {
        using var client = new DrmClient(Options("pvc2"));
        drm_xe_gt[] gts = Query<drm_xe_query_gt_list, drm_xe_gt>(client, DrmXe.DRM_XE_DEVICE_QUERY_GT_LIST);
        Assert.Equal([(0, 0, 2ul, 5ul), (1, 1, 4ul, 3ul)], gts.Select(gt => ((int)gt.gt_id, (int)gt.tile_id, gt.near_mem_regions, gt.far_mem_regions)));
        Assert.All(gts, gt => Assert.Equal((0, 0, 0), (gt.type, gt.ip_ver_major, gt.ip_ver_minor)));
        drm_xe_mem_region[] regions = Query<drm_xe_query_mem_regions, drm_xe_mem_region>(client, DrmXe.DRM_XE_DEVICE_QUERY_MEM_REGIONS);
        Assert.Equal([(0, 4096u), (1, 65536u), (2, 65536u)], regions.Select(region => ((int)region.instance, region.min_page_size)));
    }

    [Fact]
    [Trait("Rule", "2.profiles")]
    public void An_integrated_device_has_system_memory_only_and_no_VRAM_placement()
    {
        using var client = new DrmClient(Options("lnl"));
        drm_xe_gt[] gts = Query<drm_xe_query_gt_list, drm_xe_gt>(client, DrmXe.DRM_XE_DEVICE_QUERY_GT_LIST);
        Assert.All(gts, gt => Assert.Equal((1ul, 0ul), (gt.near_mem_regions, gt.far_mem_regions)));
        Assert.Equal(-Errno.EINVAL, client.TryCreateBo(0x1000, DrmClient.VramMemory, out _));
        Assert.Equal(1u, client.CreateBo(0x1000));
        var barrier = new drm_xe_gem_mmap_offset { flags = DrmXe.DRM_XE_MMAP_OFFSET_FLAG_PCI_BARRIER };
        Assert.Equal(-Errno.EINVAL, client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET, ref barrier));
    }

    [Theory]
    [InlineData("bmg", 160, (ushort)5)]
    [InlineData("pvc2", 160, (ushort)4)]
    [Trait("Rule", "2.GT_TOPOLOGY")]
    public void Topology_is_records_of_DSS_L3_and_EUs_for_each_GT(string profile, int length, ushort euType)
    {
        using var client = new DrmClient(Options(profile));
        byte[] data = Query(client, DrmXe.DRM_XE_DEVICE_QUERY_GT_TOPOLOGY);
        Assert.Equal(length, data.Length);
        var records = new List<(int Gt, int Type, int Bits)>();
        for (int at = 0; at < data.Length;)
        {
            drm_xe_query_topology_mask head = MemoryMarshal.Read<drm_xe_query_topology_mask>(data.AsSpan(at));
            at += sizeof(drm_xe_query_topology_mask);
            records.Add((head.gt_id, head.type, data.AsSpan(at, (int)head.num_bytes).ToArray().Sum(b => int.PopCount(b))));
            at += (int)head.num_bytes;
        }

        Assert.Equal([1, 2, 3, euType, 1, 2, 3, euType], records.Select(record => record.Type));
        Assert.Equal(profile == "bmg" ? [20, 20, 18, 8, 0, 0, 0, 0] : [0, 64, 32, 8, 0, 64, 32, 8], records.Select(record => record.Bits));
    }

    [Fact]
    [Trait("Rule", "2.pat")]
    public void The_PAT_table_of_Xe2_is_that_of_the_kernel()
    {
        PatTable pat = MachineProfile.Load("lnl").Device.Pat;
        Assert.Equal(32, pat.Count);
        int[] valid = [.. Enumerable.Range(0, 40).Where(index => pat.IsValid((uint)index))];
        Assert.Equal([.. Enumerable.Range(0, 16), .. Enumerable.Range(20, 12)], valid);
        Assert.Equal([0, 3, 6, 8, 9, 10, 11, 12, 13, 14, 15, 20, 21, 24, 25, 28, 29], valid.Where(index => pat.IsIncoherent((uint)index)));
        Assert.Equal([9, 10, 11, 12, 14, 15, 21, 25, 29], valid.Where(index => pat.IsCompressing((uint)index)));
        Assert.Equal(28, MachineProfile.Load("bmg").Device.Pat.Count);
        Assert.Equal(8, MachineProfile.Load("pvc2").Device.Pat.Count);
    }

    [Theory]
    [Trait("Rule", "3.need64k")]
    [InlineData(0x10000, 2u, 0)]
    [InlineData(0x10000, 4u, 0)]
    [InlineData(0x1000, 2u, -Errno.EINVAL)]
    [InlineData(0x18000, 7u, -Errno.EINVAL)]
    [InlineData(0x1000, 1u, 0)]
    public void Objects_that_may_live_in_VRAM_of_64K_pages_are_multiples_of_them(ulong size, uint placement, int expected)
    {
        using var client = new DrmClient(Options("pvc2"));
        var create = new drm_xe_gem_create { size = size, placement = placement, cpu_caching = DrmClient.WriteCombining };
        Assert.Equal(expected, client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref create));
        Assert.Equal(expected == 0 && placement == 4 ? 0x10000ul : 0, client.Device.Tiles[1].Vram.Used);
    }

    [Fact]
    [Trait("Rule", "7.1.G")]
    public void Binds_of_64K_objects_are_aligned_to_64K()
    {
        using var client = new DrmClient(Options("pvc2"));
        uint vm = client.CreateVm(0);
        uint handle = client.CreateBo(0x20000, DrmClient.VramMemory);
        Assert.Equal(0, client.Bind(vm, Ops.MapBo(handle, 0x100000, 0x20000) with { pat_index = 3 }));
        Assert.Equal(-Errno.EINVAL, client.Bind(vm, Ops.MapBo(handle, 0x201000, 0x10000) with { pat_index = 3 }));
        Assert.Equal(-Errno.EINVAL, client.Bind(vm, Ops.MapBo(handle, 0x200000, 0x1000) with { pat_index = 3 }));
        Assert.Equal(-Errno.EINVAL, client.Bind(vm, Ops.MapBo(handle, 0x200000, 0x10000, 0x1000) with { pat_index = 3 }));
    }

    [Fact]
    public void A_size_of_VRAM_goes_to_every_tile_and_a_small_BAR_shrinks_with_it()
    {
        using var tiles = new DrmClient(new SoftwareBackendOptions { Device = "pvc2", VramBytes = 16 << 20, CpuFaults = "coherent" });
        Assert.Equal([16ul << 20, 16ul << 20], tiles.Device.Tiles.Select(tile => tile.Vram.Total));
        using var smallBar = new DrmClient(new SoftwareBackendOptions { Device = "bmg-smallbar", VramBytes = 64 << 20, CpuFaults = "coherent" });
        Assert.Equal((64ul << 20, 2ul << 20), (smallBar.Device.Vram.Total, smallBar.Device.Vram.VisibleTotal));
    }

    [Fact]
    public void An_unknown_name_lists_the_known_ones()
    {
        FormatException error = Assert.Throws<FormatException>(() => new SoftwareBackend(new SoftwareBackendOptions { Device = "arc" }));
        Assert.Contains("'arc'; there are bmg, bmg-smallbar, dual-bmg, lnl, pvc2, the topologies pair-p2p, pair-isolated, quad-fabric-physical, quad-fabric-virtual, and any path", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_named()
    {
        FormatException error = Assert.Throws<FormatException>(() => MachineProfile.Load("/nowhere/card.json"));
        Assert.Contains("'/nowhere/card.json' cannot be read", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_profile_that_is_not_valid_gets_all_its_faults_named_with_what_is_valid()
    {
        string json = Resource("bmg")
            .Replace("\"0xe20b\"", "\"e20b\"", StringComparison.Ordinal)
            .Replace("\"minPageSize\": 4096", "\"minPageSize\": 8192", StringComparison.Ordinal)
            .Replace("\"flatCcs\"", "\"flatCss\"", StringComparison.Ordinal)
            .Replace("\"virtualAddressBits\": 48", "\"virtualAddressBits\": 64", StringComparison.Ordinal)
            .Replace("\"copy\": 2", "\"copy\": 12", StringComparison.Ordinal);
        FormatException error = Assert.Throws<FormatException>(() => MachineProfileReader.Read(json, "mine"));
        Assert.All(
            [
                "'mine' is not valid", "profile.deviceId is \"e20b\"; valid is a text from \"0x0\" to \"0xffff\".", "profile.minPageSize is 8192; valid is 4096 or 65536.",
                "profile.flatCss is not known; known are schema,", "profile.flatCcs is missing.", "profile.virtualAddressBits is 64; valid is a whole number from 39 to 57.",
                "profile.tiles[0].gts[0].engines.copy is 12; valid is a whole number from 0 to 9.",
            ],
            text => Assert.Contains(text, error.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{\"schema\": 5, \"tiles\": [{}, {\"gts\": [1, 2]}], \"pat\": [\"x\"]}")]
    public void Nonsense_is_a_FormatException_and_nothing_else(string json)
    {
        Assert.Throws<FormatException>(() => MachineProfileReader.Read(json, "mine"));
    }

    [Fact]
    public void A_profile_file_makes_a_device()
    {
        string path = Path.Combine(Path.GetTempPath(), $"xesvm-profile-{Environment.ProcessId}-{Guid.NewGuid():n}.json");
        File.WriteAllText(path, Resource("bmg").Replace("0xe20b", "0xe211", StringComparison.Ordinal));
        try
        {
            using var client = new DrmClient(Options(path));
            Assert.Equal(0xe211ul, Query<drm_xe_query_config, ulong>(client, DrmXe.DRM_XE_DEVICE_QUERY_CONFIG)[0]);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static SoftwareBackendOptions Options(string device) => new() { Device = device, CpuFaults = "coherent" };

    private static string Resource(string name)
    {
        using Stream stream = typeof(MachineProfile).Assembly.GetManifestResourceStream($"XeSvm.Simulation.Driver.Profiles.{name}.json")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static byte[] Query(DrmClient client, uint query)
    {
        var args = new drm_xe_device_query { query = query };
        Assert.Equal(0, client.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref args));
        var data = new byte[args.size];
        fixed (byte* pointer = data)
        {
            args.data = (ulong)pointer;
            Assert.Equal(0, client.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref args));
        }

        return data;
    }

    private static TItem[] Query<THead, TItem>(DrmClient client, uint query)
        where THead : unmanaged
        where TItem : unmanaged
        => MemoryMarshal.Cast<byte, TItem>(Query(client, query).AsSpan(sizeof(THead))).ToArray();
}
