using XeSvm.Interop;

namespace XeSvm.Measurement;

/// <summary>GPUs, their nodes, their statistics and the IOMMU in front of them.</summary>
internal static class DeviceChecks
{
    private const string IntelVendor = "0x8086";
    private const string DisplayClass = "0x03";

    /// <summary>How the device numbers of Xe2 and later begin: Lunar Lake, Battlemage, Panther Lake, Wildcat Lake (pciids.h).</summary>
    private static readonly string[] s_withSvm = ["64", "e2", "b0", "fd8"];

    /// <summary>Runs the checks.</summary>
    internal static IEnumerable<MachineFinding> Run(MachinePaths paths, IReadOnlyList<DrmNode> nodes, IReadOnlyList<string> report)
    {
        foreach (MachineFinding finding in Gpus(paths).Concat(Nodes(nodes, report)))
        {
            yield return finding;
        }

        yield return Debugfs(paths);
        foreach (MachineFinding finding in Iommu(paths))
        {
            yield return finding;
        }
    }

    private static IEnumerable<MachineFinding> Gpus(MachinePaths paths)
    {
        const string Check = "GPU";
        string[] gpus = [.. GpusOf(paths)];
        if (gpus.Length == 0)
        {
            yield return new MachineFinding(
                Check, FindingStatus.Warning, "No Intel display device on the PCI bus: the software backend is used.", "lspci -nn -d 8086::0300");
        }

        foreach (string address in gpus)
        {
            string folder = Path.Combine(Devices(paths), address);
            string id = (MachinePaths.FirstLine(Path.Combine(folder, "device")) ?? "").Replace("0x", "", StringComparison.Ordinal);
            string? driver = MachinePaths.LinkName(Path.Combine(folder, "driver"));
            yield return driver == "xe"
                ? new MachineFinding(Check, FindingStatus.Good, $"{address} (8086:{id}) is driven by xe.")
                : new MachineFinding(
                    Check,
                    FindingStatus.Warning,
                    $"{address} (8086:{id}) is driven by {driver ?? "no driver"}, not xe. {(CanHaveSvm(id) ? "It can have SVM." : "It is of a generation before Xe2, which has no SVM: the software backend is used.")}",
                    CanHaveSvm(id) ? ToXe(address, driver) : null);
        }
    }

    /// <summary>Whether a GPU that xe does not drive could have SVM. One of an older generation must not be taken from the driver that works for it.</summary>
    private static bool CanHaveSvm(string id) => s_withSvm.Any(start => id.StartsWith(start, StringComparison.OrdinalIgnoreCase));

    private static string ToXe(string address, string? driver) => driver is null
        ? "sudo modprobe xe"
        : $"echo {address} | sudo tee /sys/bus/pci/drivers/{driver}/unbind && echo {address} | sudo tee /sys/bus/pci/drivers/xe/bind";

    private static IEnumerable<MachineFinding> Nodes(IReadOnlyList<DrmNode> nodes, IReadOnlyList<string> report)
    {
        const string Check = "render nodes";
        foreach (DrmNode node in nodes)
        {
            yield return new MachineFinding(Check, FindingStatus.Good, $"{node.Path} can be opened, its driver is xe.");
        }

        foreach (string reason in report)
        {
            bool denied = reason.Contains("EACCES", StringComparison.Ordinal) || reason.Contains("EPERM", StringComparison.Ordinal);
            yield return new MachineFinding(
                Check, FindingStatus.Warning, reason, denied ? "sudo usermod -aG render $USER, then log in again" : "ls -l /dev/dri; docker run --device /dev/dri ...");
        }
    }

    private static MachineFinding Debugfs(MachinePaths paths)
    {
        const string Check = "GT statistics";
        string root = Path.Combine(paths.Sysfs, "kernel", "debug");
        bool mounted = MachinePaths.ReadLines(Path.Combine(paths.Procfs, "mounts")).Any(line => line.Split(' ') is [_, _, "debugfs", ..]);
        if (!mounted)
        {
            return new MachineFinding(
                Check, FindingStatus.Warning, $"debugfs is not mounted at {root}: migrations can be timed by prefetches only.",
                "sudo mount -t debugfs none /sys/kernel/debug");
        }

        string[] statistics =
        [
            .. MachinePaths.List(Path.Combine(root, "dri"))
                .SelectMany(device => MachinePaths.List(Path.Combine(root, "dri", device))
                    .Where(name => name.StartsWith("gt", StringComparison.Ordinal))
                    .Select(gt => Path.Combine(root, "dri", device, gt, "stats")))
                .Where(File.Exists),
        ];
        if (statistics.Any(path => MachinePaths.ReadLines(path).Length > 0))
        {
            return new MachineFinding(Check, FindingStatus.Good, $"{statistics.First(path => MachinePaths.ReadLines(path).Length > 0)} can be read.");
        }

        return MachinePaths.List(root).Length == 0
            ? new MachineFinding(Check, FindingStatus.Warning, "debugfs may be read by root only: migrations can be timed by prefetches only.", "sudo xesvm measure")
            : new MachineFinding(
                Check, FindingStatus.Warning, "debugfs has no gt*/stats of a device: no xe driver, or one without statistics.", "sudo ls /sys/kernel/debug/dri/*/gt*");
    }

    private static IEnumerable<MachineFinding> Iommu(MachinePaths paths)
    {
        const string Check = "IOMMU";
        DistributionCommands commands = DistributionCommands.Of(paths);
        foreach (string address in GpusOf(paths))
        {
            Dictionary<string, string> facts = [];
            IommuFacts.Add(facts, Path.Combine(Devices(paths), address), paths);
            string mode = facts.GetValueOrDefault("iommu.mode") ?? $"of an unknown type ({facts.GetValueOrDefault("iommu.group_type")})";
            string walker = facts.TryGetValue("iommu.walker", out string? coherence) ? $", {coherence} walker" : "";
            yield return mode switch
            {
                "strict" => new MachineFinding(
                    Check, FindingStatus.Good, $"{address}: strict{walker}: each unmap waits for an invalidation; the case where the IOVA path saves most. " +
                    $"For lazy: {commands.WithParameter("iommu.strict=0")}"),
                "lazy" => new MachineFinding(
                    Check, FindingStatus.Good, $"{address}: lazy{walker}: invalidations are batched. For strict: {commands.WithParameter("iommu.strict=1")}"),
                _ => new MachineFinding(
                    Check, FindingStatus.Warning, $"{address}: {mode}: no translation that could be saved, there is little to measure.",
                    commands.WithParameterInsteadOf("iommu=pt", "intel_iommu=on iommu.strict=1")),
            };
        }

        if (!GpusOf(paths).Any())
        {
            string[] units = MachinePaths.List(Path.Combine(paths.Sysfs, "class", "iommu"));
            yield return new MachineFinding(
                Check, FindingStatus.Good, units.Length == 0 ? "None; without a GPU none is needed: the software backend has a model." : $"Units: {string.Join(' ', units)}.");
        }
    }

    private static string Devices(MachinePaths paths) => Path.Combine(paths.Sysfs, "bus", "pci", "devices");

    private static IEnumerable<string> GpusOf(MachinePaths paths) => MachinePaths.List(Devices(paths)).Where(address =>
        MachinePaths.FirstLine(Path.Combine(Devices(paths), address, "vendor")) == IntelVendor
        && MachinePaths.FirstLine(Path.Combine(Devices(paths), address, "class"))?.StartsWith(DisplayClass, StringComparison.Ordinal) == true);
}
