using XeSvm.Simulation;
using XeSvm.Simulation.Iommu;
using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>Runs a plan: one device per strategy, all sizes on it, one record.</summary>
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
        IReadOnlyList<string> strategies = plan.Strategies ?? MappingStrategy.All;
        for (int index = 0; index < strategies.Count; index++)
        {
            BackendSelection selection = _select(plan.Backend, OptionsFor(plan, strategies[index]));
            using XeDevice device = XeDevice.Open(selection);
            BackendReport report = BackendReport.Read(device);
            bool fixedStrategy = report.Strategy == MappingStrategy.Kernel;
            if (fixedStrategy)
            {
                RequireNoChoices(plan, selection);
            }

            if (record is null)
            {
                observer.BackendSelected(selection, (fixedStrategy ? 1 : strategies.Count) * plan.Sizes.Count);
                record = new RunRecord
                {
                    Backend = device.BackendName,
                    Reason = device.BackendReason,
                    Device = device.Node.Path,
                    CpuFaults = report.CpuFaults,
                    Host = HostInformation.Read(),
                    Cases = cases,
                };
            }

            MigrationMeasurement measurement = new(device);
            foreach (SvmSizeClass size in plan.Sizes)
            {
                observer.CaseStarted(report.Strategy, size, plan.Migrations);
                cases.Add(measurement.Run(size, plan.Migrations, observer.Migrated, cancellation).ToRunCase());
            }

            if (fixedStrategy)
            {
                break;
            }
        }

        return record ?? throw new MeasurementPlanException("The plan has no strategy.");
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
    }

    private static SoftwareBackendOptions OptionsFor(MeasurementPlan plan, string strategy)
    {
        SoftwareBackendOptions options = XeBackends.SoftwareOptionsFromEnvironment() with
        {
            Strategy = strategy,
            Iommu = plan.Iommu ?? IommuMode.Strict,
        };
        return plan.Layout is null ? options : options with { Layout = plan.Layout };
    }

    /// <summary>A backend whose strategy is fixed maps as the kernel does, in the mode and on the pages that the kernel has.</summary>
    private static void RequireNoChoices(MeasurementPlan plan, BackendSelection selection)
    {
        string? asked = plan.Strategies is not null ? "a strategy" : plan.Iommu is not null ? "an IOMMU mode" : plan.Layout is not null ? "a page layout" : null;
        if (asked is not null)
        {
            throw new MeasurementPlanException(
                $"The {selection.Backend.Name} backend does not let {asked} be chosen: the running kernel decides. Leave it out, or use the software backend.");
        }
    }
}
