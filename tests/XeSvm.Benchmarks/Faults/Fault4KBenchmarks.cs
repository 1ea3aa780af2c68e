using BenchmarkDotNet.Attributes;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Statistics;

namespace XeSvm.Benchmarks.Faults;

/// <summary>Faults of 4K ranges.</summary>
[TableDescription(
    "GpuFault: EXEC of one store into a 4K range of CPU-touched 4 KiB pages, and the wait for its user fence: one fault with migration to VRAM. "
    + "CpuFault: a CPU read of a 4K range in VRAM, which brings it home. Backend: software; CpuFaults: full or user-mode-only "
    + "(userfaultfd), or coherent, where no CPU read faults. IOMMU: strict, coherent walker. Layout: scattered. memcpy: of 4K between 4 KiB pages, streaming over 64 MiB "
    + "(cold) or the same piece again and again (hot).")]
public class Fault4KBenchmarks : FaultBenchmarks
{
    private const int Ranges = 256;

    /// <summary>Sets the size.</summary>
    public Fault4KBenchmarks()
        : base(SvmSizeClass.Size4K, Ranges)
    {
    }

    /// <inheritdoc/>
    [Benchmark(OperationsPerInvoke = Ranges)]
    public override void MemcpyCold() => base.MemcpyCold();

    /// <inheritdoc/>
    [Benchmark(OperationsPerInvoke = Ranges)]
    public override void MemcpyHot() => base.MemcpyHot();

    /// <inheritdoc/>
    [Benchmark(OperationsPerInvoke = Ranges)]
    public override void GpuFault() => base.GpuFault();

    /// <inheritdoc/>
    [Benchmark(OperationsPerInvoke = Ranges)]
    public override uint CpuFault() => base.CpuFault();
}
