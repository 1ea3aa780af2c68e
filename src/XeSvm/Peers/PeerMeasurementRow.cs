namespace XeSvm.Peers;

/// <summary>Migrations between two devices: counted, measured on this host, and modelled as a range.</summary>
/// <param name="Topology">The machine.</param>
/// <param name="Route">The way that data took.</param>
/// <param name="Policy">Who made the addresses.</param>
/// <param name="Bytes">Size of one migration.</param>
/// <param name="Iommu">Mode of the initiator's IOMMU domain.</param>
/// <param name="Walker">Whether its page walker is coherent.</param>
/// <param name="Migrations">How many migrations the row is of.</param>
/// <param name="InitiatorCounters">Work in the initiators' I/O address spaces, of all migrations together, by counter.</param>
/// <param name="TargetCounters">Work in page tables on the targets, likewise.</param>
/// <param name="DirectAddresses">Addresses made without any translation, of all migrations.</param>
/// <param name="Cookies">Reservations that drivers gave out, of all migrations.</param>
/// <param name="BytesOnRoute">Bytes that went over the route, of all migrations.</param>
/// <param name="BytesThroughSystem">Bytes copied to and from system memory, of all migrations.</param>
/// <param name="MeasuredUs">This host's time of one migration in the model, in us; never a hardware figure.</param>
/// <param name="MemcpyUs">This host's time of a plain copy of the same size in the same run, in us.</param>
/// <param name="ModelledCpuLowUs">Modelled CPU time of one migration with every assumption at its low end, in us.</param>
/// <param name="ModelledCpuHighUs">The same with every assumption at its high end.</param>
/// <param name="ModelledCopyUs">Modelled time of the transfer with the topology's assumed bandwidth and latency, in us; <see langword="null"/> without a route.</param>
public sealed record PeerMeasurementRow(
    string Topology,
    string Route,
    string Policy,
    ulong Bytes,
    string Iommu,
    string Walker,
    int Migrations,
    IReadOnlyDictionary<string, ulong> InitiatorCounters,
    IReadOnlyDictionary<string, ulong> TargetCounters,
    ulong DirectAddresses,
    ulong Cookies,
    ulong BytesOnRoute,
    ulong BytesThroughSystem,
    double MeasuredUs,
    double MemcpyUs,
    double ModelledCpuLowUs,
    double ModelledCpuHighUs,
    double? ModelledCopyUs)
{
    /// <summary>Modelled time of the transfer with bandwidth and latency at their low-cost ends, in us; <see langword="null"/> without a route.</summary>
    public double? ModelledCopyLowUs { get; init; }

    /// <summary>The same at their high-cost ends.</summary>
    public double? ModelledCopyHighUs { get; init; }

    /// <summary>What a plain copy takes of a migration's time: 1 is as fast as memcpy.</summary>
    public double ShareOfMemcpy => MemcpyUs / MeasuredUs;

    /// <summary>A counter of both sides for one migration.</summary>
    public double PerMigration(string counter) =>
        (double)(InitiatorCounters.GetValueOrDefault(counter) + TargetCounters.GetValueOrDefault(counter)) / Migrations;
}

/// <summary>From which size on a policy's mapping is modelled to cost no more CPU time than page by page.</summary>
/// <param name="Topology">The machine.</param>
/// <param name="Route">The way.</param>
/// <param name="Policy">The policy.</param>
/// <param name="BytesAtLow">The smallest power of two of pages up to 2 MiB, with every assumption at its low end; <see langword="null"/>: none.</param>
/// <param name="BytesAtHigh">The same with every assumption at its high end.</param>
public sealed record PeerBreakEven(string Topology, string Route, string Policy, ulong? BytesAtLow, ulong? BytesAtHigh);

/// <summary>Measurements between devices.</summary>
/// <param name="Schema">The record's schema.</param>
/// <param name="Backend">Always <c>software</c>.</param>
/// <param name="Rows">The rows.</param>
/// <param name="BreakEven">Break-even sizes.</param>
public sealed record PeerRecord(string Schema, string Backend, IReadOnlyList<PeerMeasurementRow> Rows, IReadOnlyList<PeerBreakEven> BreakEven)
{
    /// <summary>What the modelled figures assume, and the range over which it was swept.</summary>
    public IReadOnlyList<PeerAssumption> Assumptions { get; init; } = [];

    /// <summary>The schema that this version writes.</summary>
    public const string CurrentSchema = "xesvm.peers/1";
}
