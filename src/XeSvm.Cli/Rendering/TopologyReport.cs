using System.Globalization;
using XeSvm.Peers;

namespace XeSvm.Cli.Rendering;

/// <summary>A topology as two tables: the devices, and the way from each to each.</summary>
internal static class TopologyReport
{
    /// <summary>Writes it.</summary>
    internal static void Write(MachineTopology topology, CliConsole console)
    {
        LabelledText text = new(console);
        text.Write("Topology", topology.Name);
        console.Output.WriteLine();
        TableRenderer.Write(console, Devices(topology));
        console.Output.WriteLine();
        TableRenderer.Write(console, Links(topology));
        console.Output.WriteLine();
        text.Write("link", "From the device that accesses (row) to the device whose memory it is: route, distance, GB/s, latency.");
        text.Write("", "Bandwidth and latency are assumed, and swept where they are modelled with. Local is a device's own memory; none goes through system memory.");
    }

    private static TableModel Devices(MachineTopology topology)
    {
        TableModel table = new(
        [
            new("", "device", IsNumber: false), new("", "profile", IsNumber: false), new("", "tiles"), new("", "VRAM a tile"), new("", "IOMMU", IsNumber: false),
            new("", "walker", IsNumber: false),
        ]);
        foreach (MachineDevice device in topology.Devices)
        {
            table.Add(
                device.Name,
                device.Profile,
                device.Tiles.ToString(CultureInfo.InvariantCulture),
                Figures.Bytes(device.VramBytes),
                device.Iommu.ToString().ToLowerInvariant(),
                device.CoherentWalker ? "coherent" : "non-coherent");
        }

        return table;
    }

    private static TableModel Links(MachineTopology topology)
    {
        TableModel table = new(
            [new("", "from", IsNumber: false), .. topology.Devices.Select(device => new TableColumn("", device.Name, IsNumber: false))]);
        for (int from = 0; from < topology.Devices.Count; from++)
        {
            table.Add([topology.Devices[from].Name, .. Enumerable.Range(0, topology.Devices.Count).Select(to => Describe(topology.Link(from, to)))]);
        }

        return table;
    }

    private static string Describe(MachineLink link) => link.Route is MachineRoute.None or MachineRoute.Local
        ? link.RouteName
        : string.Create(CultureInfo.InvariantCulture, $"{link.RouteName} {link.Distance}, {link.GigabytesPerSecond} GB/s, {link.LatencyNanoseconds} ns");
}
