using System.Diagnostics;
using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>
/// Measures migrations to the device, each caused by exactly one GPU store into memory that the CPU has touched, which is what the published
/// figures are about, or by one prefetch. Times come from the GT statistics, counts from the backend's <c>dma</c> counters where it has them.
/// </summary>
public sealed class MigrationMeasurement
{
    /// <summary>Rounds that a case has at least where it has as many migrations: errors are computed from rounds.</summary>
    public const int LeastRounds = 16;

    /// <summary>Memory that is under way at once: enough to make the fixed cost of a round small, little enough for any machine.</summary>
    private const nuint RoundBytes = 64 * 1024 * 1024;

    private const int MostRangesPerRound = 64;

    private const nuint BatchBytes = 4096;

    private const long MicrosecondsPerSecond = 1_000_000;

    private static readonly TimeSpan s_roundTimeout = TimeSpan.FromSeconds(60);

    private readonly XeDevice _device;
    private readonly BackendReport _report;

    /// <summary>Makes a measurement on a device.</summary>
    /// <param name="device">The device; stays the caller's.</param>
    public MigrationMeasurement(XeDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        _device = device;
        _report = BackendReport.Read(device);
    }

    /// <summary>Measures migrations of one size, by faults, of small pages. Some that are not counted go ahead.</summary>
    /// <param name="size">The ranges' size.</param>
    /// <param name="migrations">How many to measure, at least 1.</param>
    /// <param name="migrated">Told after each measured round how many migrations it had.</param>
    /// <param name="cancellation">Ends the measurement between two rounds.</param>
    /// <exception cref="StatisticsUnavailableException">The device's statistics cannot be read; the message says what to do.</exception>
    /// <exception cref="MeasurementException">A wrong value was read back, or the stores did not cause the migrations that they should.</exception>
    /// <exception cref="XeException">The driver refused something; EIO when the queue was banned.</exception>
    public MeasurementCase Run(SvmSizeClass size, int migrations, Action<int>? migrated = null, CancellationToken cancellation = default) =>
        Run(new MigrationCasePlan { Size = size, Migrations = migrations }, migrated, cancellation);

    /// <summary>Measures one case.</summary>
    /// <param name="plan">What to do.</param>
    /// <param name="migrated">Told after each measured round how many migrations it had.</param>
    /// <param name="cancellation">Ends the measurement between two rounds.</param>
    /// <exception cref="StatisticsUnavailableException">The device's statistics cannot be read; the message says what to do.</exception>
    /// <exception cref="MeasurementException">A wrong value was read back, or there were other migrations than there should be.</exception>
    /// <exception cref="MeasurementPlanException">The kernel does not give the pages that the plan asks for.</exception>
    /// <exception cref="XeException">The driver refused something; EIO when the queue was banned.</exception>
    public MeasurementCase Run(MigrationCasePlan plan, Action<int>? migrated = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentOutOfRangeException.ThrowIfLessThan(plan.Migrations, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(plan.WarmUp ?? 0);
        int most = (int)nuint.Min(MostRangesPerRound, RoundBytes / plan.Size.Bytes);
        int perRound = Math.Min(most, (plan.Migrations + LeastRounds - 1) / LeastRounds);
        int warmUp = plan.WarmUp ?? Math.Min(plan.Migrations, most);
        using MeasurementRanges ranges = MeasurementRanges.Create(plan.Size, Math.Max(perRound, Math.Min(warmUp, most)), plan.Pages);
        XeEngine engine = StoreEngine();
        uint round = 0;
        for (int done = 0; done < warmUp; round++)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(most, warmUp - done);
            RunRound(plan, ranges, count, round, engine, new MigrationTally(plan, count));
            done += count;
        }

        MigrationTally tally = new(plan, perRound);
        for (int done = 0; done < plan.Migrations; round++)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(perRound, plan.Migrations - done);
            RunRound(plan, ranges, count, round, engine, tally);
            done += count;
            migrated?.Invoke(count);
        }

        return tally.ToCase(_report.Setup, warmUp);
    }

    /// <summary>
    /// Touches ranges with the CPU, moves each, and checks every page after the counters were read. Each round has a VM of its own: a
    /// range that an earlier round left valid would not fault again.
    /// </summary>
    private void RunRound(MigrationCasePlan plan, MeasurementRanges shared, int count, uint round, XeEngine engine, MigrationTally tally)
    {
        // Huge pages come back as small ones: only memory that is new has them again. It goes after the VM that knows it.
        using MeasurementRanges? own = plan.Pages == PageBacking.Huge ? MeasurementRanges.Create(plan.Size, count, plan.Pages) : null;
        MeasurementRanges ranges = own ?? shared;
        using XeVm vm = _device.CreateMirrorVm();
        using XeQueue queue = vm.CreateQueue(engine);
        using GpuBatch batch = vm.CreateBatch(BatchBytes);
        ranges.Touch(count, round);
        ranges.RequireBacking(plan.Pages);
        DmaSnapshot operations = DmaSnapshot.Take(_device);
        if (plan.Cause == MigrationCause.Prefetch)
        {
            PrefetchEach(plan, vm, ranges, count, engine, tally);
        }
        else
        {
            StoreIntoEach(plan, queue, batch, ranges, count, round, engine, tally);
        }

        tally.Add(DmaSnapshot.Take(_device).Since(operations));
        if (plan.Cause == MigrationCause.Prefetch)
        {
            // On memory that is there already: what the GPU stores must be found where it was moved from.
            Store(queue, batch, ranges, 0, count, round);
        }

        ranges.Verify(count, round);
        if (!_report.CpuTouchesBringPagesHome)
        {
            SendHome(vm, ranges, count);
        }
    }

    private void StoreIntoEach(
        MigrationCasePlan plan, XeQueue queue, GpuBatch batch, MeasurementRanges ranges, int count, uint round, XeEngine engine, MigrationTally tally)
    {
        int step = plan.Unit == SampleUnit.Round ? count : 1;
        MigrationSnapshot before = MigrationSnapshot.Take(_device, engine.GtId);
        for (int first = 0; first < count; first += step)
        {
            Store(queue, batch, ranges, first, step, round);
            MigrationSnapshot after = MigrationSnapshot.Take(_device, engine.GtId);
            tally.Add(after.FaultsSince(before, plan.Size, step));
            before = after;
        }
    }

    private void PrefetchEach(
        MigrationCasePlan plan, XeVm vm, MeasurementRanges ranges, int count, XeEngine engine, MigrationTally tally)
    {
        MigrationSnapshot? before = TakeWhereWanted(plan, engine);
        MemoryLocation device = MemoryLocation.Device();
        for (int range = 0; range < count; range++)
        {
            long start = Stopwatch.GetTimestamp();
            vm.Prefetch(ranges.RangeOf(range), device);
            ulong microseconds = (ulong)((Stopwatch.GetTimestamp() - start) * MicrosecondsPerSecond / Stopwatch.Frequency);
            MigrationSnapshot? after = TakeWhereWanted(plan, engine);
            tally.Add(after is null || before is null
                ? new MigrationSample(1, microseconds, null, [])
                : after.PrefetchSince(before, plan.Size, microseconds));
            before = after;
        }
    }

    private MigrationSnapshot? TakeWhereWanted(MigrationCasePlan plan, XeEngine engine) =>
        plan.WithoutStatistics ? null : MigrationSnapshot.Take(_device, engine.GtId);

    private static void Store(XeQueue queue, GpuBatch batch, MeasurementRanges ranges, int first, int count, uint round)
    {
        batch.Reset();
        for (int range = first; range < first + count; range++)
        {
            batch.StoreDword(ranges.GpuWordAddress(range, round), MeasurementRanges.GpuValue(range, round));
        }

        batch.End();
        queue.Submit(batch).Wait(s_roundTimeout);
    }

    /// <summary>Does what the CPU's touches do elsewhere, so that the next round finds the pages in system memory.</summary>
    private static void SendHome(XeVm vm, MeasurementRanges ranges, int count)
    {
        for (int range = 0; range < count; range++)
        {
            vm.Prefetch(ranges.RangeOf(range), MemoryLocation.System);
        }
    }

    /// <summary>Any engine can store; the copy engine is the one that other work leaves idle most often.</summary>
    private XeEngine StoreEngine() => _device.Engines.Count == 0
        ? throw new MeasurementException($"{_device.Node.Path} has no engine that a queue can be made for.")
        : _device.Engines.FirstOrDefault(engine => engine.EngineClass == XeEngineClass.Copy, _device.Engines[0]);
}
