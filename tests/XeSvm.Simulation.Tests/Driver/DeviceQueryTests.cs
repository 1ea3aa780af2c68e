using System.Runtime.InteropServices;

using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>DEVICE_QUERY: the size protocol, and what the queries say of a Battlemage with one GT.</summary>
public sealed unsafe class DeviceQueryTests : IDisposable
{
    private readonly DrmClient _client = new();

    public static TheoryData<uint, uint> Answered => new()
    {
        { DrmXe.DRM_XE_DEVICE_QUERY_ENGINES, 8 + (3 * 32) },
        { DrmXe.DRM_XE_DEVICE_QUERY_MEM_REGIONS, 8 + (2 * 88) },
        { DrmXe.DRM_XE_DEVICE_QUERY_CONFIG, 8 + (5 * 8) },
        { DrmXe.DRM_XE_DEVICE_QUERY_GT_LIST, 8 + 96 },
    };

    public void Dispose() => _client.Dispose();

    [Theory]
    [MemberData(nameof(Answered))]
    public void Size_0_asks_for_the_size_and_leaves_the_data_alone(uint query, uint size)
    {
        var args = new drm_xe_device_query { query = query, data = DrmClient.BadPointer };
        Assert.Equal(0, _client.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref args));
        Assert.Equal((size, DrmClient.BadPointer), (args.size, args.data));
    }

    [Theory]
    [MemberData(nameof(Answered))]
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
    public void A_bad_data_pointer_is_EFAULT_but_for_memory_regions_ENOSPC(uint query, uint size)
    {
        var args = new drm_xe_device_query { query = query, size = size, data = DrmClient.BadPointer };
        int expected = query == DrmXe.DRM_XE_DEVICE_QUERY_MEM_REGIONS ? -Errno.ENOSPC : -Errno.EFAULT;
        Assert.Equal(expected, _client.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref args));
    }

    [Theory]
    [MemberData(nameof(Answered))]
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
    [InlineData(DrmXe.DRM_XE_DEVICE_QUERY_HWCONFIG)]
    [InlineData(DrmXe.DRM_XE_DEVICE_QUERY_EU_STALL)]
    [InlineData(11u)]
    [InlineData(uint.MaxValue)]
    public void Queries_that_the_driver_does_not_know_are_EINVAL(uint query)
    {
        var args = new drm_xe_device_query { query = query };
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, ref args));
    }

    [Fact]
    public void Engines_are_render_copy_and_compute_of_GT_0()
    {
        drm_xe_engine[] engines = Query<drm_xe_query_engines, drm_xe_engine>(DrmXe.DRM_XE_DEVICE_QUERY_ENGINES, out drm_xe_query_engines head);
        Assert.Equal(3u, head.num_engines);
        Assert.Equal(
            [(DrmXe.DRM_XE_ENGINE_CLASS_RENDER, 0, 0), (DrmXe.DRM_XE_ENGINE_CLASS_COPY, 0, 0), (DrmXe.DRM_XE_ENGINE_CLASS_COMPUTE, 0, 0)],
            engines.Select(engine => (engine.instance.engine_class, (int)engine.instance.engine_instance, (int)engine.instance.gt_id)));
    }

    [Fact]
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
    public void Config_tells_what_the_device_is_and_can()
    {
        ulong[] info = Query<drm_xe_query_config, ulong>(DrmXe.DRM_XE_DEVICE_QUERY_CONFIG, out drm_xe_query_config head);
        Assert.Equal(5u, head.num_params);
        Assert.Equal(0xe20bul, info[DrmXe.DRM_XE_QUERY_CONFIG_REV_AND_DEVICE_ID]);

        // All that the kernel reports but purging, which this driver does not have.
        Assert.Equal(0x1ful, info[DrmXe.DRM_XE_QUERY_CONFIG_FLAGS]);
        Assert.Equal(4096ul, info[DrmXe.DRM_XE_QUERY_CONFIG_MIN_ALIGNMENT]);
        Assert.Equal(48ul, info[DrmXe.DRM_XE_QUERY_CONFIG_VA_BITS]);
        Assert.Equal(1ul, info[DrmXe.DRM_XE_QUERY_CONFIG_MAX_EXEC_QUEUE_PRIORITY]);
    }

    [Fact]
    public void The_GT_list_has_one_main_GT_next_to_the_VRAM()
    {
        drm_xe_gt gt = Assert.Single(Query<drm_xe_query_gt_list, drm_xe_gt>(DrmXe.DRM_XE_DEVICE_QUERY_GT_LIST, out drm_xe_query_gt_list head));
        Assert.Equal(1u, head.num_gt);
        Assert.Equal((DrmXe.DRM_XE_QUERY_GT_TYPE_MAIN, 0, 0), (gt.type, gt.tile_id, gt.gt_id));
        Assert.Equal((2ul, 1ul), (gt.near_mem_regions, gt.far_mem_regions));
        Assert.Equal((20, 1, 0), (gt.ip_ver_major, gt.ip_ver_minor, gt.ip_ver_rev));
        Assert.Equal(19_200_000u, gt.reference_clock);
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
