using System.Globalization;

namespace XeSvm.Measurement;

/// <summary>Huge pages, userfaultfd, limits of the process, free memory.</summary>
internal static class MemoryChecks
{
    private const ulong LeastOpenFiles = 256;
    private const ulong LeastMappings = 65_530;
    private const ulong LeastKilobytes = 1 << 20;
    private const string NeverOvercommit = "2";

    /// <summary>Runs the checks.</summary>
    internal static IEnumerable<MachineFinding> Run(MachinePaths paths, (BackendReport? Report, string? Problem) software) =>
        [HugePages(paths), CpuFaults(software), .. Limits(paths), Memory(paths)];

    private static MachineFinding HugePages(MachinePaths paths)
    {
        const string Check = "transparent huge pages";
        string? line = MachinePaths.FirstLine(Path.Combine(paths.Sysfs, "kernel", "mm", "transparent_hugepage", "enabled"));
        return line is null || line.Contains("[never]", StringComparison.Ordinal)
            ? new MachineFinding(
                Check, FindingStatus.Warning, line is null ? "The kernel has none: --pages huge cannot be measured." : "They are off: --pages huge cannot be measured.",
                "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled")
            : new MachineFinding(Check, FindingStatus.Good, $"{line}: small and huge pages can be measured.");
    }

    private static MachineFinding CpuFaults((BackendReport? Report, string? Problem) software)
    {
        const string Check = "userfaultfd";
        const string Remedy = "sudo sysctl -w vm.unprivileged_userfaultfd=1";
        if (software.Report is null)
        {
            return new MachineFinding("software backend", FindingStatus.Problem, $"It cannot be opened: {software.Problem}", "./build.sh build");
        }

        string reason = software.Report.Find("cpu_faults_reason") is { Length: > 0 } text ? $" ({text.TrimEnd('.')})" : "";
        return software.Report.CpuFaults switch
        {
            "full" => new MachineFinding(Check, FindingStatus.Good, $"The software backend notices every CPU touch of VRAM{reason}."),
            BackendReport.Coherent => new MachineFinding(
                Check, FindingStatus.Warning, $"The software backend is coherent: pages do not move{reason}.", Remedy),
            _ => new MachineFinding(
                Check, FindingStatus.Warning, $"Only touches from user mode are noticed: a system call on migrated memory gets EFAULT{reason}.", Remedy),
        };
    }

    private static List<MachineFinding> Limits(MachinePaths paths)
    {
        const string Check = "limits";
        List<MachineFinding> findings = [];
        string[] limits = MachinePaths.ReadLines(Path.Combine(paths.Procfs, "self", "limits"));
        if (SoftLimit(limits, "Max open files") is { } files && files < LeastOpenFiles)
        {
            findings.Add(new MachineFinding(Check, FindingStatus.Warning, $"{files} open files: devices and fences need more.", "ulimit -n 4096"));
        }

        if (SoftLimit(limits, "Max address space") is { } bytes)
        {
            findings.Add(new MachineFinding(
                Check, FindingStatus.Warning, $"{bytes} bytes of address space: the software backend reserves more for its VRAM.", "ulimit -v unlimited"));
        }

        string mappings = Path.Combine(paths.Procfs, "sys", "vm", "max_map_count");
        if (ulong.TryParse(MachinePaths.FirstLine(mappings), NumberStyles.None, CultureInfo.InvariantCulture, out ulong most) && most < LeastMappings)
        {
            findings.Add(new MachineFinding(Check, FindingStatus.Warning, $"{most} mappings a process: ranges that migrate split mappings.", "sudo sysctl -w vm.max_map_count=262144"));
        }

        if (MachinePaths.FirstLine(Path.Combine(paths.Procfs, "sys", "vm", "overcommit_memory")) == NeverOvercommit)
        {
            findings.Add(new MachineFinding(
                Check, FindingStatus.Warning, "Memory is never overcommitted: the software backend's sparse VRAM may be refused.", "sudo sysctl -w vm.overcommit_memory=0"));
        }

        return findings.Count > 0 ? findings : [new MachineFinding(Check, FindingStatus.Good, "Open files, address space, mappings and overcommit are enough.")];
    }

    private static MachineFinding Memory(MachinePaths paths)
    {
        const string Check = "memory";
        const string Name = "MemAvailable:";
        string? line = MachinePaths.ReadLines(Path.Combine(paths.Procfs, "meminfo")).FirstOrDefault(text => text.StartsWith(Name, StringComparison.Ordinal));
        string value = line?[Name.Length..].Trim().Split(' ')[0] ?? "";
        if (!ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out ulong kilobytes))
        {
            return new MachineFinding(Check, FindingStatus.Warning, "It cannot be told how much is free.", "free -h");
        }

        string free = string.Create(CultureInfo.InvariantCulture, $"{kilobytes / 1024} MiB can be had");
        return kilobytes < LeastKilobytes
            ? new MachineFinding(Check, FindingStatus.Warning, $"{free}: migrations may be refused.", "ps aux --sort=-rss | head")
            : new MachineFinding(Check, FindingStatus.Good, $"{free}.");
    }

    /// <summary>The soft limit, or null when there is none.</summary>
    private static ulong? SoftLimit(string[] limits, string name)
    {
        string? line = limits.FirstOrDefault(text => text.StartsWith(name, StringComparison.Ordinal));
        string value = line?[name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault() ?? "";
        return ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out ulong limit) ? limit : null;
    }
}
