using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>
/// Measures migrations to the device, each caused by exactly one GPU store into memory that the CPU has touched: what the published
/// figures are about. Times come from the GT statistics, counts from the backend's <c>dma</c> counters where it has them.
/// </summary>
public sealed class MigrationMeasurement
{
    /// <summary>Memory that is under way at once: enough to make the fixed cost of a round small, little enough for any machine.</summary>
    private const nuint RoundBytes = 64 * 1024 * 1024;

    private const int MostRangesPerRound = 64;

    private const nuint BatchBytes = 4096;

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

    /// <summary>Measures migrations of one size. One round that is not counted goes ahead.</summary>
    /// <param name="size">The ranges' size.</param>
    /// <param name="migrations">How many to measure, at least 1.</param>
    /// <param name="migrated">Told after each measured round how many migrations it had.</param>
    /// <param name="cancellation">Ends the measurement between two rounds.</param>
    /// <exception cref="StatisticsUnavailableException">The device's statistics cannot be read; the message says what to do.</exception>
    /// <exception cref="MeasurementException">A wrong value was read back, or the stores did not cause the migrations that they should.</exception>
    /// <exception cref="XeException">The driver refused something; EIO when the queue was banned.</exception>
    public MeasurementCase Run(SvmSizeClass size, int migrations, Action<int>? migrated = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(size);
        ArgumentOutOfRangeException.ThrowIfLessThan(migrations, 1);
        int perRound = Math.Min(migrations, (int)nuint.Min(MostRangesPerRound, RoundBytes / size.Bytes));
        XeEngine engine = StoreEngine();
        using MeasurementRanges ranges = MeasurementRanges.Create(size, perRound);
        MigrationTally tally = new(size);
        uint round = 0;
        RunRound(ranges, perRound, round++, engine);
        for (int done = 0; done < migrations; round++)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(perRound, migrations - done);
            (MigrationTimes times, IReadOnlyList<Counter> counters) = RunRound(ranges, count, round, engine);
            tally.Add(times, counters);
            done += count;
            migrated?.Invoke(count);
        }

        return new MeasurementCase(_report.Setup, tally.Times, tally.Counters);
    }

    /// <summary>
    /// Touches ranges with the CPU, stores into each with the GPU, and checks every page after the counters were read. Each round has a VM
    /// of its own: a range that an earlier round left valid would not fault again.
    /// </summary>
    private (MigrationTimes Times, IReadOnlyList<Counter> Counters) RunRound(
        MeasurementRanges ranges, int count, uint round, XeEngine engine)
    {
        using XeVm vm = _device.CreateMirrorVm();
        using XeQueue queue = vm.CreateQueue(engine);
        using GpuBatch batch = vm.CreateBatch(BatchBytes);
        ranges.Touch(count, round);
        for (int range = 0; range < count; range++)
        {
            batch.StoreDword(ranges.GpuWordAddress(range, round), MeasurementRanges.GpuValue(range, round));
        }

        batch.End();
        MigrationSnapshot before = MigrationSnapshot.Take(_device, engine.GtId);
        queue.Submit(batch).Wait(s_roundTimeout);
        MigrationSnapshot after = MigrationSnapshot.Take(_device, engine.GtId);
        ranges.Verify(count, round);
        if (!_report.CpuTouchesBringPagesHome)
        {
            SendHome(vm, ranges, count);
        }

        return after.Since(before, ranges.SizeClass, count);
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
