using XeSvm.Costs;
using XeSvm.Simulation;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Measurement;

/// <summary>The machines that a plan asks for: one for each combination of its lists.</summary>
internal static class MeasurementCombinations
{
    /// <summary>The options of the software backend for each combination; strategies change fastest.</summary>
    /// <exception cref="MeasurementPlanException">A list is empty.</exception>
    /// <exception cref="BackendChoiceException">The environment or the plan has a value that is not valid.</exception>
    internal static IReadOnlyList<SoftwareBackendOptions> Of(MeasurementPlan plan)
    {
        CostSetup? calibration = plan.Profile?.CalibrationSetup;
        SoftwareBackendOptions defaults = XeBackends.SoftwareOptionsFromEnvironment();
        defaults = defaults with
        {
            CachingMode = plan.CachingMode ?? defaults.CachingMode,
            PageTableLevels = plan.Levels ?? defaults.PageTableLevels,
            FlushRegression = plan.FlushRegression ?? defaults.FlushRegression,
        };
        IReadOnlyList<SoftwareBackendOptions> combinations =
        [
            .. from mode in plan.IommuModes ?? [calibration?.Iommu ?? FirstMode(plan.Profile)]
               from walker in plan.CoherentWalkers ?? [calibration?.CoherentWalker ?? defaults.CoherentWalker]
               from layout in plan.Layouts ?? [defaults.Layout]
               from strategy in plan.Strategies ?? MappingStrategy.Published
               select defaults with { Iommu = mode, CoherentWalker = walker, Layout = layout, Strategy = strategy },
        ];
        if (combinations.Count == 0)
        {
            throw new MeasurementPlanException("The plan has an empty list of strategies, IOMMU modes, walkers or page layouts.");
        }

        foreach (SoftwareBackendOptions options in combinations)
        {
            RequireValid(options);
        }

        return combinations;
    }

    /// <summary>What a plan chooses that only the software backend lets be chosen, in words; null when nothing.</summary>
    internal static string? ChoiceOf(MeasurementPlan plan)
    {
        (bool Chosen, string Words)[] choices =
        [
            (plan.Strategies is not null, "a strategy"),
            (plan.IommuModes is not null, "an IOMMU mode"),
            (plan.CoherentWalkers is not null, "the IOMMU's walker"),
            (plan.Layouts is not null, "a page layout"),
            (plan.CachingMode is not null, "caching mode"),
            (plan.Levels is not null, "the levels of the I/O page table"),
            (plan.FlushRegression is not null, "the flush regression"),
        ];
        return choices.FirstOrDefault(choice => choice.Chosen).Words;
    }

    /// <summary>The last combination must not fail when all others have been measured.</summary>
    private static void RequireValid(SoftwareBackendOptions options)
    {
        try
        {
            SoftwareDeviceOptions.Parse(options);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            throw new BackendChoiceException($"The software backend cannot be set up: {exception.Message}", exception);
        }
    }

    private static IommuMode FirstMode(CostModel? profile) => profile is { Modes: [IommuMode first, ..] } ? first : IommuMode.Strict;
}
