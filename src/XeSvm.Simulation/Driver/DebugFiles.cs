using System.Globalization;
using System.Text;

using XeSvm.Interop;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Peers.Software;

namespace XeSvm.Simulation.Driver;

/// <summary>The debug files of a device: GT statistics as the kernel has them, and five of the software backend's own.</summary>
internal static class DebugFiles
{
    /// <summary>Reads one.</summary>
    public static DrmDebugText Read(SoftwareDevice device, string name) => name switch
    {
        "dma" => DrmDebugText.Of(device.Counters.Format()),
        "dma_audit" => DrmDebugText.Of(Audit(device)),
        "backend" => DrmDebugText.Of(Backend(device)),
        "peers" => DrmDebugText.Of(Peers(device)),
        "topology" => device.IsDiscrete
            ? DrmDebugText.Of(PeerTopologyWriter.Write(device.Machine.Topology))
            : DrmDebugText.Unavailable("An integrated device has no memory of its own that others could reach."),
        _ => Array.Find(device.Gts, gt => name == $"gt{gt.Id}/stats") is { } gt
            ? DrmDebugText.Of(Statistics(device, gt))
            : DrmDebugText.Unavailable(
                $"The software device has no debug file '{name}'; it has {string.Join(", ", device.Gts.Select(gt => $"gt{gt.Id}/stats"))}, dma, dma_audit, peers, topology and backend."),
    };

    /// <summary>The memory of whoever asks.</summary>
    private static Memory.ClientMemory ClientOf(SoftwareDevice device) => IoctlCaller.Current?.Memory ?? device.Client;

    private static string Statistics(SoftwareDevice device, Gt gt)
    {
        // What CPU faults have done since the last fault of the GPU is not in the counters yet.
        ClientOf(device).Settle();
        return gt.Statistics.Format();
    }

    /// <summary>Whether I/O page table, IOTLB and page frames agree. The device must be idle.</summary>
    private static string Audit(SoftwareDevice device)
    {
        ClientOf(device).Settle();
        return DmaAudit.Run(device.Domain, device.Frames) + "\n";
    }

    /// <summary>What the devices of the machine have done with each other's memory, and an audit of it. The machine must be idle for the latter.</summary>
    private static string Peers(SoftwareDevice device)
    {
        ClientOf(device).Settle();
        IReadOnlyList<string> findings = MachineAudit.Run(device.Machine);
        return device.Machine.Counters.Format(device.Machine) + string.Concat(findings.Select(finding => $"finding: {finding}\n"));
    }

    private static string Backend(SoftwareDevice device)
    {
        string cpuFaults = ClientOf(device).Mode switch
        {
            Memory.CpuFaultMode.Full => "full",
            Memory.CpuFaultMode.UserModeOnly => "user-mode-only",
            _ => "coherent",
        };
        var text = new StringBuilder();
        Line("cpu_faults", cpuFaults);
        Line("cpu_faults_reason", ClientOf(device).ModeReason);
        Line("iommu", device.Options.Iommu.EffectiveMode.ToString().ToLowerInvariant());
        Line("iommu_walker", device.Options.Iommu.CoherentWalker ? "coherent" : "non-coherent");
        Line("iommu_levels", device.Options.Iommu.Levels.ToString(CultureInfo.InvariantCulture));
        Line("iommu_caching_mode", device.Options.Iommu.CachingMode ? "on" : "off");
        Line("iommu_write_buffer_flush", device.Options.Iommu.WriteBufferFlush ? "on" : "off");
        Line("iommu_flush_regression", device.Options.Iommu.FlushRegression ? "on" : "off");
        Line("strategy", device.Strategy.Name);
        Line("layout", device.Options.Layout.Name);
        Line("device", device.Options.Machine.Name);
        Line("device_index", device.Port.Index.ToString(CultureInfo.InvariantCulture));
        Line("vram_bytes", device.Vram.Total.ToString(CultureInfo.InvariantCulture));
        Line("device_allocations", device.Tiles.Sum(tile => tile.Pagemap.AllocationCount).ToString(CultureInfo.InvariantCulture));
        Line("last_ban", device.LastBan?.ToString() ?? "none");
        ClientOf(device).FormatCounters(text);
        return text.ToString();

        void Line(string key, string value) => text.Append(key).Append(": ").Append(value).Append('\n');
    }
}
