using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Peers;

namespace XeSvm.Peers;

/// <summary>
/// Modelled time of migrations between devices, as ranges. Unit costs of the host's IOMMU come from the profiles that were calibrated for
/// system pages; what nobody has published is assumed and swept: see <see cref="Assumptions"/>. CPU time and copy time are sums of their
/// terms, so the two ends of all assumptions bound everything between.
/// </summary>
public static class PeerCostModel
{
    /// <summary>Assumed: a write to a page table on the target costs at least as much as one on the host.</summary>
    public const double RemoteFactorLow = 1;

    /// <summary>Assumed: and at most so many times as much.</summary>
    public const double RemoteFactorHigh = 10;

    /// <summary>Assumed: a link gives at least so much of the bandwidth that its topology says.</summary>
    public const double BandwidthFactorLow = 0.5;

    /// <summary>Assumed: and at most so much.</summary>
    public const double BandwidthFactorHigh = 1.25;

    /// <summary>Assumed: a link's latency is at least so much of what its topology says.</summary>
    public const double LatencyFactorLow = 0.5;

    /// <summary>Assumed: and at most so much.</summary>
    public const double LatencyFactorHigh = 3;

    /// <summary>Everything that is assumed, with the range that is swept.</summary>
    public static IReadOnlyList<PeerAssumption> Assumptions { get; } =
    [
        new(
            "page table on the target",
            RemoteFactorLow,
            RemoteFactorHigh,
            "times the host's cost of the same work",
            "No figure of a fabric that translates at the target is published: from as good as local to an uncached write for each entry."),
        new(
            "link bandwidth",
            BandwidthFactorHigh,
            BandwidthFactorLow,
            "times the topology's figure",
            "The topology's figures are of the link's specification: half of it is what poor links give, a quarter more the next step of the specification."),
        new("link latency", LatencyFactorLow, LatencyFactorHigh, "times the topology's figure", "No latency of a copy engine's write to a peer is published."),
        .. AssumedBy("xe-2026-01-strict"),
        .. AssumedBy("xe-2026-01"),
    ];

    /// <summary>Modelled time of a transfer with every assumption at its low end, and at its high one; null without a way.</summary>
    internal static (double? Low, double? High) Copy(PeerLink link, ulong bytes) => link.IsUsable
        ? (link.CopyMicroseconds(bytes, BandwidthFactorHigh, LatencyFactorLow), link.CopyMicroseconds(bytes, BandwidthFactorLow, LatencyFactorHigh))
        : (null, null);

    internal static (double Low, double High) Cpu(in PeerWork work, IommuMode mode, int folios, int steps, long migrations)
    {
        CostProfile host = BuiltInCostProfiles.Get(ProfileFor(mode));
        CostProfile target = BuiltInCostProfiles.Get(ProfileFor(IommuMode.Strict));
        double once = steps * (host.Fixed + (host.PerFolio * folios));
        double low = Sum(in work.Initiator, host, high: false) + (RemoteFactorLow * Sum(in work.Target, target, high: false));
        double high = Sum(in work.Initiator, host, high: true) + (RemoteFactorHigh * Sum(in work.Target, target, high: true));
        return (once + (low / migrations), once + (high / migrations));
    }

    internal static string ProfileFor(IommuMode mode) => mode == IommuMode.Lazy ? "xe-2026-01" : "xe-2026-01-strict";

    private static IEnumerable<PeerAssumption> AssumedBy(string profile) => BuiltInCostProfiles.Get(profile).Assumed.Select(term =>
        new PeerAssumption($"{term.Key} ({profile})", term.Value.Low, term.Value.High, "us each", "The profile's calibration does not tell it apart from other work."));

    private static double Sum(in DmaWork work, CostProfile profile, bool high)
    {
        double sum = 0;
        ReadOnlySpan<ulong> counts = DmaWork.ReadValues(in work);
        for (int i = 0; i < counts.Length; i++)
        {
            double unit = profile.Assumed.TryGetValue(DmaWork.Names[i], out (double Low, double High) range)
                ? (high ? range.High : range.Low)
                : profile.UnitCosts[i];
            sum += counts[i] * unit;
        }

        return sum;
    }
}
