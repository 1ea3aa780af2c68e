using System.Text;
using XeSvm.Interop.Uapi;

namespace XeSvm.Interop.Tests;

public sealed class DrmDriverVersionTests
{
    [Fact]
    public void Name_description_and_version_are_read_in_two_calls()
    {
        using VersionFile file = new("xe", "Intel Xe2 Graphics", 0);
        Assert.Equal(0, DrmDriverVersion.Read(file, out DrmDriverVersion version));
        Assert.Equal(new DrmDriverVersion("xe", "Intel Xe2 Graphics", 1, 2, 3), version);
        Assert.Equal(2, file.Calls);
    }

    [Fact]
    public void A_name_that_only_begins_like_the_drivers_is_read_whole()
    {
        using VersionFile file = new("xenon", string.Empty, 0);
        Assert.Equal(0, DrmDriverVersion.Read(file, out DrmDriverVersion version));
        Assert.Equal("xenon", version.Name);
        Assert.Equal(string.Empty, version.Description);
    }

    [Fact]
    public void A_text_longer_than_any_drivers_is_cut()
    {
        using VersionFile file = new(new string('n', 5000), new string('d', 300), 0);
        Assert.Equal(0, DrmDriverVersion.Read(file, out DrmDriverVersion version));
        Assert.Equal(new string('n', 256), version.Name);
        Assert.Equal(new string('d', 256), version.Description);
    }

    [Fact]
    public void A_name_that_grows_between_the_calls_is_cut_to_the_buffer()
    {
        using VersionFile file = new("xe", string.Empty, 0) { NameAtSecondCall = "xe-and-more" };
        Assert.Equal(0, DrmDriverVersion.Read(file, out DrmDriverVersion version));
        Assert.Equal("xe", version.Name);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void The_errno_of_either_call_comes_back(int failingCall)
    {
        using VersionFile file = new("xe", string.Empty, failingCall);
        Assert.Equal(-Errno.ENOTTY, DrmDriverVersion.Read(file, out DrmDriverVersion version));
        Assert.Equal(default, version);
    }

    /// <summary>Answers DRM_IOCTL_VERSION as drm_version in drm_ioctl.c does.</summary>
    private sealed unsafe class VersionFile(string name, string description, int failingCall) : DrmFile
    {
        public int Calls { get; private set; }

        public string? NameAtSecondCall { get; init; }

        public override int Ioctl(uint request, void* argument)
        {
            Assert.Equal(Drm.DRM_IOCTL_VERSION, request);
            Calls++;
            if (Calls == failingCall)
            {
                return -Errno.ENOTTY;
            }

            drm_version* version = (drm_version*)argument;
            version->version_major = 1;
            version->version_minor = 2;
            version->version_patchlevel = 3;
            Copy(Calls == 1 ? name : NameAtSecondCall ?? name, version->name, ref version->name_len);
            Copy("0", version->date, ref version->date_len);
            Copy(description, version->desc, ref version->desc_len);
            return 0;
        }

        public override int Map(ulong offset, nuint length, DrmMapProtection protection, out nint address) =>
            throw new NotSupportedException();

        public override int Unmap(nint address, nuint length) => throw new NotSupportedException();

        public override DrmDebugText ReadDebugFile(string name) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
        }

        private static void Copy(string text, byte* buffer, ref ulong length)
        {
            byte[] bytes = Encoding.ASCII.GetBytes(text);
            int copied = (int)Math.Min(length, (ulong)bytes.Length);
            if (copied != 0)
            {
                bytes.AsSpan(0, copied).CopyTo(new Span<byte>(buffer, copied));
            }

            length = (ulong)bytes.Length;
        }
    }
}
