using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>GEM_CREATE and GEM_CLOSE: checks in order, and what the objects are like.</summary>
public sealed unsafe class GemCreateTests : IDisposable
{
    private const ulong MoreThanThereIs = 1UL << 39;
    private const ulong MoreThanOffsets = 1UL << 40;
    private const uint PxpType = DrmXe.DRM_XE_GEM_CREATE_SET_PROPERTY_PXP_TYPE;

    private static readonly ErrnoTable<drm_xe_gem_create> s_rules = new()
    {
        { "pad 0", Errno.EINVAL, (ref args) => args.pad[0] = 1 },
        { "pad 1", Errno.EINVAL, (ref args) => args.pad[1] = 1 },
        { "pad 2", Errno.EINVAL, (ref args) => args.pad[2] = 1 },
        { "reserved 0", Errno.EINVAL, (ref args) => args.reserved[0] = 1 },
        { "reserved 1", Errno.EINVAL, (ref args) => args.reserved[1] = 1UL << 63 },
        { "no placement", Errno.EINVAL, (ref args) => args.placement = 0 },
        { "placement in a region that the device lacks", Errno.EINVAL, (ref args) => args.placement = 4 },
        { "placement in one region that exists and one that does not", Errno.EINVAL, (ref args) => args.placement = 1u | 1u << 31 },
        { "unknown flag", Errno.EINVAL, (ref args) => args.flags = 0x10 },
        { "handle given", Errno.EINVAL, (ref args) => args.handle = 1 },
        { "size 0", Errno.EINVAL, (ref args) => args.size = 0 },
        { "size not of whole pages", Errno.EINVAL, (ref args) => args.size = 0x1001 },
        { "NEEDS_VISIBLE_VRAM without VRAM", Errno.EINVAL, (ref args) => args.flags = DrmXe.DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM },
        { "caching 0", Errno.EINVAL, (ref args) => args.cpu_caching = 0 },
        { "caching 3", Errno.EINVAL, (ref args) => args.cpu_caching = 3 },
        { "VRAM with write-back", Errno.EINVAL, (ref args) => args.placement = DrmClient.VramMemory },
        { "VRAM or system with write-back", Errno.EINVAL, (ref args) => args.placement = DrmClient.VramMemory | DrmClient.SystemMemory },
        { "SCANOUT with write-back", Errno.EINVAL, (ref args) => args.flags = DrmXe.DRM_XE_GEM_CREATE_FLAG_SCANOUT },
        { "unknown VM", Errno.ENOENT, (ref args) => args.vm_id = 9 },
        { "caching before unknown VM", Errno.EINVAL, (ref args) => (args.cpu_caching, args.vm_id) = (0, 9) },
        { "pad before unknown VM", Errno.EINVAL, (ref args) => (args.pad[0], args.vm_id) = (1, 9) },
        { "more than all system memory", Errno.ENOMEM, (ref args) => args.size = MoreThanThereIs },
        { "unknown VM before too much memory", Errno.ENOENT, (ref args) => (args.vm_id, args.size) = (9, MoreThanThereIs) },
        { "more than a device file has offsets for", Errno.ENOSPC, (ref args) => args.size = MoreThanOffsets },
        { "too much memory before bad extension", Errno.ENOMEM, (ref args) => (args.extensions, args.size) = (DrmClient.BadPointer, MoreThanThereIs) },
        { "unknown VM before bad extension", Errno.ENOENT, (ref args) => (args.extensions, args.vm_id) = (DrmClient.BadPointer, 9) },
        { "unreadable extension", Errno.EFAULT, (ref args) => args.extensions = DrmClient.BadPointer },
    };

    private readonly DrmClient _client = new();

    public static TheoryData<string> Rules => s_rules.Names;

    public void Dispose() => _client.Dispose();

    [Theory]
    [MemberData(nameof(Rules))]
    [Trait("Rule", "3.checks")]
    public void A_broken_rule_gives_its_errno_and_no_object(string rule)
    {
        drm_xe_gem_create args = Good();
        int expected = s_rules.Break(rule, ref args);
        uint handle = args.handle;
        Assert.Equal(expected, _client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref args));
        Assert.Equal(handle, args.handle);
        Assert.Equal((0ul, 0ul), (_client.Device.SystemMemoryUse, _client.Device.Vram.Used));

        args = Good();
        Assert.Equal(0, _client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref args));
        Assert.Equal(1u, args.handle);
    }

    [Theory]
    [InlineData(DrmClient.SystemMemory, DrmClient.WriteBack, 0u)]
    [InlineData(DrmClient.SystemMemory, DrmClient.WriteCombining, DrmXe.DRM_XE_GEM_CREATE_FLAG_SCANOUT)]
    [InlineData(DrmClient.VramMemory, DrmClient.WriteCombining, DrmXe.DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM)]
    [InlineData(DrmClient.VramMemory, DrmClient.WriteCombining, DrmXe.DRM_XE_GEM_CREATE_FLAG_NO_COMPRESSION)]
    [InlineData(DrmClient.SystemMemory | DrmClient.VramMemory, DrmClient.WriteCombining, 0xeu)]
    [Trait("Rule", "3.checks")]
    public void Every_good_combination_works(uint placement, ushort caching, uint flags)
    {
        var args = new drm_xe_gem_create { size = 0x3000, placement = placement, cpu_caching = caching, flags = flags };
        Assert.Equal(0, _client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref args));
        Assert.Equal(1u, args.handle);
        bool vram = (placement & DrmClient.VramMemory) != 0;
        Assert.Equal(vram ? (0ul, 0x3000ul) : (0x3000ul, 0ul), (_client.Device.SystemMemoryUse, _client.Device.Vram.Used));
    }

    [Fact]
    [Trait("Rule", "3.vm-private")]
    public void An_object_may_belong_to_a_VM()
    {
        drm_xe_gem_create args = Good();
        args.vm_id = _client.CreateVm(0);
        Assert.Equal(0, _client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref args));
        Assert.Equal(0, _client.BindBo(args.vm_id, args.handle, 0x10000, 0x1000));
    }

    [Fact]
    [Trait("Rule", "3.placement-order")]
    public void VRAM_is_tried_first_and_system_memory_before_anything_is_evicted()
    {
        ulong vram = _client.Device.Vram.Total;
        uint first = _client.CreateBo(vram - 0x1000, DrmClient.VramMemory);
        uint second = _client.CreateBo(0x2000, DrmClient.VramMemory | DrmClient.SystemMemory);
        Assert.Equal((0x2000ul, vram - 0x1000), (_client.Device.SystemMemoryUse, _client.Device.Vram.Used));
        Assert.Equal(0, _client.CloseBo(first));
        Assert.Equal(0, _client.CloseBo(second));
    }

    [Fact]
    [Trait("Rule", "3.over-allocation")]
    public void VRAM_alone_is_ENOMEM_for_more_than_there_is_and_else_evicts()
    {
        ulong vram = _client.Device.Vram.Total;
        Assert.Equal(-Errno.ENOMEM, _client.TryCreateBo(vram + 0x1000, DrmClient.VramMemory, out _));
        uint first = _client.CreateBo(vram, DrmClient.VramMemory);
        uint second = _client.CreateBo(0x2000, DrmClient.VramMemory);
        Assert.Equal((0x2000ul, vram), (_client.Device.Vram.Used, _client.Device.SystemMemoryUse));
        Assert.Equal(0, _client.CloseBo(first));
        Assert.Equal(0, _client.CloseBo(second));
        Assert.Equal((0ul, 0ul), (_client.Device.Vram.Used, _client.Device.SystemMemoryUse));
    }

    [Theory]
    [InlineData(DrmClient.SystemMemory)]
    [InlineData(DrmClient.VramMemory)]
    [Trait("Rule", "3.DEFER_BACKING")]
    public void Deferred_backing_comes_with_the_first_bind_or_CPU_mapping(uint placement)
    {
        uint vm = _client.CreateVm(0);
        uint bound = _client.CreateBo(0x3000, placement, DrmXe.DRM_XE_GEM_CREATE_FLAG_DEFER_BACKING);
        uint mapped = _client.CreateBo(0x3000, placement, DrmXe.DRM_XE_GEM_CREATE_FLAG_DEFER_BACKING);
        Assert.Equal(0ul, _client.Device.SystemMemoryUse + _client.Device.Vram.Used);
        Assert.Equal(0, _client.BindBo(vm, bound, 0x10000, 0x3000));
        Assert.Equal(0x3000ul, placement == DrmClient.VramMemory ? _client.Device.Vram.Used : _client.Device.SystemMemoryUse);
        byte* memory = _client.MapBo(mapped, 0x3000);
        Assert.Equal(0, memory[0x2fff]);
        Assert.Equal(0x6000ul, placement == DrmClient.VramMemory ? _client.Device.Vram.Used : _client.Device.SystemMemoryUse);
        _client.UnmapBo(memory, 0x3000);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, -Errno.ENODEV)]
    [InlineData(2, -Errno.EINVAL)]
    [InlineData(ulong.MaxValue, -Errno.EINVAL)]
    [Trait("Rule", "3.PXP")]
    public void The_PXP_type_may_be_none_and_the_device_has_no_other(ulong type, int expected)
    {
        drm_xe_gem_create args = Good();
        args.extensions = new ExtensionChain((PxpType, type)).Address;
        Assert.Equal(expected, _client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref args));
        Assert.Equal(expected == 0 ? 0x1000ul : 0, _client.Device.SystemMemoryUse);
    }

    [Theory]
    [InlineData(16, 0)]
    [InlineData(17, -Errno.E2BIG)]
    [Trait("Rule", "3.extensions")]
    public void A_chain_of_extensions_has_at_most_16_links(int links, int expected)
    {
        drm_xe_gem_create args = Good();
        args.extensions = ExtensionChain.Repeat(links, PxpType, 0).Address;
        Assert.Equal(expected, _client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref args));
    }

    [Fact]
    [Trait("Rule", "3.extensions")]
    public void A_chain_that_bites_its_tail_ends()
    {
        var chain = ExtensionChain.Repeat(2, PxpType, 0);
        chain[1].@base.next_extension = chain.Address;
        drm_xe_gem_create args = Good();
        args.extensions = chain.Address;
        Assert.Equal(-Errno.E2BIG, _client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref args));
    }

    [Fact]
    [Trait("Rule", "3.extensions")]
    public void The_first_bad_link_decides()
    {
        drm_xe_gem_create args = Good();
        args.extensions = new ExtensionChain((PxpType, 0), (PxpType, 1), (PxpType, 2)).Address;
        Assert.Equal(-Errno.ENODEV, _client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref args));

        var chain = new ExtensionChain((PxpType, 2));
        chain[0].@base.next_extension = DrmClient.BadPointer;
        args.extensions = chain.Address;
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref args));

        chain = new ExtensionChain((PxpType, 0));
        chain[0].@base.next_extension = DrmClient.BadPointer;
        args.extensions = chain.Address;
        Assert.Equal(-Errno.EFAULT, _client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref args));
    }

    [Fact]
    [Trait("Rule", "3.extensions")]
    public void Unknown_names_and_properties_and_pads_are_EINVAL()
    {
        Change<drm_xe_ext_set_property>[] changes =
        [
            (ref link) => link.@base.name = 1,
            (ref link) => link.@base.pad = 1,
            (ref link) => link.pad = 1,
            (ref link) => link.property = 1,
        ];
        Assert.All(changes, change =>
        {
            var chain = new ExtensionChain((PxpType, 0));
            change(ref chain[0]);
            drm_xe_gem_create args = Good();
            args.extensions = chain.Address;
            Assert.Equal(-Errno.EINVAL, _client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref args));
        });
    }

    [Fact]
    [Trait("Rule", "3.extensions")]
    public void A_head_with_an_unknown_name_is_EINVAL_even_when_memory_ends_behind_it()
    {
        ulong page = DrmClient.MapWithGuard();
        ulong head = page + 0x1000 - (ulong)sizeof(drm_xe_user_extension);
        ((drm_xe_user_extension*)head)->name = 1;
        drm_xe_gem_create args = Good();
        args.extensions = head;
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref args));
        ((drm_xe_user_extension*)head)->name = 0;
        Assert.Equal(-Errno.EFAULT, _client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref args));
        DrmClient.Unmap(page, 0x2000);
    }

    [Fact]
    [Trait("Rule", "3.GEM_CLOSE")]
    [Trait("Rule", "19.unknown-handle")]
    public void GEM_CLOSE_of_an_unknown_or_closed_handle_is_EINVAL()
    {
        uint handle = _client.CreateBo(0x1000);
        Assert.Equal(-Errno.EINVAL, _client.CloseBo(0));
        Assert.Equal(-Errno.EINVAL, _client.CloseBo(handle + 1));
        Assert.Equal(-Errno.EINVAL, _client.CloseBo(uint.MaxValue));
        Assert.Equal(0, _client.CloseBo(handle));
        Assert.Equal(-Errno.EINVAL, _client.CloseBo(handle));
    }

    [Fact]
    [Trait("Rule", "3.GEM_CLOSE")]
    public void GEM_CLOSE_does_not_look_at_its_pad()
    {
        var close = new drm_gem_close { handle = _client.CreateBo(0x1000), pad = 1 };
        Assert.Equal(0, _client.Ioctl(Drm.DRM_IOCTL_GEM_CLOSE, ref close));
    }

    private static drm_xe_gem_create Good() => new() { size = 0x1000, placement = DrmClient.SystemMemory, cpu_caching = DrmClient.WriteBack };
}
