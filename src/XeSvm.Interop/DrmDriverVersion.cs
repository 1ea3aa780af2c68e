using System.Text;
using XeSvm.Interop.Uapi;

namespace XeSvm.Interop;

/// <summary>What DRM_IOCTL_VERSION says of a driver.</summary>
internal readonly record struct DrmDriverVersion(string Name, string Description, int Major, int Minor, int Patchlevel)
{
    // No driver's name or description comes near this; what is longer is cut.
    private const int LongestText = 256;

    /// <summary>Asks the driver behind a file: once for the lengths of its texts, once for the texts (drm_version in drm_ioctl.c).</summary>
    /// <returns>0, or a negative errno; -ENOTTY means that the file is not a DRM node.</returns>
    internal static unsafe int Read(DrmFile file, out DrmDriverVersion version)
    {
        version = default;
        drm_version argument = default;
        int result = file.Ioctl(Drm.DRM_IOCTL_VERSION, &argument);
        if (result < 0)
        {
            return result;
        }

        byte* name = stackalloc byte[LongestText];
        byte* description = stackalloc byte[LongestText];
        ulong nameCapacity = Math.Min(argument.name_len, LongestText);
        ulong descriptionCapacity = Math.Min(argument.desc_len, LongestText);
        argument = new drm_version { name = name, name_len = nameCapacity, desc = description, desc_len = descriptionCapacity };
        result = file.Ioctl(Drm.DRM_IOCTL_VERSION, &argument);
        if (result < 0)
        {
            return result;
        }

        version = new DrmDriverVersion(
            Text(name, Math.Min(argument.name_len, nameCapacity)),
            Text(description, Math.Min(argument.desc_len, descriptionCapacity)),
            argument.version_major,
            argument.version_minor,
            argument.version_patchlevel);
        return 0;
    }

    private static unsafe string Text(byte* bytes, ulong length) => Encoding.UTF8.GetString(bytes, (int)length);
}
