using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_VERSION (drm_version): the caller's lengths bound the copies, the full lengths come back.</summary>
internal static unsafe class VersionIoctl
{
    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_version* version = (drm_version*)argument;
        version->version_major = 1;
        version->version_minor = 1;
        version->version_patchlevel = 0;
        int result = Copy(file, (ulong)version->name, ref version->name_len, "xe"u8);
        result = result < 0 ? result : Copy(file, (ulong)version->date, ref version->date_len, "0"u8);
        return result < 0 ? result : Copy(file, (ulong)version->desc, ref version->desc_len, "Intel Xe2 Graphics"u8);
    }

    private static int Copy(SoftwareFile file, ulong destination, ref ulong length, ReadOnlySpan<byte> text)
    {
        nuint copied = (nuint)Math.Min(length, (ulong)text.Length);
        length = (ulong)text.Length;
        if (copied == 0 || destination == 0)
        {
            return 0;
        }

        fixed (byte* source = text)
        {
            return file.Client.Write(destination, source, copied);
        }
    }
}
