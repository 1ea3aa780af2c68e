using System.Globalization;
using System.IO.Compression;

namespace XeSvm.Measurement;

/// <summary>The kernel's version, configuration and driver.</summary>
internal static class KernelChecks
{
    /// <summary>The first release whose xe driver binds mirrors of CPU addresses.</summary>
    private static readonly Version s_mirror = new(6, 15);

    /// <summary>The first release that maps pages of SVM with IOVAs of whole segments.</summary>
    private static readonly Version s_iova = new(7, 2);

    /// <summary>What must be in the configuration, and what is missing without it.</summary>
    private static readonly (string Option, string Loss)[] s_options =
    [
        ("CONFIG_DRM_XE", "there is no xe driver"),
        ("CONFIG_DRM_XE_GPUSVM", "the xe driver cannot mirror CPU addresses"),
        ("CONFIG_DEVICE_PRIVATE", "pages cannot migrate to VRAM"),
        ("CONFIG_DEBUG_FS", "there are no GT statistics"),
        ("CONFIG_USERFAULTFD", "the software backend cannot notice CPU touches of VRAM"),
        ("CONFIG_TRANSPARENT_HUGEPAGE", "there are no huge pages to measure"),
    ];

    /// <summary>Runs the checks.</summary>
    internal static IEnumerable<MachineFinding> Run(MachinePaths paths)
    {
        string release = MachinePaths.FirstLine(Path.Combine(paths.Procfs, "sys", "kernel", "osrelease")) ?? "unknown";
        yield return Version(release, DistributionCommands.Of(paths).InstallKernel);
        foreach (MachineFinding finding in Configuration(paths, release))
        {
            yield return finding;
        }

        yield return Driver(paths);
    }

    private static MachineFinding Version(string release, string install)
    {
        const string Check = "kernel version";
        string remedy = $"{install} # or any Linux from 6.15 on";
        if (!TryParse(release, out Version? version))
        {
            return new MachineFinding(Check, FindingStatus.Warning, $"Linux {release}: not a release that can be read.", remedy);
        }

        return version < s_mirror
            ? new MachineFinding(Check, FindingStatus.Warning, $"Linux {release}: SVM of Intel GPUs needs 6.15 or newer; the software backend works.", remedy)
            : new MachineFinding(Check, FindingStatus.Good, version < s_iova
                ? $"Linux {release}: SVM, with one DMA mapping a page; 7.2 and newer map whole segments. Record both to see the difference."
                : $"Linux {release}: SVM, with one IOVA for a segment.");
    }

    private static IEnumerable<MachineFinding> Configuration(MachinePaths paths, string release)
    {
        const string Check = "kernel configuration";
        if (ReadConfiguration(paths, release) is not { } configuration)
        {
            yield return new MachineFinding(
                Check, FindingStatus.Warning, "Neither /proc/config.gz nor a file in /boot can be read: what is built in is not known.", "sudo modprobe configs");
            yield break;
        }

        (string Option, string Loss)[] missing =
            [.. s_options.Where(option => !configuration.Contains($"{option.Option}=y") && !configuration.Contains($"{option.Option}=m"))];
        foreach ((string option, string loss) in missing)
        {
            yield return new MachineFinding(
                Check, FindingStatus.Warning, $"{option} is not set: {loss}.",
                $"in the kernel's source: scripts/config --enable {option["CONFIG_".Length..]} && make olddefconfig && make && sudo make modules_install install");
        }

        if (missing.Length == 0)
        {
            yield return new MachineFinding(Check, FindingStatus.Good, string.Join(", ", s_options.Select(option => option.Option)) + " are set.");
        }
    }

    private static MachineFinding Driver(MachinePaths paths)
    {
        const string Check = "xe driver";
        return Directory.Exists(Path.Combine(paths.Sysfs, "module", "xe"))
            ? new MachineFinding(Check, FindingStatus.Good, "The module is loaded.")
            : new MachineFinding(Check, FindingStatus.Warning, "The module is not loaded.", "sudo modprobe xe");
    }

    private static HashSet<string>? ReadConfiguration(MachinePaths paths, string release)
    {
        try
        {
            string packed = Path.Combine(paths.Procfs, "config.gz");
            if (File.Exists(packed))
            {
                using GZipStream stream = new(File.OpenRead(packed), CompressionMode.Decompress);
                using StreamReader reader = new(stream);
                return [.. reader.ReadToEnd().Split('\n')];
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return null;
        }

        string[] lines = MachinePaths.ReadLines(Path.Combine(paths.Boot, $"config-{release}"));
        return lines.Length == 0 ? null : [.. lines];
    }

    /// <summary>The first two numbers of a release such as <c>7.2.0-rc3-custom</c>.</summary>
    private static bool TryParse(string release, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Version? version)
    {
        string[] parts = release.Split('.');
        string minor = parts.Length < 2 ? "" : new string([.. parts[1].TakeWhile(char.IsAsciiDigit)]);
        version = int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int first)
            && int.TryParse(minor, NumberStyles.None, CultureInfo.InvariantCulture, out int second)
                ? new Version(first, second)
                : null;
        return version is not null;
    }
}
