using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>GEM_MMAP_OFFSET, mmap of the offset, and the lifetime of what is mapped.</summary>
public sealed unsafe class GemMmapTests : IDisposable
{
    private static readonly ErrnoTable<drm_xe_gem_mmap_offset> s_rules = new()
    {
        { "extensions", Errno.EINVAL, (ref args) => args.extensions = 1 },
        { "reserved 0", Errno.EINVAL, (ref args) => args.reserved[0] = 1 },
        { "reserved 1", Errno.EINVAL, (ref args) => args.reserved[1] = 1 },
        { "unknown flag", Errno.EINVAL, (ref args) => args.flags = 2 },
        { "PCI_BARRIER with a handle", Errno.EINVAL, (ref args) => args.flags = DrmXe.DRM_XE_MMAP_OFFSET_FLAG_PCI_BARRIER },
        { "handle 0", Errno.ENOENT, (ref args) => args.handle = 0 },
        { "unknown handle", Errno.ENOENT, (ref args) => args.handle = 77 },
        { "flag before unknown handle", Errno.EINVAL, (ref args) => (args.flags, args.handle) = (2, 77) },
        { "extensions before unknown handle", Errno.EINVAL, (ref args) => (args.extensions, args.handle) = (1, 77) },
    };

    private readonly DrmClient _client = new();

    public static TheoryData<string> Rules => s_rules.Names;

    public void Dispose() => _client.Dispose();

    [Theory]
    [MemberData(nameof(Rules))]
    [Trait("Rule", "4.checks")]
    [Trait("Rule", "19.unknown-handle")]
    public void A_broken_rule_gives_its_errno(string rule)
    {
        var args = new drm_xe_gem_mmap_offset { handle = _client.CreateBo(0x1000) };
        Assert.Equal(0, _client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET, ref args));
        ulong offset = args.offset;
        Assert.NotEqual(0ul, offset);
        int expected = s_rules.Break(rule, ref args);
        Assert.Equal(expected, _client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET, ref args));
        Assert.Equal(offset, args.offset);
    }

    [Fact]
    [Trait("Rule", "4.offset")]
    public void The_offset_of_an_object_never_changes_and_no_two_objects_overlap()
    {
        uint[] handles = [_client.CreateBo(0x5000), _client.CreateBo(0x1000, DrmClient.VramMemory), _client.CreateBo(0x200000)];
        ulong[] offsets = [.. handles.Select(_client.OffsetOf)];
        Assert.Equal(offsets, handles.Select(_client.OffsetOf));
        Assert.All(offsets, offset => Assert.Equal(0ul, offset % 4096));
        Assert.True(offsets[1] >= offsets[0] + 0x5000 || offsets[0] >= offsets[1] + 0x1000);
        Assert.True(offsets[2] >= offsets[1] + 0x1000 || offsets[1] >= offsets[2] + 0x200000);
    }

    [Fact]
    [Trait("Rule", "4.mmap")]
    public void Mmap_takes_the_exact_start_of_an_object_and_no_more_than_its_size()
    {
        ulong offset = _client.OffsetOf(_client.CreateBo(0x4000));
        Assert.Equal(-Errno.EINVAL, Map(_client, offset + 0x1000, 0x1000));
        Assert.Equal(-Errno.EINVAL, Map(_client, offset - 0x1000, 0x1000));
        Assert.Equal(-Errno.EINVAL, Map(_client, 0, 0x1000));
        Assert.Equal(-Errno.EINVAL, Map(_client, offset, 0x5000));
        Assert.Equal(-Errno.EINVAL, Map(_client, offset, 0x4001));
        Assert.Equal(-Errno.EINVAL, Map(_client, offset, nuint.MaxValue));
        Assert.Equal(-Errno.EINVAL, Map(_client, offset, 0));
        Assert.Equal(0, Map(_client, offset, 0x4000));
        Assert.Equal(0, Map(_client, offset, 0x1000));
    }

    [Fact]
    [Trait("Rule", "4.mmap-access")]
    public void Another_file_without_a_handle_gets_EACCES_unless_the_size_is_wrong()
    {
        using var other = new DrmClient(_client);
        ulong offset = _client.OffsetOf(_client.CreateBo(0x4000));
        Assert.Equal(-Errno.EACCES, Map(other, offset, 0x4000));
        Assert.Equal(-Errno.EINVAL, Map(other, offset, 0x5000));
    }

    [Fact]
    [Trait("Rule", "4.mmap-access")]
    public void A_closed_handle_gives_EACCES_while_the_object_lives_and_EINVAL_when_it_is_gone()
    {
        uint handle = _client.CreateBo(0x1000);
        ulong offset = _client.OffsetOf(handle);
        byte* mapped = _client.MapBo(handle, 0x1000);
        Assert.Equal(0, _client.CloseBo(handle));
        Assert.Equal(-Errno.EACCES, Map(_client, offset, 0x1000));
        _client.UnmapBo(mapped, 0x1000);
        Assert.Equal(-Errno.EINVAL, Map(_client, offset, 0x1000));
    }

    [Theory]
    [InlineData(DrmClient.SystemMemory)]
    [InlineData(DrmClient.VramMemory)]
    public void All_mappings_of_an_object_show_the_same_memory(uint placement)
    {
        uint handle = _client.CreateBo(0x2000, placement);
        byte* first = _client.MapBo(handle, 0x2000);
        byte* second = _client.MapBo(handle, 0x1000);
        byte* reader = _client.MapBo(handle, 0x2000, DrmMapProtection.Read);
        first[0] = 1;
        second[0xfff] = 2;
        first[0x1fff] = 3;
        Assert.Equal((1, 2, 3), (reader[0], reader[0xfff], reader[0x1fff]));
        Assert.Equal(-Errno.EFAULT, _client.Device.Client.Write((ulong)reader, first, 1));
        _client.UnmapBo(first, 0x2000);
        _client.UnmapBo(second, 0x1000);
        _client.UnmapBo(reader, 0x2000);
    }

    [Theory]
    [InlineData(DrmClient.SystemMemory)]
    [InlineData(DrmClient.VramMemory)]
    [Trait("Rule", "3.zeroed")]
    public void New_objects_are_zeros_whatever_was_there_before(uint placement)
    {
        // All of VRAM, so that the second object has the memory of the first; a size below 2M, which is cleared in another way, as well.
        foreach (ulong size in (ReadOnlySpan<ulong>)[_client.Device.Vram.Total, 0x3000])
        {
            uint handle = _client.CreateBo(size, placement);
            byte* mapped = _client.MapBo(handle, size);
            Assert.False(new Span<byte>(mapped, (int)size).ContainsAnyExcept((byte)0));
            new Span<byte>(mapped, (int)size).Fill(0xa5);
            _client.UnmapBo(mapped, size);
            Assert.Equal(0, _client.CloseBo(handle));

            handle = _client.CreateBo(size, placement);
            mapped = _client.MapBo(handle, size);
            Assert.False(new Span<byte>(mapped, (int)size).ContainsAnyExcept((byte)0));
            _client.UnmapBo(mapped, size);
            Assert.Equal(0, _client.CloseBo(handle));
        }
    }

    [Fact]
    [Trait("Rule", "3.GEM_CLOSE")]
    public void A_mapping_keeps_the_memory_of_a_closed_object()
    {
        ulong all = _client.Device.Vram.Total;
        uint handle = _client.CreateBo(all, DrmClient.VramMemory);
        byte* mapped = _client.MapBo(handle, 0x1000);
        mapped[5] = 55;
        Assert.Equal(0, _client.CloseBo(handle));
        Assert.Equal(all, _client.Device.Vram.Used);
        // Wanted by another, its room is made by a move to system memory, which the mapping does not notice.
        uint other = _client.CreateBo(0x1000, DrmClient.VramMemory);
        Assert.Equal((0x1000ul, all), (_client.Device.Vram.Used, _client.Device.SystemMemoryUse));
        Assert.Equal(0, _client.CloseBo(other));
        Assert.Equal(55, mapped[5]);
        _client.UnmapBo(mapped, 0x1000);
        Assert.Equal((0ul, 0ul), (_client.Device.Vram.Used, _client.Device.SystemMemoryUse));
        _client.CreateBo(all, DrmClient.VramMemory);
    }

    [Fact]
    public void What_is_left_of_a_mapping_keeps_the_object()
    {
        uint handle = _client.CreateBo(0x5000, DrmClient.VramMemory);
        byte* mapped = _client.MapBo(handle, 0x5000);
        Assert.Equal(0, _client.CloseBo(handle));
        mapped[0x4fff] = 9;
        _client.UnmapBo(mapped + 0x1000, 0x2000); // two pieces now
        Assert.Equal(2, _client.Device.CpuMappings.Count);
        _client.UnmapBo(mapped, 0x2000);
        Assert.Equal(1, _client.Device.CpuMappings.Count);
        Assert.Equal(9, mapped[0x4fff]);
        Assert.Equal(0x5000ul, _client.Device.Vram.Used);
        _client.UnmapBo(mapped, 0x5000);
        Assert.Equal((0, 0ul), (_client.Device.CpuMappings.Count, _client.Device.Vram.Used));
    }

    [Fact]
    public void Unmapping_what_is_not_ours_or_not_aligned_changes_nothing()
    {
        uint handle = _client.CreateBo(0x2000);
        byte* mapped = _client.MapBo(handle, 0x2000);
        Assert.Equal(-Errno.EINVAL, _client.File.Unmap((nint)mapped + 1, 0x1000));
        Assert.Equal(-Errno.EINVAL, _client.File.Unmap((nint)mapped, 0));
        ulong other = DrmClient.Map(0x1000);
        Assert.Equal(0, _client.File.Unmap((nint)other, 0x1000));
        Assert.Equal(1, _client.Device.CpuMappings.Count);
        mapped[0x1fff] = 1;
        _client.UnmapBo(mapped, 0x2000);
    }

    [Fact]
    public void A_mapping_that_went_away_behind_the_drivers_back_is_forgotten_when_its_addresses_are_used_again()
    {
        uint handle = _client.CreateBo(0x1000, DrmClient.VramMemory);
        ulong offset = _client.OffsetOf(handle);
        byte* mapped = _client.MapBo(handle, 0x1000);
        Assert.Equal(0, SystemCalls.Unmap((nint)mapped, 0x1000));
        var addresses = new List<nint>();
        bool again = false;
        for (int i = 0; i < 1000 && !again; i++)
        {
            Assert.Equal(0, _client.File.Map(offset, 0x1000, DrmMapProtection.Read, out nint address));
            addresses.Add(address);
            again = address == (nint)mapped;
        }

        addresses.ForEach(address => Assert.Equal(0, _client.File.Unmap(address, 0x1000)));
        Assert.Equal(again ? 0 : 1, _client.Device.CpuMappings.Count);
    }

    [Theory]
    [InlineData(DrmClient.SystemMemory)]
    [InlineData(DrmClient.VramMemory)]
    public void A_mapping_outlives_handle_file_and_device(uint placement)
    {
        byte* mapped;
        DrmFile file;
        using (var client = new DrmClient())
        {
            uint handle = client.CreateBo(0x3000, placement);
            mapped = client.MapBo(handle, 0x3000);
            mapped[0x2fff] = 7;
            file = client.File;
        }

        using var other = new DrmClient();
        byte* mappedToo = other.MapBo(other.CreateBo(0x3000, placement), 0x3000);
        mappedToo[0x2fff] = 8;
        Assert.Equal(7, mapped[0x2fff]);
        mapped[0] = 1;
        Assert.Equal(0, mappedToo[0]);
        Assert.Equal(0, file.Unmap((nint)mapped, 0x3000));
        other.UnmapBo(mappedToo, 0x3000);
    }

    private static int Map(DrmClient client, ulong offset, nuint length)
    {
        int result = client.File.Map(offset, length, DrmMapProtection.Read, out nint address);
        return result < 0 ? result : client.File.Unmap(address, length);
    }
}
