using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Ioctls;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>What files of the primary node may do beyond those of a render node: masters, dumb buffers, names of objects.</summary>
[Trait("Rule", "1.primary")]
public sealed unsafe class PrimaryNodeTests : IDisposable
{
    private const uint GetUnique = 0xc0106401;
    private const uint GetMagic = 0x80046402;
    private const uint GetClient = 0xc0286405;
    private const uint GetStats = 0x80f86406;
    private const uint GemFlink = 0xc008640a;
    private const uint GemOpen = 0xc010640b;
    private const uint AuthMagic = 0x40046411;
    private const uint SetMaster = 0x0000641e;
    private const uint DropMaster = 0x0000641f;
    private const uint CreateDumb = 0xc02064b2;
    private const uint MapDumb = 0xc01064b3;
    private const uint DestroyDumb = 0xc00464b4;
    private const int SomebodyElse = -1;

    private readonly DrmClient _first = new();
    private readonly DrmClient _second;

    public PrimaryNodeTests()
    {
        _second = new DrmClient(_first);
        _first.Software.BecomePrimary(isAdministrator: false, Environment.ProcessId);
        _second.Software.BecomePrimary(isAdministrator: false, SomebodyElse);
    }

    public static TheoryData<uint, uint, uint> BadDumbBuffers => new()
    {
        { 0, 1, 32 }, { 1, 0, 32 }, { 1, 1, 0 }, { 1, 1, uint.MaxValue }, { uint.MaxValue, 1, 32 }, { 1 << 14, 1 << 16, 32 }, { 1, uint.MaxValue, 16 },
    };

    public void Dispose()
    {
        _second.Dispose();
        _first.Dispose();
    }

    [SkippableFact]
    public void The_first_file_is_the_master_and_another_can_be_it_when_it_is_not()
    {
        Skip.IfNot(SystemCalls.HasCapability(21), "Needs CAP_SYS_ADMIN: only who was master may be it again without.");
        Assert.Equal(-Errno.EBUSY, Call(_second, SetMaster));
        Assert.Equal(-Errno.EINVAL, Call(_second, DropMaster));
        Assert.Equal(0, Call(_first, SetMaster));
        Assert.Equal(0, Call(_first, DropMaster));
        Assert.Equal(-Errno.EINVAL, Call(_first, DropMaster));
        Assert.Equal(0, Call(_second, SetMaster));
        Assert.Equal(-Errno.EBUSY, Call(_first, SetMaster));
        _second.Dispose();
        Assert.Equal(0, Call(_first, SetMaster));
    }

    [Fact]
    public void The_master_lets_others_in_once_by_their_numbers()
    {
        Assert.Equal((true, false), (IsAuthenticated(_first), IsAuthenticated(_second)));
        drm_auth magic = default;
        Assert.Equal(0, _second.Ioctl(GetMagic, ref magic));
        drm_auth again = default;
        Assert.Equal(0, _second.Ioctl(GetMagic, ref again));
        Assert.Equal(magic.magic, again.magic);
        Assert.Equal(-Errno.EACCES, _second.Ioctl(AuthMagic, ref magic));
        drm_auth wrong = new() { magic = magic.magic + 1 };
        Assert.Equal(-Errno.EINVAL, _first.Ioctl(AuthMagic, ref wrong));
        wrong.magic = 0;
        Assert.Equal(-Errno.EINVAL, _first.Ioctl(AuthMagic, ref wrong));
        Assert.Equal(0, _first.Ioctl(AuthMagic, ref magic));
        Assert.True(IsAuthenticated(_second));
        Assert.Equal(-Errno.EINVAL, _first.Ioctl(AuthMagic, ref magic));
        Assert.Equal(0, _second.Ioctl(GetMagic, ref again));
        Assert.Equal(magic.magic, again.magic);
        using (var third = new DrmClient(_first))
        {
            third.Software.BecomePrimary(isAdministrator: false, SomebodyElse);
            Assert.Equal(0, third.Ioctl(GetMagic, ref again));
            Assert.NotEqual(magic.magic, again.magic);
        }

        using var fourth = new DrmClient(_first);
        fourth.Software.BecomePrimary(isAdministrator: false, SomebodyElse);
        wrong = default;
        Assert.Equal(0, fourth.Ioctl(GetMagic, ref wrong));
        Assert.Equal(again.magic, wrong.magic);
    }

    [Fact]
    public void A_client_is_told_of_itself_alone_and_there_are_no_statistics()
    {
        var client = new drm_client { idx = 1 };
        Assert.Equal(-Errno.EINVAL, _first.Ioctl(GetClient, ref client));
        client.idx = 0;
        Assert.Equal(0, _first.Ioctl(GetClient, ref client));
        Assert.Equal((1, (ulong)Environment.ProcessId, 0ul), (client.auth, client.pid, client.magic));
        byte* statistics = stackalloc byte[248];
        new Span<byte>(statistics, 248).Fill(0xff);
        Assert.Equal(0, _first.File.Ioctl(GetStats, statistics));
        Assert.False(new Span<byte>(statistics, 248).ContainsAnyExcept((byte)0));
        var unique = new drm_unique { unique_len = 16 };
        Assert.Equal(0, _first.Ioctl(GetUnique, ref unique));
        Assert.Equal(0ul, unique.unique_len);
        var capability = new drm_get_cap { capability = Drm.DRM_CLIENT_CAP_ATOMIC, value = 1 };
        Assert.Equal(-Errno.EOPNOTSUPP, _first.Ioctl(Drm.DRM_IOCTL_SET_CLIENT_CAP, ref capability));
    }

    [Theory]
    [MemberData(nameof(BadDumbBuffers))]
    public void A_dumb_buffer_has_pixels_and_fits_32_bits(uint width, uint height, uint bitsPerPixel)
    {
        var create = new drm_mode_create_dumb { width = width, height = height, bpp = bitsPerPixel };
        Assert.Equal(-Errno.EINVAL, _second.Ioctl(CreateDumb, ref create));
        Assert.Equal(0u, create.handle);
    }

    [Fact]
    public void A_dumb_buffer_is_zeros_in_lines_of_64_bytes_that_the_CPU_maps()
    {
        var create = new drm_mode_create_dumb { width = 33, height = 65, bpp = 30 };
        Assert.Equal(0, _second.Ioctl(CreateDumb, ref create));
        Assert.Equal((192u, 0x4000ul), (create.pitch, create.size)); // 33 pixels of 4 bytes; 65 lines of 192 bytes
        var map = new drm_mode_map_dumb { handle = create.handle };
        Assert.Equal(0, _second.Ioctl(MapDumb, ref map));
        Assert.Equal(0, _second.File.Map(map.offset, (nuint)create.size, DrmMapProtection.Read | DrmMapProtection.Write, out nint pixels));
        Assert.False(new Span<byte>((void*)pixels, (int)create.size).ContainsAnyExcept((byte)0));
        Assert.Equal(0, _second.File.Unmap(pixels, (nuint)create.size));
        Assert.Equal(0, _second.Ioctl(DestroyDumb, ref create.handle));
        Assert.Equal(-Errno.ENOENT, _second.Ioctl(MapDumb, ref map));
        Assert.Equal(-Errno.EINVAL, _second.Ioctl(DestroyDumb, ref create.handle));
        Assert.Equal(0ul, _first.Device.Vram.Used);
    }

    [Fact]
    public void Objects_are_opened_by_name_while_they_are_there_by_who_is_let_in()
    {
        var flink = new drm_gem_flink { handle = _first.CreateBo(0x10000) };
        Assert.Equal(0, _first.Ioctl(GemFlink, ref flink));
        var same = new drm_gem_flink { handle = flink.handle };
        Assert.Equal(0, _first.Ioctl(GemFlink, ref same));
        Assert.Equal((1u, 1u), (flink.name, same.name));
        var open = new drm_gem_open { name = flink.name };
        Assert.Equal(-Errno.EACCES, _second.Ioctl(GemOpen, ref open));
        drm_auth magic = default;
        Assert.Equal(0, _second.Ioctl(GetMagic, ref magic));
        Assert.Equal(0, _first.Ioctl(AuthMagic, ref magic));
        Assert.Equal(0, _second.Ioctl(GemOpen, ref open));
        Assert.Equal(0x10000ul, open.size);
        Assert.Same(_first.InspectBo(flink.handle), _second.InspectBo(open.handle));
        Assert.Equal(0, _first.CloseBo(flink.handle));
        Assert.Equal(-Errno.ENOENT, _first.Ioctl(GemFlink, ref flink));
        Assert.Equal(0, _first.Ioctl(GemOpen, ref open));
        Assert.Equal(0, _first.CloseBo(open.handle));
        Assert.Equal(0, _second.CloseBo(open.handle));
        Assert.Equal(-Errno.ENOENT, _first.Ioctl(GemOpen, ref open));
        open.name = 0;
        Assert.Equal(-Errno.ENOENT, _first.Ioctl(GemOpen, ref open));
    }

    private static int Call(DrmClient client, uint request) => client.File.Ioctl(request, null);

    private static bool IsAuthenticated(DrmClient client)
    {
        drm_client about = default;
        Assert.Equal(0, client.Ioctl(GetClient, ref about));
        return about.auth != 0;
    }
}
