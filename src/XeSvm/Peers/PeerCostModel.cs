using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Peers;

namespace XeSvm.Peers;

/// <summary>
/// Modelled CPU time of mapping between devices, as a range. Unit costs of the host's IOMMU come from the profiles that were calibrated for
/// system pages; what nobody has published is assumed and swept: the cost of an invalidation that the caller waits for, and how much more a
/// write to a page table on the target costs than one on the host.
/// </summary>
public static class PeerCostModel
{
    /// <summary>Assumed: a write to a page table on the target costs at least as much as one on the host.</summary>
    public const double RemoteFactorLow = 1;

    /// <summary>Assumed: and at most so many times as much.</summary>
    public const double RemoteFactorHigh = 10;

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
