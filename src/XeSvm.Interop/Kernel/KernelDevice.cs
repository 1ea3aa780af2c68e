using System.Globalization;

namespace XeSvm.Interop.Kernel;

/// <summary>What sysfs says of the device behind a DRM node.</summary>
internal static class KernelDevice
{
    // DRM's character devices have this major number (DRM_MAJOR in drm.h).
    private const int DrmMajor = 226;

    /// <summary>The device's folder in sysfs.</summary>
    internal static string Folder(KernelPaths paths, int minor) =>
        Path.Combine(paths.Sysfs, "dev", "char", string.Create(CultureInfo.InvariantCulture, $"{DrmMajor}:{minor}"), "device");

    /// <summary>The device's PCI address such as <c>0000:03:00.0</c>, or an empty string.</summary>
    internal static string BusAddress(KernelPaths paths, int minor)
    {
        string name = Path.GetFileName(new FileInfo(Folder(paths, minor)).LinkTarget) ?? string.Empty;
        return IsPciAddress(name) ? name : string.Empty;
    }

    /// <summary>The minor number of the device's primary node, or -1.</summary>
    internal static int PrimaryMinor(KernelPaths paths, int minor)
    {
        const string Prefix = "card";
        try
        {
            foreach (string node in Directory.EnumerateDirectories(Path.Combine(Folder(paths, minor), "drm"), Prefix + "*"))
            {
                ReadOnlySpan<char> number = Path.GetFileName(node.AsSpan())[Prefix.Length..];
                if (int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int primary))
                {
                    return primary;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The device went away, or sysfs is hidden: there is no number to know.
            return -1;
        }

        return -1;
    }

    // Domain of at least four digits, bus, device, function: %04x:%02x:%02x.%d (pci_setup_device in drivers/pci/probe.c).
    private static bool IsPciAddress(ReadOnlySpan<char> name)
    {
        const int AfterDomain = 8;
        if (name.Length < 4 + AfterDomain)
        {
            return false;
        }

        ReadOnlySpan<char> rest = name[^AfterDomain..];
        return IsHexadecimal(name[..^AfterDomain]) && rest[0] == ':' && IsHexadecimal(rest[1..3]) && rest[3] == ':'
            && IsHexadecimal(rest[4..6]) && rest[6] == '.' && char.IsAsciiDigit(rest[7]);
    }

    private static bool IsHexadecimal(ReadOnlySpan<char> text)
    {
        foreach (char character in text)
        {
            if (!char.IsAsciiHexDigitLower(character))
            {
                return false;
            }
        }

        return true;
    }
}
