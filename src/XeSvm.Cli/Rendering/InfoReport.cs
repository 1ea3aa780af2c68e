using System.Globalization;
using XeSvm.Interop;
using XeSvm.Measurement;
using XeSvm.Peers;

namespace XeSvm.Cli.Rendering;

/// <summary>What a device and its backend are.</summary>
internal sealed class InfoReport(XeDevice device, BackendReport report)
{
    private const string StatisticsName = "gt0/stats";

    private readonly DrmDebugText _statistics = device.ReadDebugFile(StatisticsName);

    /// <summary>Writes lines and a table of the memory regions.</summary>
    internal void Write(CliConsole console)
    {
        LabelledText text = new(console);
        XeConfiguration configuration = device.Configuration;
        text.Write("Backend", $"{device.BackendName}, because {device.BackendReason}");
        text.Write("Device", $"{device.Node.Path}, driver {device.Node.Driver}, PCI {OrUnknown(device.Node.BusAddress)}");
        if (report.Find("device") is { } profile)
        {
            text.Write("Profile", profile + Place());
        }

        text.Write("Identity", $"device 0x{configuration.DeviceId:x4}, revision {configuration.Revision}");
        text.Write("Addresses", $"{configuration.VirtualAddressBits} bits, minimum alignment {Figures.Bytes(configuration.MinimumAlignment)}");
        text.Write("CPU mirror", device.Capabilities.SupportsCpuAddressMirror ? "supported" : "not supported: no SVM on this device");
        text.Write("CPU faults", report.CpuFaults + (report.Find("cpu_faults_reason") is { Length: > 0 } reason ? $" ({reason})" : ""));
        text.Write("IOMMU", report.Iommu + (report.Find("iommu_walker") is { } walker ? $", {walker} walker" : ""));
        text.Write("Mapping", $"strategy {report.Strategy}, page layout {report.Layout}");
        text.Write("Engines", string.Join(", ", device.Engines));
        foreach (XeGt gt in device.Gts)
        {
            text.Write($"GT {gt.Id}", $"{NameOf(gt)}, tile {gt.TileId}, IP {gt.IpVersion}, clock {gt.ReferenceClock} Hz");
        }

        text.Write("Statistics", StatisticsName + (_statistics.IsAvailable ? " can be read" : $" cannot be read: {_statistics.Reason}"));
        console.Output.WriteLine();
        TableRenderer.Write(console, Regions());
    }

    /// <summary>The report for JSON.</summary>
    internal InfoJson ToJson() => new(
        InfoJson.CurrentSchema,
        device.BackendName,
        device.BackendReason,
        report.CpuFaults,
        report.Find("cpu_faults_reason"),
        report.Iommu,
        report.Strategy,
        report.Layout,
        new InfoJsonDevice(
            device.Node.Path,
            device.Node.Driver,
            device.Node.BusAddress,
            device.Configuration.DeviceId,
            device.Configuration.Revision,
            device.Configuration.VirtualAddressBits,
            device.Configuration.MinimumAlignment,
            device.Capabilities),
        [.. device.Engines.Select(engine => engine.ToString())],
        [
            .. device.QueryMemoryRegions().Select(region => new InfoJsonRegion(
                NameOf(region), region.Instance, region.MinimumPageSize, region.TotalSize, region.UsedSize)),
        ],
        [.. device.Gts.Select(gt => new InfoJsonGt(gt.Id, gt.TileId, NameOf(gt), gt.IpVersion.ToString(), gt.ReferenceClock))],
        _statistics.IsAvailable,
        _statistics.Reason,
        HostInformation.Read(),
        report.Find("device"));

    /// <summary>The device's place among others, where there are others.</summary>
    private string Place() => MachinePlace.TryFind(device, out MachinePlace? place, out _) && place.Topology.Devices.Count > 1
        ? string.Create(
            CultureInfo.InvariantCulture,
            $", device {place.Index} of {place.Topology.Devices.Count}: {string.Join(", ", Enumerable.Range(0, place.Topology.Devices.Count).Where(to => to != place.Index).Select(to => $"{place.LinkTo(to).RouteName} to {place.Topology.Devices[to].Name}"))}")
        : "";

    private static string OrUnknown(string text) => text.Length == 0 ? "unknown" : text;

    private static string NameOf(XeMemoryRegion region) => region.MemoryClass.ToString().ToLowerInvariant();

    private static string NameOf(XeGt gt) => gt.GtType.ToString().ToLowerInvariant();

    private TableModel Regions()
    {
        TableModel table = new(
        [
            new("", "memory", IsNumber: false), new("", "instance"), new("", "page size"), new("", "total"), new("", "used"),
            new("", "CPU visible"),
        ]);
        foreach (XeMemoryRegion region in device.QueryMemoryRegions())
        {
            table.Add(
                NameOf(region), region.Instance.ToString(CultureInfo.InvariantCulture), Figures.Bytes(region.MinimumPageSize),
                Figures.RoundedBytes(region.TotalSize), Figures.RoundedBytes(region.UsedSize),
                region.MemoryClass == XeMemoryClass.System ? Figures.None : Figures.RoundedBytes(region.CpuVisibleSize));
        }

        return table;
    }
}
