using XeSvm.Benchmarks.Reporting;
using XeSvm.Measurement;
using XeSvm.Simulation;
using XeSvm.Simulation.Iommu;
using XeSvm.Statistics;

namespace XeSvm.Benchmarks.Faults;

/// <summary>
/// A software device with a mirror VM and a copy queue, and ranges of one size class: a GPU store moves one to VRAM, a CPU touch brings it
/// home. Each round is checked: exactly the faults that were wanted, and no value lost.
/// </summary>
internal sealed unsafe class FaultMachine : IDisposable
{
    private const ulong VramBytes = 512UL << 20;
    private const string Coherent = "coherent";
    private const nuint BatchBytes = 4096;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);

    private readonly XeDevice _device;
    private readonly MeasurementRanges _ranges;
    private readonly XeVm _vm;
    private readonly XeQueue _queue;
    private readonly GpuBatch _batch;
    private readonly int _count;
    private readonly bool _isCoherent;
    private uint _round;
    private GtStatistics _before;

    /// <summary>Sets up ranges that no fault can join.</summary>
    public FaultMachine(SvmSizeClass size, int count, string strategy)
    {
        Size = size;
        _count = count;
        _device = Open(strategy);
        _isCoherent = BackendReport.Read(_device).CpuFaults == Coherent;
        _ranges = MeasurementRanges.Create(size, count);
        _vm = _device.CreateMirrorVm();
        _queue = _vm.CreateQueue(_device.FindEngine(XeEngineClass.Copy));
        _batch = _vm.CreateBatch(BatchBytes);
        _before = _device.ReadGtStatistics();
    }

    /// <summary>The ranges' size.</summary>
    public SvmSizeClass Size { get; }

    /// <summary>How CPU touches are noticed here.</summary>
    public static string ReadCpuFaults()
    {
        using XeDevice device = Open("iova");
        return BackendReport.Read(device).CpuFaults;
    }

    /// <summary>Writes every page by the CPU, which brings everything home, and takes the statistics.</summary>
    public void BeginRound()
    {
        _round++;
        if (_isCoherent)
        {
            // A touch brings nothing home in this mode.
            BringHome();
        }

        _ranges.Touch(_count, _round);
        _before = _device.ReadGtStatistics();
    }

    /// <summary>One store into each range, each submitted and waited for by itself.</summary>
    public void StoreEach(LatencySamples samples)
    {
        for (int range = 0; range < _count; range++)
        {
            samples.Begin();
            _batch.Reset();
            _batch.StoreDword(_ranges.GpuWordAddress(range, _round), MeasurementRanges.GpuValue(range, _round));
            _batch.End();
            _queue.Submit(_batch).Wait(s_timeout);
            samples.End();
        }
    }

    /// <summary>One CPU read in each range, of the word that the GPU wrote.</summary>
    public uint ReadEach(LatencySamples samples)
    {
        uint sum = 0;
        for (int range = 0; range < _count; range++)
        {
            samples.Begin();
            sum += Volatile.Read(ref *(uint*)_ranges.GpuWordAddress(range, _round));
            samples.End();
        }

        return sum;
    }

    /// <summary>Ends a round: microseconds per GPU fault as the GT statistics have them.</summary>
    /// <exception cref="InvalidOperationException">There were more or fewer faults or migrations than ranges.</exception>
    public double EndRound()
    {
        CounterDelta delta = GtStatisticsDelta.Between(_before, _device.ReadGtStatistics()).Counters;
        Expect(delta, $"svm_{Size}_pagefault_count");
        Expect(delta, $"svm_{Size}_migrate_count");
        delta.TryGet($"svm_{Size}_pagefault_us", out ulong microseconds);
        _ranges.Verify(_count, _round);
        return (double)microseconds / _count;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _batch.Dispose();
        _queue.Dispose();
        _vm.Dispose();
        _ranges.Dispose();
        _device.Dispose();
    }

    private static XeDevice Open(string strategy) => SoftwareMachine.Open(SoftwareBackendOptions.FromEnvironment() with
    {
        Strategy = strategy,
        Iommu = IommuMode.Strict,
        Layout = "scattered",
        VramBytes = VramBytes,
    });

    /// <summary>Sends all ranges to system memory, and drops their GPU mappings by advice that changes: a range that is mapped does not fault.</summary>
    private void BringHome()
    {
        for (int range = 0; range < _count; range++)
        {
            ulong start = _ranges.GpuWordAddress(range, _round) & ~((ulong)Size.Bytes - 1);
            GpuRange whole = new(start, Size.Bytes);
            _vm.Prefetch(whole, MemoryLocation.System);
            _vm.Advise(whole, MemoryLocation.System);
            _vm.Advise(whole, MemoryLocation.Default);
        }
    }

    private void Expect(CounterDelta delta, string counter)
    {
        if (!delta.TryGet(counter, out ulong value) || value != (ulong)_count)
        {
            throw new InvalidOperationException($"{counter} rose by {value}, not by {_count}: the figures are void.");
        }
    }
}
