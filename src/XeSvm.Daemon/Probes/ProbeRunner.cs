using XeSvm.Costs;
using XeSvm.Daemon.Devices;
using XeSvm.Daemon.Settings;
using XeSvm.Measurement;
using XeSvm.Simulation.Iommu;
using XeSvm.Statistics;

namespace XeSvm.Daemon.Probes;

/// <summary>Migrates a little memory of this process and takes the time: batches of few migrations, at most 64 MiB at once.</summary>
internal sealed class ProbeRunner(TimeProvider time)
{
    private const int PageBytes = 4096;

    /// <summary>Runs a probe.</summary>
    /// <exception cref="MeasurementException">Something else used the device, or a value was wrong.</exception>
    /// <exception cref="StatisticsUnavailableException">There are no statistics.</exception>
    /// <exception cref="CounterTextException">The statistics contradict each other.</exception>
    /// <exception cref="CostModelException">There is no modelled time.</exception>
    /// <exception cref="XeException">The driver refused something.</exception>
    internal ProbeResult Run(WatchedDevice device, SvmSizeClass size, DaemonSettings settings, CancellationToken cancellation)
    {
        MigrationMeasurement measurement = new(device.Device);
        CostModel? profile = settings.ProbeModelled ? CostModel.Load(settings.ProbeProfile) : null;
        double[] batches = new double[settings.ProbeBatches];
        MigrationTimes? all = null;
        for (int batch = 0; batch < batches.Length; batch++)
        {
            MeasurementCase measured = measurement.Run(size, settings.ProbeMigrations, migrated: null, cancellation);
            batches[batch] = profile is null
                ? (double)measured.Times.CpuMicroseconds / measured.Times.Count
                : Modelled(profile, measured);
            all = all?.Add(measured.Times) ?? measured.Times;
        }

        (double median, double noise) = ProbeResult.Summarise(batches);
        string face = profile is null ? $"measured/{device.Facts.Backend}" : $"modelled/{device.Facts.Backend}/{profile.Name}";
        string context = $"kernel {device.Facts.KernelRelease}, IOMMU {device.Facts.Iommu}, DMA mapping {device.Facts.Strategy}";
        double? share = all!.MigrateMicroseconds == 0 ? null : (double)all.CpuMicroseconds / all.MigrateMicroseconds;
        return new ProbeResult(time.GetUtcNow(), device.Id, size.Name, face, device.Facts.Strategy, median, noise, share, checked((long)all.Count), context);
    }

    private static double Modelled(CostModel profile, MeasurementCase measured)
    {
        IommuSettings iommu = measured.Setup.Iommu;
        if (!Enum.TryParse(iommu.Mode, ignoreCase: true, out IommuMode mode))
        {
            throw new CostModelException($"The backend's IOMMU is '{iommu.Mode}', for which there is no modelled time.");
        }

        CostSetup setup = new()
        {
            Pages = (int)(measured.Times.SizeClass.Bytes / PageBytes),
            Strategy = measured.Setup.Strategy,
            Layout = measured.Setup.Layout,
            Iommu = mode,
            CoherentWalker = iommu.Walker == "coherent",
            CachingMode = iommu.CachingMode ?? false,
            WriteBufferFlush = iommu.WriteBufferFlush ?? false,
            FlushRegression = iommu.FlushRegression ?? false,
        };
        if (iommu.Levels is { } levels)
        {
            setup = setup with { Levels = levels };
        }

        Dictionary<string, ulong> totals = measured.Counters.ToDictionary(counter => counter.Name, counter => counter.Value);
        CostEstimate estimate = profile.Estimate(setup, totals, checked((long)measured.Times.Count));
        return estimate.Cpu ?? throw new CostModelException(estimate.Reason ?? $"Profile '{profile.Name}' has no time for this setup.");
    }
}
