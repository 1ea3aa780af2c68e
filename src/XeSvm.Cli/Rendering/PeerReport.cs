using System.Globalization;
using XeSvm.Peers;

namespace XeSvm.Cli.Rendering;

/// <summary>A record of migrations between devices as tables with the labels that its figures need.</summary>
internal sealed class PeerReport(PeerRecord record)
{
    /// <summary>Writes labels, tables and notes.</summary>
    internal void Write(CliConsole console)
    {
        LabelledText text = new(console);
        text.Write("Backend", $"{record.Backend}: a model of patches that no kernel has and nobody has measured");
        text.Write("IOMMU", $"{Distinct(row => row.Iommu)}, walker {Distinct(row => row.Walker)}");
        text.Write("Sample", $"n = {Distinct(row => row.Migrations.ToString(CultureInfo.InvariantCulture))} migrations per row, VRAM contiguous");
        console.Output.WriteLine();
        TableRenderer.Write(console, Rows());
        console.Output.WriteLine();
        TableRenderer.Write(console, BreakEven());
        console.Output.WriteLine();
        text.Write("counted", "Exact operations of one migration, in the initiators' IOMMU spaces and in page tables on the targets together.");
        text.Write("measured", "This host's time of one migration in the model, and what memcpy of the same size takes of it. No hardware figure.");
        text.Write("modelled", "CPU time from the counters, copy time from the link. Ranges: assumed and swept are");
        foreach (PeerAssumption assumption in record.Assumptions)
        {
            text.Write("", string.Create(CultureInfo.InvariantCulture, $"{assumption.Name}: {assumption.Low} to {assumption.High} {assumption.Unit}"));
        }

        text.Write("break-even", "The smallest size at which the policy is modelled to cost no more CPU time than per-page, at both ends of the assumptions.");
        text.Write("none", "Without a way between the devices data goes through system memory, in two migrations.");
    }

    private TableModel Rows()
    {
        const string Counted = "counted, per migration";
        const string Measured = "measured on this host";
        const string Modelled = "modelled, assumed ranges";
        TableModel table = new(
        [
            new("", "topology", IsNumber: false), new("", "route", IsNumber: false), new("", "size", IsNumber: false), new("", "policy", IsNumber: false),
            new(Counted, "IOVAs"), new(Counted, "link+map"), new(Counted, "walks"), new(Counted, "set"), new(Counted, "syncs"), new(Counted, "invals"),
            new(Counted, "direct"),
            new(Measured, "us"), new(Measured, "of memcpy"),
            new(Modelled, "cpu us"), new(Modelled, "copy us"),
        ]);
        foreach (PeerMeasurementRow row in record.Rows)
        {
            table.Add(
                row.Topology,
                row.Route,
                Figures.Bytes(row.Bytes),
                row.Policy,
                Count(row, "iova_alloc_magazine", "iova_alloc_tree"),
                Count(row, "link_calls", "map_calls"),
                Count(row, "walks_map", "walks_unmap", "walks_lookup"),
                Count(row, "pte_set"),
                Count(row, "sync_calls"),
                Count(row, "inval_strict", "inval_lazy_full"),
                Number((double)row.DirectAddresses / row.Migrations),
                Figures.Cost(row.MeasuredUs),
                Figures.Share((decimal)row.ShareOfMemcpy),
                $"{Figures.Cost(row.ModelledCpuLowUs)} - {Figures.Cost(row.ModelledCpuHighUs)}",
                row.ModelledCopyUs is null ? Figures.Cost(row.ModelledCopyUs) : $"{Figures.Cost(row.ModelledCopyLowUs)} - {Figures.Cost(row.ModelledCopyHighUs)}");
        }

        return table;
    }

    private TableModel BreakEven()
    {
        TableModel table = new(
        [
            new("", "topology", IsNumber: false), new("", "route", IsNumber: false), new("", "policy", IsNumber: false),
            new("", "break-even, low end"), new("", "high end"),
        ]);
        foreach (PeerBreakEven row in record.BreakEven)
        {
            table.Add(row.Topology, row.Route, row.Policy, Size(row.BytesAtLow), Size(row.BytesAtHigh));
        }

        return table;
    }

    private static string Size(ulong? bytes) => bytes is { } size ? Figures.Bytes(size) : "none up to 2 MiB";

    private static string Count(PeerMeasurementRow row, params string[] counters) => Number(counters.Sum(row.PerMigration));

    private static string Number(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);

    private string Distinct(Func<PeerMeasurementRow, string> select) => string.Join(", ", record.Rows.Select(select).Distinct());
}
