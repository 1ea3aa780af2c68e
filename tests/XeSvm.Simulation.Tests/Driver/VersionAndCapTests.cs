using System.Text;

using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>The two core ioctls by which a client finds out what it has opened.</summary>
public sealed unsafe class VersionAndCapTests : IDisposable
{
    private const int Room = 32;
    private readonly DrmClient _client = new();

    public void Dispose() => _client.Dispose();

    [Fact]
    [Trait("Rule", "1.VERSION")]
    public void VERSION_says_xe_1_1_0()
    {
        byte* texts = stackalloc byte[3 * Room];
        var version = new drm_version
        {
            name = texts,
            name_len = Room,
            date = texts + Room,
            date_len = Room,
            desc = texts + (2 * Room),
            desc_len = Room,
        };
        Assert.Equal(0, _client.Ioctl(Drm.DRM_IOCTL_VERSION, ref version));
        Assert.Equal((1, 1, 0), (version.version_major, version.version_minor, version.version_patchlevel));
        Assert.Equal("xe", Encoding.ASCII.GetString(version.name, (int)version.name_len));
        Assert.Equal("0", Encoding.ASCII.GetString(version.date, (int)version.date_len));
        Assert.Equal("Intel Xe2 Graphics", Encoding.ASCII.GetString(version.desc, (int)version.desc_len));
    }

    [Fact]
    [Trait("Rule", "1.VERSION")]
    public void Without_buffers_only_the_lengths_come_back()
    {
        var version = new drm_version();
        Assert.Equal(0, _client.Ioctl(Drm.DRM_IOCTL_VERSION, ref version));
        Assert.Equal((2ul, 1ul, 18ul), (version.name_len, version.date_len, version.desc_len));
    }

    [Fact]
    [Trait("Rule", "1.VERSION")]
    public void The_callers_length_bounds_the_copy_and_the_full_length_comes_back()
    {
        byte* text = stackalloc byte[Room];
        new Span<byte>(text, Room).Fill((byte)'#');
        var version = new drm_version { desc = text, desc_len = 5 };
        Assert.Equal(0, _client.Ioctl(Drm.DRM_IOCTL_VERSION, ref version));
        Assert.Equal(18ul, version.desc_len);
        Assert.Equal("Intel###", Encoding.ASCII.GetString(text, 8));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [Trait("Rule", "1.VERSION")]
    public void A_bad_text_pointer_is_EFAULT(int which)
    {
        byte* bad = (byte*)DrmClient.BadPointer;
        ulong length = Room;
        var version = which switch
        {
            0 => new drm_version { name = bad, name_len = length },
            1 => new drm_version { date = bad, date_len = length },
            _ => new drm_version { desc = bad, desc_len = length },
        };
        Assert.Equal(-Errno.EFAULT, _client.Ioctl(Drm.DRM_IOCTL_VERSION, ref version));
    }

    [Fact]
    [Trait("Rule", "1.VERSION")]
    public void A_text_pointer_with_length_0_is_not_looked_at()
    {
        var version = new drm_version { name = (byte*)DrmClient.BadPointer };
        Assert.Equal(0, _client.Ioctl(Drm.DRM_IOCTL_VERSION, ref version));
    }

    [Theory]
    [InlineData(Drm.DRM_CAP_TIMESTAMP_MONOTONIC, 1)]
    [InlineData(Drm.DRM_CAP_SYNCOBJ, 1)]
    [InlineData(Drm.DRM_CAP_SYNCOBJ_TIMELINE, 1)]
    [InlineData(Drm.DRM_CAP_PRIME, 3)]
    [Trait("Rule", "1.GET_CAP")]
    public void Caps_that_need_no_modesetting_are_answered(ulong capability, ulong expected)
    {
        var cap = new drm_get_cap { capability = capability, value = 77 };
        Assert.Equal(0, _client.Ioctl(Drm.DRM_IOCTL_GET_CAP, ref cap));
        Assert.Equal(expected, cap.value);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Drm.DRM_CAP_DUMB_BUFFER)]
    [InlineData(Drm.DRM_CAP_CURSOR_WIDTH)]
    [InlineData(Drm.DRM_CAP_ADDFB2_MODIFIERS)]
    [InlineData(ulong.MaxValue)]
    [Trait("Rule", "1.GET_CAP")]
    public void Other_caps_are_EOPNOTSUPP_on_a_device_without_modesetting(ulong capability)
    {
        var cap = new drm_get_cap { capability = capability };
        Assert.Equal(-Errno.EOPNOTSUPP, _client.Ioctl(Drm.DRM_IOCTL_GET_CAP, ref cap));
    }

    [Theory]
    [InlineData("renderer", 0)]
    [InlineData("!~", 0)]
    [InlineData("", 0)]
    [InlineData("two words", Errno.EINVAL)]
    [InlineData("tab\t", Errno.EINVAL)]
    [InlineData("\u00e9", Errno.EINVAL)]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123", 0)]
    [InlineData("01234567890123456789012345678901234567890123456789012345678901234", Errno.EINVAL)]
    [Trait("Rule", "1.SET_CLIENT_NAME")]
    public void SET_CLIENT_NAME_takes_up_to_64_printable_characters_without_spaces(string name, int expected)
    {
        _client.Software.Name = "before";
        byte[] bytes = Encoding.Latin1.GetBytes(name);
        fixed (byte* text = bytes)
        {
            var args = new drm_set_client_name { name = (ulong)text, name_len = (ulong)bytes.Length };
            Assert.Equal(-expected, _client.Ioctl(Drm.DRM_IOCTL_SET_CLIENT_NAME, ref args));
            Assert.Equal(expected == 0 ? name : "before", _client.Software.Name);
            args = new drm_set_client_name { name = DrmClient.BadPointer, name_len = 1 };
            Assert.Equal(-Errno.EFAULT, _client.Ioctl(Drm.DRM_IOCTL_SET_CLIENT_NAME, ref args));
        }
    }
}
