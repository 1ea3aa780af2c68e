using System.Runtime.InteropServices;

using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>DEVICE_QUERY: the size protocol, and what the queries say of a Battlemage with one GT.</summary>
public sealed unsafe class DeviceQueryTests : IDisposable
{
    private readonly DrmClient _client = new();

    public static TheoryData<uint, uint> Answered => new()
    {
        { DrmXe.DRM_XE_DEVICE_QUERY_ENGINES, 8 + (7 * 32) },
        { DrmXe.DRM_XE_DEVICE_QUERY_MEM_REGIONS, 8 + (2 * 88) },
        { DrmXe.DRM_XE_DEVICE_QUERY_CONFIG, 8 + (5 * 8) },
        { DrmXe.DRM_XE_DEVICE_QUERY_GT_LIST, 8 + (2 * 96) },
        { DrmXe.DRM_XE_DEVICE_QUERY_GT_TOPOLOGY, 160 },
        { DrmXe.DRM_XE_DEVICE_QUERY_OA_UNITS, 16 + (72 + (2 * 8)) + (72 + (4 * 8)) },
        { DrmXe.DRM_XE_DEVICE_QUERY_EU_STALL, 80 + (7 * 8) },
        { DrmXe.DRM_XE_DEVICE_QUERY_ENGINE_CYCLES, 40 },
        { DrmXe.DRM_XE_DEVICE_QUERY_UC_FW_VERSION, 32 },
        { DrmXe.DRM_XE_DEVICE_QUERY_PXP_STATUS, 8 },
    };

    public void Dispose() => _client.Dispose();

    [Theory]
    [MemberData(nameof(Answered))]
    [Trait("Rule", "2.size-protocol")]
    [Trait("Rule", "2.HWCONFIG")]
    [Trait("Rule", "2.OA_UNITS")]
    public void Size_0_asks_for_the_size_and_leaves_the_data_alone(uint query, uint size)
    {
        var args = new drm_xe_device_query { query = query, data = DrmClient.BadPointer };
        Assert.Equal(0, _client.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref args));
        Assert.Equal((size, DrmClient.BadPointer), (args.size, args.data));
    }

    [Theory]
    [MemberData(nameof(Answered))]
    [Trait("Rule", "2.size-protocol")]
    public void Any_other_size_than_the_right_one_is_EINVAL_too_large_included(uint query, uint size)
    {
        byte* data = stackalloc byte[1024];
        foreach (uint wrong in (ReadOnlySpan<uint>)[1, size - 1, size + 1, 1024, uint.MaxValue])
        {
            var args = new drm_xe_device_query { query = query, size = wrong, data = (ulong)data };
            Assert.Equal(-Errno.EINVAL, _client.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref args));
            Assert.Equal(wrong, args.size);
        }
    }

    [Theory]
    [MemberData(nameof(Answered))]
    [Trait("Rule", "2.bad-pointer")]
    [Trait("Rule", "19.bad-pointer")]
    public void A_bad_data_pointer_is_EFAULT_but_for_memory_regions_ENOSPC(uint query, uint size)
    {
        var args = new drm_xe_device_query { query = query, size = size, data = DrmClient.BadPointer };
        int expected = query switch
        {
            DrmXe.DRM_XE_DEVICE_QUERY_MEM_REGIONS => -Errno.ENOSPC,
            DrmXe.DRM_XE_DEVICE_QUERY_PXP_STATUS => -Errno.ENODEV, // looked at before the pointer
            _ => -Errno.EFAULT,
        };
        Assert.Equal(expected, _client.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref args));
    }

    [Theory]
    [InlineData(DrmXe.DRM_XE_DEVICE_QUERY_ENGINES, 8u + (7 * 32))]
    [InlineData(DrmXe.DRM_XE_DEVICE_QUERY_MEM_REGIONS, 8u + (2 * 88))]
    [InlineData(DrmXe.DRM_XE_DEVICE_QUERY_CONFIG, 8u + (5 * 8))]
    [InlineData(DrmXe.DRM_XE_DEVICE_QUERY_GT_LIST, 8u + (2 * 96))]
    [InlineData(DrmXe.DRM_XE_DEVICE_QUERY_GT_TOPOLOGY, 160u)]
    [InlineData(DrmXe.DRM_XE_DEVICE_QUERY_EU_STALL, 80u + (7 * 8))]
    [Trait("Rule", "2.size-protocol")]
    public void The_data_are_written_to_the_last_byte_and_no_further(uint query, uint size)
    {
        byte* data = stackalloc byte[1024];
        new Span<byte>(data, 1024).Fill(0xa5);
        var args = new drm_xe_device_query { query = query, size = size, data = (ulong)data };
        Assert.Equal(0, _client.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref args));
        Assert.Equal(0xa5, data[size]);
        Assert.NotEqual(0xa5, data[size - 1]);
    }

    [Fact]
    [Trait("Rule", "2.checks")]
    public void Extensions_and_reserved_fields_must_be_zero()
    {
        var args = new drm_xe_device_query { query = DrmXe.DRM_XE_DEVICE_QUERY_CONFIG, extensions = 1 };
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref args));
        for (int i = 0; i < 2; i++)
        {
            args = new drm_xe_device_query { query = DrmXe.DRM_XE_DEVICE_QUERY_CONFIG };
            args.reserved[i] = 1;
            Assert.Equal(-Errno.EINVAL, _client.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref args));
        }
    }

    [Theory]
    [InlineData(11u)]
    [InlineData(uint.MaxValue)]
    [Trait("Rule", "2.checks")]
    public void Queries_that_the_driver_does_not_know_are_EINVAL(uint query)
    {
        var args = new drm_xe_device_query { query = query };
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref args));
    }

    [Fact]
    [Trait("Rule", "2.ENGINES")]
    public void Engines_are_those_of_both_GTs_without_the_reserved_copy_engine()
    {
        drm_xe_engine[] engines = Query<drm_xe_query_engines, drm_xe_engine>(DrmXe.DRM_XE_DEVICE_QUERY_ENGINES, out drm_xe_query_engines head);
        Assert.Equal(7u, head.num_engines);
        Assert.Equal(
            [(0, 0, 0), (1, 0, 0), (4, 0, 0), (2, 0, 1), (2, 1, 1), (3, 0, 1), (3, 1, 1)],
            engines.Select(engine => ((int)engine.instance.engine_class, (int)engine.instance.engine_instance, (int)engine.instance.gt_id)));
    }

    [Fact]
    [Trait("Rule", "2.MEM_REGIONS")]
    public void Memory_regions_are_the_machines_memory_and_the_VRAM()
    {
        drm_xe_mem_region[] regions = Regions();
        Assert.Equal((DrmXe.DRM_XE_MEM_REGION_CLASS_SYSMEM, 0, 4096u), (regions[0].mem_class, regions[0].instance, regions[0].min_page_size));
        Assert.True(regions[0].total_size > 64 << 20);
        Assert.Equal((0ul, 0ul), (regions[0].cpu_visible_size, regions[0].cpu_visible_used));
        Assert.Equal((DrmXe.DRM_XE_MEM_REGION_CLASS_VRAM, 1, 4096u), (regions[1].mem_class, regions[1].instance, regions[1].min_page_size));
        Assert.Equal((64ul << 20, 64ul << 20), (regions[1].total_size, regions[1].cpu_visible_size));
    }

    [Fact]
    [Trait("Rule", "2.MEM_REGIONS")]
    public void Buffer_objects_show_in_the_use_of_their_region_until_they_are_gone()
    {
        uint inVram = _client.CreateBo(0x30000, DrmClient.VramMemory);
        uint inSystem = _client.CreateBo(0x5000);
        drm_xe_mem_region[] regions = Regions();
        Assert.Equal((0x5000ul, 0x30000ul, 0x30000ul), (regions[0].used, regions[1].used, regions[1].cpu_visible_used));
        Assert.Equal(0, _client.CloseBo(inVram));
        Assert.Equal(0, _client.CloseBo(inSystem));
        Assert.All(Regions(), region => Assert.Equal((0ul, 0ul), (region.used, region.cpu_visible_used)));
    }

    [Fact]
    [Trait("Rule", "2.CONFIG")]
    [Trait("Rule", "18.flags")]
    public void Config_tells_what_the_device_is_and_can()
    {
        ulong[] info = Query<drm_xe_query_config, ulong>(DrmXe.DRM_XE_DEVICE_QUERY_CONFIG, out drm_xe_query_config head);
        Assert.Equal(5u, head.num_params);
        Assert.Equal(0xe20bul, info[DrmXe.DRM_XE_QUERY_CONFIG_REV_AND_DEVICE_ID]);

        Assert.Equal(0x3ful, info[DrmXe.DRM_XE_QUERY_CONFIG_FLAGS]);
        Assert.Equal(4096ul, info[DrmXe.DRM_XE_QUERY_CONFIG_MIN_ALIGNMENT]);
        Assert.Equal(48ul, info[DrmXe.DRM_XE_QUERY_CONFIG_VA_BITS]);
        Assert.InRange(info[DrmXe.DRM_XE_QUERY_CONFIG_MAX_EXEC_QUEUE_PRIORITY], 1ul, 2ul); // with CAP_SYS_NICE: see QueuePropertyTests
    }

    [Fact]
    [Trait("Rule", "2.GT_LIST")]
    public void The_GT_list_has_a_main_and_a_media_GT_next_to_the_VRAM()
    {
        drm_xe_gt[] gts = Query<drm_xe_query_gt_list, drm_xe_gt>(DrmXe.DRM_XE_DEVICE_QUERY_GT_LIST, out drm_xe_query_gt_list head);
        Assert.Equal((2u, 2), (head.num_gt, gts.Length));
        Assert.Equal([(0, 0, 0), (1, 0, 1)], gts.Select(gt => ((int)gt.type, (int)gt.tile_id, (int)gt.gt_id)));
        Assert.All(gts, gt => Assert.Equal((2ul, 1ul, 19_200_000u), (gt.near_mem_regions, gt.far_mem_regions, gt.reference_clock)));
        Assert.Equal([(20, 1, 0), (13, 1, 0)], gts.Select(gt => ((int)gt.ip_ver_major, (int)gt.ip_ver_minor, (int)gt.ip_ver_rev)));
    }

    [Theory]
    [InlineData(0, 0, 0, 1, 0)]
    [InlineData(1, 1, 0, 4, 0)] // the reserved copy engine is not refused here
    [InlineData(3, 1, 1, 7, 0)]
    [InlineData(0, 0, 0, 11, 0)]
    [InlineData(0, 0, 0, 0, 0)]
    [InlineData(0, 0, 0, 2, -Errno.EINVAL)] // CLOCK_PROCESS_CPUTIME_ID
    [InlineData(0, 0, 0, -1, -Errno.EINVAL)]
    [InlineData(0, 0, 2, 1, -Errno.EINVAL)]
    [InlineData(5, 0, 0, 1, -Errno.EINVAL)]
    [InlineData(0, 1, 0, 1, -Errno.EINVAL)]
    [InlineData(0, 0, 1, 1, -Errno.EINVAL)]
    [Trait("Rule", "2.ENGINE_CYCLES")]
    public void Engine_cycles_want_a_known_clock_and_an_engine_that_exists(int engineClass, int instance, int gt, int clock, int expected)
    {
        var cycles = new drm_xe_query_engine_cycles { clockid = clock };
        (cycles.eci.engine_class, cycles.eci.engine_instance, cycles.eci.gt_id) = ((ushort)engineClass, (ushort)instance, (ushort)gt);
        Assert.Equal(expected, Exchange(DrmXe.DRM_XE_DEVICE_QUERY_ENGINE_CYCLES, ref cycles));
        if (expected == 0)
        {
            drm_xe_query_engine_cycles later = cycles;
            Assert.Equal(0, Exchange(DrmXe.DRM_XE_DEVICE_QUERY_ENGINE_CYCLES, ref later));
            Assert.Equal((64u, (ushort)engineClass), (later.width, later.eci.engine_class));
            Assert.True(later.engine_cycles >= cycles.engine_cycles && cycles.engine_cycles > 0 && later.cpu_timestamp > 0);
        }
    }

    [Fact]
    [Trait("Rule", "2.UC_FW_VERSION")]
    public void Firmware_versions_are_those_of_the_profile()
    {
        var version = new drm_xe_query_uc_fw_version { uc_type = DrmXe.XE_QUERY_UC_TYPE_GUC_SUBMISSION, branch_ver = 7 };
        Assert.Equal(0, Exchange(DrmXe.DRM_XE_DEVICE_QUERY_UC_FW_VERSION, ref version));
        Assert.Equal((0u, 1u, 23u, 0u), (version.branch_ver, version.major_ver, version.minor_ver, version.patch_ver));
        version = new drm_xe_query_uc_fw_version { uc_type = DrmXe.XE_QUERY_UC_TYPE_HUC };
        Assert.Equal(0, Exchange(DrmXe.DRM_XE_DEVICE_QUERY_UC_FW_VERSION, ref version));
        Assert.Equal((8u, 2u, 10u), (version.major_ver, version.minor_ver, version.patch_ver));
        foreach (drm_xe_query_uc_fw_version wrong in (ReadOnlySpan<drm_xe_query_uc_fw_version>)
            [new() { uc_type = 2 }, new() { pad = 1 }, new() { pad2 = 1 }, new() { reserved = 1 }])
        {
            version = wrong;
            Assert.Equal(-Errno.EINVAL, Exchange(DrmXe.DRM_XE_DEVICE_QUERY_UC_FW_VERSION, ref version));
        }
    }

    [Fact]
    [Trait("Rule", "2.PXP_STATUS")]
    public void Without_a_protected_path_the_status_is_ENODEV_but_has_a_size()
    {
        drm_xe_query_pxp_status status = default;
        Assert.Equal(-Errno.ENODEV, Exchange(DrmXe.DRM_XE_DEVICE_QUERY_PXP_STATUS, ref status));
        var args = new drm_xe_device_query { query = DrmXe.DRM_XE_DEVICE_QUERY_PXP_STATUS, size = 8, data = DrmClient.BadPointer };
        Assert.Equal(-Errno.ENODEV, _client.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref args));
        args.size = 9;
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref args));
    }

    [Fact]
    [Trait("Rule", "2.EU_STALL")]
    public void EU_stall_sampling_has_seven_rates()
    {
        ulong[] rates = Query<drm_xe_query_eu_stall, ulong>(DrmXe.DRM_XE_DEVICE_QUERY_EU_STALL, out drm_xe_query_eu_stall head);
        Assert.Equal((1ul, 524288ul, 7ul), (head.capabilities, head.per_xecore_buf_size, head.num_sampling_rates));
        Assert.Equal([251ul, 502, 753, 1004, 1255, 1506, 1757], rates);
    }

    private int Exchange<T>(uint query, ref T value)
        where T : unmanaged
    {
        fixed (T* pointer = &value)
        {
            var args = new drm_xe_device_query { query = query, size = (uint)sizeof(T), data = (ulong)pointer };
            return _client.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref args);
        }
    }

    private drm_xe_mem_region[] Regions() =>
        Query<drm_xe_query_mem_regions, drm_xe_mem_region>(DrmXe.DRM_XE_DEVICE_QUERY_MEM_REGIONS, out _);

    private TItem[] Query<THead, TItem>(uint query, out THead head)
        where THead : unmanaged
        where TItem : unmanaged
    {
        var args = new drm_xe_device_query { query = query };
        Assert.Equal(0, _client.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref args));
        var data = new byte[args.size];
        fixed (byte* pointer = data)
        {
            args.data = (ulong)pointer;
            Assert.Equal(0, _client.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref args));
        }

        head = MemoryMarshal.Read<THead>(data);
        return MemoryMarshal.Cast<byte, TItem>(data.AsSpan(sizeof(THead))).ToArray();
    }
}
