using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Statistics;

namespace XeSvm.Benchmarks.Faults;

/// <summary>What faults of one size class cost, beside a memcpy of as many bytes in the same run.</summary>
[Config(typeof(Configuration))]
public abstract class FaultBenchmarks
{
    private const string MedianTime = "median us";
    private const string LongTime = "p99 us";
    private const string FaultAlone = "fault alone us";

    private readonly SvmSizeClass _size;
    private readonly int _count;
    private readonly List<double> _faultAlone = [];
    private readonly LatencySamples _samples = new();
    private FaultMachine? _machine;
    private StreamingCopy? _copy;

    private protected FaultBenchmarks(SvmSizeClass size, int count)
    {
        _size = size;
        _count = count;
    }

    /// <summary>How system pages are mapped for DMA.</summary>
    [Params("iova", "per-page")]
    public string Strategy { get; set; } = "iova";

    /// <summary>The ways to notice CPU faults that this process has.</summary>
    public static IEnumerable<string> Modes => [FaultMachine.ReadCpuFaults()];

    /// <summary>How CPU faults are noticed; in coherent mode no CPU touch faults.</summary>
    [ParamsSource(nameof(Modes))]
    public string CpuFaults { get; set; } = "";

    /// <summary>Makes the buffers of the copies.</summary>
    [GlobalSetup(Targets = [nameof(MemcpyCold), nameof(MemcpyHot)])]
    public void SetUpCopies() => _copy = new StreamingCopy(_size.Bytes);

    /// <summary>Makes the device and the ranges, and runs whole rounds until all of their code is compiled for good.</summary>
    [GlobalSetup(Targets = [nameof(GpuFault), nameof(CpuFault)])]
    public void SetUpMachine()
    {
        _machine = new FaultMachine(_size, _count, Strategy);
        var unused = new LatencySamples();
        WarmUp.Run(() =>
        {
            _machine.BeginRound();
            _machine.StoreEach(unused);
            _machine.ReadEach(unused);
            _machine.EndRound();
        });
    }

    /// <summary>Touches every page by the CPU.</summary>
    [IterationSetup(Target = nameof(GpuFault))]
    public void TouchPages() => _machine!.BeginRound();

    /// <summary>Touches every page by the CPU, then moves all ranges to VRAM.</summary>
    [IterationSetup(Target = nameof(CpuFault))]
    public void MovePages()
    {
        _machine!.BeginRound();
        _machine.StoreEach(new LatencySamples());
    }

    /// <summary>Checks the round.</summary>
    [IterationCleanup(Targets = [nameof(GpuFault), nameof(CpuFault)])]
    public void EndRound() => _faultAlone.Add(_machine!.EndRound());

    /// <summary>Frees the buffers.</summary>
    [GlobalCleanup(Target = nameof(MemcpyCold))]
    public void CleanUpCold() => Record(nameof(MemcpyCold));

    /// <summary>Frees the buffers.</summary>
    [GlobalCleanup(Target = nameof(MemcpyHot))]
    public void CleanUpHot() => Record(nameof(MemcpyHot));

    /// <summary>Ends the device.</summary>
    [GlobalCleanup(Target = nameof(CpuFault))]
    public void CleanUpCpuFault() => Record(nameof(CpuFault));

    /// <summary>Ends the device.</summary>
    [GlobalCleanup(Target = nameof(GpuFault))]
    public void CleanUpGpuFault()
    {
        _faultAlone.Sort();
        RecordedFigures.Record(GetType().BaseType!, nameof(GpuFault), [CpuFaults, Strategy], FaultAlone, _faultAlone[_faultAlone.Count / 2]);
        Record(nameof(GpuFault));
    }

    /// <summary>Copies of the next pieces of 64 MiB.</summary>
    public virtual void MemcpyCold() => _copy!.Stream(_count, _samples);

    /// <summary>Copies of the same piece.</summary>
    public virtual void MemcpyHot() => _copy!.Repeat(_count, _samples);

    /// <summary>One EXEC of a store into each range, with the wait for its fence.</summary>
    public virtual void GpuFault()
    {
        _samples.BeginRound();
        _machine!.StoreEach(_samples);
        _samples.EndRound(_count);
    }

    /// <summary>One CPU read in each range, which is in VRAM.</summary>
    public virtual uint CpuFault()
    {
        _samples.BeginRound();
        uint sum = _machine!.ReadEach(_samples);
        _samples.EndRound(_count);
        return sum;
    }

    // The object is of a class that BenchmarkDotNet derives from the one that the table is named after.
    private void Record(string method)
    {
        RecordedFigures.Record(GetType().BaseType!, method, [CpuFaults, Strategy], MedianTime, _samples.MedianTime());
        RecordedFigures.Record(GetType().BaseType!, method, [CpuFaults, Strategy], LongTime, _samples.NinetyNinthPercentile());
        RecordedFigures.Record(GetType().BaseType!, method, [CpuFaults, Strategy], AllocationProbe.Figure, _samples.LeastAllocated);
        _machine?.Dispose();
        _copy?.Dispose();
    }

    private sealed class Configuration : ManualConfig
    {
        public Configuration()
        {
            AddColumn(new RecordedColumn(MedianTime, "Median of the single operations, in microseconds"));
            AddColumn(new RecordedColumn(LongTime, "99 of 100 single operations take at most this, in microseconds"));
            AddColumn(new RecordedMultipleColumn("x memcpy", MedianTime, nameof(MemcpyCold)));
            AddColumn(new RecordedMultipleColumn("x hot memcpy", MedianTime, nameof(MemcpyHot)));
            AddColumn(new RecordedColumn(FaultAlone, "The fault in the driver alone, in microseconds: svm_*_pagefault_us per fault, median of the iterations"));
            AddColumn(AllocationProbe.Column);
        }
    }
}
