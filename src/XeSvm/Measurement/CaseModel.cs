using XeSvm.Costs;
using XeSvm.Simulation.Iommu;
using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>Makes modelled time of what a case counted.</summary>
internal static class CaseModel
{
    private const int PageBytes = 4096;
    private const int Digits = 6;

    /// <summary>The modelled cost of a case, or the reason why there is none.</summary>
    internal static RunModelled Estimate(CostModel profile, MeasurementCase measured)
    {
        if (measured.Counters.Count == 0)
        {
            return Without(profile, "The backend counts no operations, and there is no modelled time without them.");
        }

        IommuSettings iommu = measured.Setup.Iommu;
        if (!Enum.GetNames<IommuMode>().Contains(iommu.Mode, StringComparer.OrdinalIgnoreCase) || iommu.Walker is null)
        {
            return Without(profile, "The backend does not say what its IOMMU is like, so it cannot be told whether the profile fits.");
        }

        CostSetup setup = new()
        {
            Pages = (int)(measured.Times.SizeClass.Bytes / PageBytes),
            Strategy = measured.Setup.Strategy,
            Layout = measured.Setup.Layout,
            Iommu = Enum.Parse<IommuMode>(iommu.Mode, ignoreCase: true),
            CoherentWalker = iommu.Walker == CostSetup.CoherentName,
            CachingMode = iommu.CachingMode ?? false,
            WriteBufferFlush = iommu.WriteBufferFlush ?? false,
            Levels = iommu.Levels ?? new IommuOptions().Levels,
            FlushRegression = iommu.FlushRegression ?? false,
        };
        return Estimate(profile, setup, measured);
    }

    /// <summary>An estimate in the form of the run record.</summary>
    internal static RunModelled ToRunModelled(CostEstimate estimate) => estimate.Cpu is not { } cpu
        ? new RunModelled(estimate.Profile, estimate.Unit, Reason: estimate.Reason)
        : new RunModelled(
            estimate.Profile,
            estimate.Unit,
            CpuUs: estimate.Unit == CostModel.Microseconds ? Rounded(cpu) : null,
            Units: estimate.Unit == CostModel.Microseconds ? null : Rounded(cpu),
            Noise: Rounded(estimate.Noise),
            Terms: [.. estimate.Terms.Select(ToRunTerm)]);

    private static RunModelled Estimate(CostModel profile, CostSetup setup, MeasurementCase measured)
    {
        try
        {
            Dictionary<string, ulong> totals = measured.Counters.ToDictionary(counter => counter.Name, counter => counter.Value);
            return ToRunModelled(profile.Estimate(setup, totals, checked((long)measured.Times.Count)));
        }
        catch (CostModelException exception)
        {
            // A backend may have strategies and layouts that no profile knows.
            return Without(profile, exception.Message);
        }
    }

    private static RunModelledTerm ToRunTerm(CostEstimateTerm term) =>
        new(term.Name, Rounded(term.Count), Rounded(term.UnitCost), Rounded(term.Cost));

    private static RunModelled Without(CostModel profile, string reason) => new(profile.Name, profile.Unit, Reason: reason);

    private static decimal Rounded(double value) => Math.Round((decimal)value, Digits);
}
