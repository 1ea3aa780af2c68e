using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>What was seen of one or several migrations between two readings of the counters.</summary>
/// <param name="Migrations">How many.</param>
/// <param name="MigrateMicroseconds">Their whole time, in us.</param>
/// <param name="CopyMicroseconds">The copies' part of it, in us; null when it is not known.</param>
/// <param name="Phases">Other times of the driver's that belong to them: the counters' names without the size, in us.</param>
internal sealed record MigrationSample(
    int Migrations, ulong MigrateMicroseconds, ulong? CopyMicroseconds, IReadOnlyList<Counter> Phases);
