namespace XeSvm.Daemon.Probes;

/// <summary>What a probe found.</summary>
/// <param name="Time">When it ended.</param>
/// <param name="Device">The device's id.</param>
/// <param name="Size">The ranges' size.</param>
/// <param name="Face">The time face: <c>measured/kernel</c>, <c>measured/software</c> or <c>modelled/software/PROFILE</c>. Faces are never compared with each other.</param>
/// <param name="Strategy">How pages are mapped for DMA.</param>
/// <param name="Cpu">CPU time per migration in us: the median of the batches.</param>
/// <param name="Noise">Their spread in us: 1.4826 times the median absolute deviation, which is the standard deviation of normal noise.</param>
/// <param name="Share">CPU time as a part of the migrate time, over all batches; measured, whatever the face.</param>
/// <param name="Migrations">Migrations in all batches.</param>
/// <param name="Context">What the figure depends on: kernel, IOMMU, strategy.</param>
internal sealed record ProbeResult(
    DateTimeOffset Time, string Device, string Size, string Face, string Strategy, double Cpu, double Noise, double? Share, long Migrations, string Context)
{
    /// <summary>Makes a result of the batches' figures.</summary>
    internal static (double Median, double Noise) Summarise(IReadOnlyList<double> batches)
    {
        double median = Median(batches);
        return (median, 1.4826 * Median([.. batches.Select(value => Math.Abs(value - median))]));
    }

    private static double Median(IReadOnlyList<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
