using System.Diagnostics;
using System.Globalization;
using XeSvm.Interop;

namespace XeSvm.Measurement;

/// <summary>
/// What is known of the machine that times depend on, by name: kernel, device and its link, IOMMU, memory, processor, clock. Names of the
/// machine, users and addresses are left out, so that a record can be given away. What cannot be read is left out too.
/// </summary>
public static class MachineFacts
{
    /// <summary>Parameters of the kernel's command line that times depend on.</summary>
    private static readonly string[] s_parameters =
        ["iommu", "intel_iommu", "amd_iommu", "transparent_hugepage", "mitigations", "isolcpus", "nohz_full", "intel_pstate", "preempt", "xe."];

    /// <summary>Reads the facts.</summary>
    /// <param name="device">The device; null for facts of the machine alone.</param>
    public static IReadOnlyDictionary<string, string> Read(XeDevice? device = null) => Read(device?.Node, new MachinePaths());

    /// <summary>Reads the facts below other folders, for tests.</summary>
    internal static Dictionary<string, string> Read(DrmNode? node, MachinePaths paths)
    {
        Dictionary<string, string> facts = new(StringComparer.Ordinal);
        AddKernel(facts, paths);
        string folder = Path.Combine(paths.Sysfs, "bus", "pci", "devices", node?.BusAddress ?? "");
        if (node is { BusAddress.Length: > 0 } && Directory.Exists(folder))
        {
            AddDevice(facts, folder, paths);
        }

        AddMemory(facts, paths);
        AddProcessor(facts, paths);
        return facts;
    }

    private static void AddKernel(Dictionary<string, string> facts, MachinePaths paths)
    {
        Add(facts, "kernel.release", MachinePaths.FirstLine(Path.Combine(paths.Procfs, "sys", "kernel", "osrelease")));
        Add(facts, "kernel.version", MachinePaths.FirstLine(Path.Combine(paths.Procfs, "sys", "kernel", "version")));
        string commandLine = MachinePaths.FirstLine(Path.Combine(paths.Procfs, "cmdline")) ?? "";
        Add(facts, "kernel.parameters", string.Join(
            ' ',
            commandLine.Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Where(word => s_parameters.Any(parameter => word.StartsWith(parameter, StringComparison.Ordinal)))));
        Add(facts, "driver.srcversion", MachinePaths.FirstLine(Path.Combine(paths.Sysfs, "module", "xe", "srcversion")));
    }

    /// <summary>The device, the link it hangs on, and the IOMMU between it and memory.</summary>
    private static void AddDevice(Dictionary<string, string> facts, string folder, MachinePaths paths)
    {
        Add(facts, "device.pci_id", MachinePaths.FirstLine(Path.Combine(folder, "vendor")) is { } vendor
            ? $"{vendor}:{MachinePaths.FirstLine(Path.Combine(folder, "device"))}"
            : null);
        Add(facts, "device.link_speed", MachinePaths.FirstLine(Path.Combine(folder, "current_link_speed")));
        Add(facts, "device.link_width", MachinePaths.FirstLine(Path.Combine(folder, "current_link_width")));
        Add(facts, "device.numa_node", MachinePaths.FirstLine(Path.Combine(folder, "numa_node")));
        IommuFacts.Add(facts, folder, paths);
    }

    private static void AddMemory(Dictionary<string, string> facts, MachinePaths paths)
    {
        string pages = Path.Combine(paths.Sysfs, "kernel", "mm", "transparent_hugepage");
        Add(facts, "thp.enabled", Chosen(MachinePaths.FirstLine(Path.Combine(pages, "enabled"))));
        Add(facts, "thp.defrag", Chosen(MachinePaths.FirstLine(Path.Combine(pages, "defrag"))));
        Add(facts, "thp.64k", Chosen(MachinePaths.FirstLine(Path.Combine(pages, "hugepages-64kB", "enabled"))));
        Add(facts, "memory.total", MachinePaths.ReadLines(Path.Combine(paths.Procfs, "meminfo"))
            .FirstOrDefault(line => line.StartsWith("MemTotal:", StringComparison.Ordinal))?["MemTotal:".Length..].Trim());
        Add(facts, "memory.nodes", MachinePaths.FirstLine(Path.Combine(paths.Sysfs, "devices", "system", "node", "online")));
    }

    private static void AddProcessor(Dictionary<string, string> facts, MachinePaths paths)
    {
        string cpu = Path.Combine(paths.Sysfs, "devices", "system", "cpu");
        string[] information = MachinePaths.ReadLines(Path.Combine(paths.Procfs, "cpuinfo"));
        Add(facts, "cpu.model", ValueOf(information, "model name"));
        Add(facts, "cpu.online", MachinePaths.FirstLine(Path.Combine(cpu, "online")));
        Add(facts, "cpu.governor", MachinePaths.FirstLine(Path.Combine(cpu, "cpu0", "cpufreq", "scaling_governor")));
        Add(facts, "cpu.max_khz", MachinePaths.FirstLine(Path.Combine(cpu, "cpu0", "cpufreq", "scaling_max_freq")));
        Add(facts, "cpu.no_turbo", MachinePaths.FirstLine(Path.Combine(cpu, "intel_pstate", "no_turbo")));
        Add(facts, "cpu.smt", MachinePaths.FirstLine(Path.Combine(cpu, "smt", "control")));
        string flags = ValueOf(information, "flags") ?? "";
        Add(facts, "cpu.virtual_machine", flags.Length == 0 ? null : flags.Split(' ').Contains("hypervisor") ? "yes" : "no");
        Add(facts, "clock.source", MachinePaths.FirstLine(
            Path.Combine(paths.Sysfs, "devices", "system", "clocksource", "clocksource0", "current_clocksource")));
        Add(facts, "clock.stopwatch_hz", Stopwatch.Frequency.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>The value that sysfs puts in brackets among those that can be chosen.</summary>
    private static string? Chosen(string? line)
    {
        int open = line?.IndexOf('[', StringComparison.Ordinal) ?? -1;
        int close = line?.IndexOf(']', StringComparison.Ordinal) ?? -1;
        return open >= 0 && close > open ? line![(open + 1)..close] : line;
    }

    private static string? ValueOf(string[] lines, string name) => lines
        .Where(line => line.StartsWith(name, StringComparison.Ordinal) && line.Contains(':', StringComparison.Ordinal))
        .Select(line => line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim())
        .FirstOrDefault();

    /// <summary>Adds a fact that is known.</summary>
    internal static void Add(Dictionary<string, string> facts, string name, string? value)
    {
        if (!string.IsNullOrWhiteSpace(value))
        {
            facts[name] = new string([.. value.Trim().Take(500).Select(character => char.IsControl(character) ? ' ' : character)]);
        }
    }
}
