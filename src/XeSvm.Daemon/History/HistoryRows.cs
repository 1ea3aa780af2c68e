using XeSvm.Daemon.Sampling;

namespace XeSvm.Daemon.History;

/// <summary>A stored probe.</summary>
/// <param name="Time">When.</param>
/// <param name="Device">The device's id.</param>
/// <param name="Size">The ranges' size.</param>
/// <param name="Face"><c>measured</c> or <c>modelled</c>, with backend and, when modelled, the profile.</param>
/// <param name="Cpu">CPU time per migration, in us.</param>
/// <param name="Noise">Its noise, in us.</param>
/// <param name="Share">CPU time as a part of the migrate time.</param>
/// <param name="Migrations">Migrations in all batches.</param>
/// <param name="Context">Kernel, IOMMU and strategy.</param>
/// <param name="Verdict">What the comparison found.</param>
internal sealed record ProbeRow(
    DateTimeOffset Time, string Device, string Size, string Face, double Cpu, double Noise, double? Share, long Migrations, string Context, string Verdict);

/// <summary>A stored baseline.</summary>
/// <param name="Time">When it was set.</param>
/// <param name="Device">The device's id.</param>
/// <param name="Size">The ranges' size.</param>
/// <param name="Face">The time face; probes are compared with a baseline of their own face only.</param>
/// <param name="Cpu">CPU time per migration, in us.</param>
/// <param name="Noise">Its noise, in us.</param>
/// <param name="Context">Kernel, IOMMU and strategy at that time.</param>
internal sealed record BaselineRow(DateTimeOffset Time, string Device, string Size, string Face, double Cpu, double Noise, string Context);

/// <summary>A stored event.</summary>
/// <param name="Time">When.</param>
/// <param name="Kind">What kind.</param>
/// <param name="Text">What happened.</param>
internal sealed record EventRow(DateTimeOffset Time, string Kind, string Text);

/// <summary>A series that there is history of.</summary>
/// <param name="Id">The row's id.</param>
/// <param name="Device">The device's id.</param>
/// <param name="Gt">The GT.</param>
/// <param name="Backend">The backend.</param>
internal sealed record SeriesRow(long Id, string Device, int Gt, string Backend);

/// <summary>A stretch of history.</summary>
/// <param name="Time">Where it begins.</param>
/// <param name="Figures">What happened in it.</param>
internal sealed record HistoryPoint(DateTimeOffset Time, WindowFigures Figures);
