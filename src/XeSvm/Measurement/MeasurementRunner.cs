using XeSvm.Simulation;
using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>Runs a plan: one device per combination of strategy, IOMMU and layout, all sizes on it, one record.</summary>
public sealed class MeasurementRunner
{
    private readonly Func<BackendChoice?, SoftwareBackendOptions, BackendSelection> _select;

    /// <summary>Makes a runner that chooses backends as <see cref="XeBackends"/> does.</summary>
    public MeasurementRunner()
        : this(XeBackends.Select)
    {
    }

    /// <summary>Makes a runner with another source of backends, for tests.</summary>
    internal MeasurementRunner(Func<BackendChoice?, SoftwareBackendOptions, BackendSelection> select) => _select = select;

    /// <summary>Runs a plan.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="observer">Is told how the run goes on.</param>
    /// <param name="cancellation">Ends the run between two rounds.</param>
    /// <exception cref="MeasurementPlanException">The plan asks for what the chosen backend does not offer.</exception>
    /// <exception cref="MeasurementException">A case failed; no record was made.</exception>
    /// <exception cref="StatisticsUnavailableException">The device's statistics cannot be read.</exception>
    /// <exception cref="XeException">The driver refused something, or there is no device.</exception>
    /// <exception cref="BackendChoiceException">The environment or an option of the plan has a value that is not valid.</exception>
    public RunRecord Run(MeasurementPlan plan, IMeasurementObserver observer, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(observer);
        Check(plan);
        List<RunCase> cases = [];
        RunRecord? record = null;
        string? fallback = null;
        List<string> notes = [];
        IReadOnlyList<SoftwareBackendOptions> combinations = MeasurementCombinations.Of(plan);
        foreach (SoftwareBackendOptions options in combinations)
        {
            BackendSelection selection = _select(plan.Backend, options);
            using XeDevice device = XeDevice.Open(selection);
            BackendReport report = BackendReport.Read(device);
            bool fixedStrategy = report.Strategy == MappingStrategy.Kernel;
            if (fixedStrategy)
            {
                RequireNoChoices(plan, selection);
            }

            if (record is null)
            {
                observer.BackendSelected(selection, (fixedStrategy ? 1 : combinations.Count) * plan.Sizes.Count);
                record = new RunRecord
                {
                    Backend = device.BackendName,
                    Reason = device.BackendReason,
                    Device = device.Node.Path,
                    CpuFaults = report.CpuFaults,
                    Host = HostInformation.Read(),
                    Machine = MachineFacts.Read(device),
                    Noise = NoiseCheck.Run(NoiseCheck.UsualDuration, new MachinePaths()),
                    Name = plan.Name,
                    Cases = cases,
                };
                fallback = MeasurementFallback.Of(plan, device);
                notes.AddRange(MeasurementFallback.Tell(fallback, observer));
            }

            MeasureSizes(plan, device, report.Setup, fallback is not null, observer, cases, cancellation);
            if (fixedStrategy)
            {
                break;
            }
        }

        // There is at least one combination, and the first makes the record.
        return record! with { Created = DateTimeOffset.UtcNow, Notes = notes.Count == 0 ? null : notes };
    }

    private static void MeasureSizes(
        MeasurementPlan plan,
        XeDevice device,
        MeasurementSetup setup,
        bool withoutStatistics,
        IMeasurementObserver observer,
        List<RunCase> cases,
        CancellationToken cancellation)
    {
        MigrationMeasurement measurement = new(device);
        foreach (SvmSizeClass size in plan.Sizes)
        {
            observer.CaseStarted(setup, size, plan.Migrations);
            MigrationCasePlan casePlan = new()
            {
                Size = size,
                Migrations = plan.Migrations,
                WarmUp = plan.WarmUp,
                Cause = withoutStatistics ? MigrationCause.Prefetch : plan.Cause ?? MigrationCause.Fault,
                Pages = plan.Pages,
                Unit = plan.Unit,
                WithoutStatistics = withoutStatistics,
            };
            MeasurementCase measured = measurement.Run(casePlan, observer.Migrated, cancellation);
            cases.Add(measured.ToRunCase() with { Modelled = plan.Profile is null ? null : CaseModel.Estimate(plan.Profile, measured) });
        }
    }

    private static void Check(MeasurementPlan plan)
    {
        if (plan.Sizes.Count == 0)
        {
            throw new MeasurementPlanException("The plan has no size.");
        }

        if (plan.Migrations < 1)
        {
            throw new MeasurementPlanException($"The plan has {plan.Migrations} migrations; at least 1 is valid.");
        }

        if (plan.WarmUp < 0)
        {
            throw new MeasurementPlanException($"The plan has {plan.WarmUp} migrations of warm-up; at least 0 is valid.");
        }

        if (plan.Pages == PageBacking.Huge && plan.Sizes.FirstOrDefault(size => size != SvmSizeClass.Size2M) is { } small)
        {
            throw new MeasurementPlanException($"Huge pages have 2 MiB: a range of {small} cannot consist of them. Valid with huge pages is 2M.");
        }
    }

    /// <summary>A backend whose strategy is fixed maps as the kernel does, in the mode and on the pages that the kernel has.</summary>
    private static void RequireNoChoices(MeasurementPlan plan, BackendSelection selection)
    {
        string? asked = MeasurementCombinations.ChoiceOf(plan);
        if (asked is not null)
        {
            throw new MeasurementPlanException(
                $"The {selection.Backend.Name} backend does not let {asked} be chosen: the running kernel decides. " +
                "Leave it out, or use the software backend.");
        }
    }
}
