using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using XeSvm.Benchmarks.Faults;
using XeSvm.Benchmarks.Reporting;

namespace XeSvm.Benchmarks.Svm;

/// <summary>Prefetch of 64 MiB.</summary>
[Config(typeof(Configuration))]
[TableDescription(
    "ToVram: one VM_BIND PREFETCH of 64 MiB of CPU-touched 4 KiB pages to VRAM; ToSystem: back. Memcpy: 64 MiB between 4 KiB pages, piece by piece of 2 MiB. "
    + "Backend: software. IOMMU: strict, coherent walker. Layout: scattered. The whole ioctl is timed: nothing is deferred.")]
public class PrefetchBenchmarks
{
    private const ulong Bytes = 64UL << 20;
    private const ulong Piece = 2UL << 20;
    private readonly LatencySamples _samples = new();
    private SvmMachine? _machine;
    private StreamingCopy? _copy;

    /// <summary>Maps and touches the memory.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _machine = new SvmMachine(Bytes);
        _copy = new StreamingCopy((nuint)Piece);
    }

    /// <summary>All in system memory.</summary>
    [IterationSetup(Target = nameof(ToVram))]
    public void BringHome() => _machine!.Prefetch(0);

    /// <summary>All in VRAM.</summary>
    [IterationSetup(Target = nameof(ToSystem))]
    public void SendOut() => _machine!.Prefetch(1);

    /// <summary>Ends the device.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        _machine!.Dispose();
        _copy!.Dispose();
    }

    /// <summary>System memory to VRAM.</summary>
    [Benchmark]
    public void ToVram() => _machine!.Prefetch(1);

    /// <summary>VRAM to system memory.</summary>
    [Benchmark]
    public void ToSystem() => _machine!.Prefetch(0);

    /// <summary>The CPU's copy of as much.</summary>
    [Benchmark]
    public void Memcpy() => _copy!.Stream((int)(Bytes / Piece), _samples);

    private sealed class Configuration : ManualConfig
    {
        public Configuration() => AddColumn(new ThroughputColumn(_ => Bytes), new MultipleColumn("x memcpy", nameof(Memcpy)));
    }
}
