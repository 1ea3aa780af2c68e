using System.Globalization;
using XeSvm.Daemon.History;
using XeSvm.Daemon.Settings;

namespace XeSvm.Daemon.Probes;

/// <summary>A probe beside its baseline.</summary>
/// <param name="Change">The difference as a part of the baseline.</param>
/// <param name="Limit">The least part that counts as moved.</param>
/// <param name="Moved">Whether it moved beyond its noise.</param>
internal readonly record struct ProbeComparison(double Change, double Limit, bool Moved)
{
    /// <summary>
    /// Compares. A figure has moved when the difference is above so many times the noise of both together, and above a part of the
    /// baseline: a figure with no noise at all, as modelled ones, must not raise an alarm for its last digit.
    /// </summary>
    internal static ProbeComparison Of(BaselineRow baseline, ProbeResult probe, DaemonSettings settings)
    {
        double noise = Math.Sqrt((baseline.Noise * baseline.Noise) + (probe.Noise * probe.Noise));
        double scale = Math.Max(baseline.Cpu, 0.001);
        double limit = Math.Max(settings.AlarmSigmas * noise / scale, settings.AlarmMinimumChange);
        double change = (probe.Cpu - baseline.Cpu) / scale;
        return new ProbeComparison(change, limit, Math.Abs(change) > limit);
    }

    /// <summary>In words.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{(Moved ? "moved" : "within noise")}: {Change * 100:+0.0;-0.0;0.0} %, limit {Limit * 100:0.0} %");
}
