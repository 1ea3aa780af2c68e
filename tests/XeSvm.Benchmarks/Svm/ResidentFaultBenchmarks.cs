using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Benchmarks.Svm;

/// <summary>Faults on memory that need not move.</summary>
[Config(typeof(Configuration))]
[TableDescription(
    "The fault handler alone, without EXEC and fence, on 2M ranges in VRAM. ValidFault: the range is mapped already, as when several engines fault on it. "
    + "RebindFault: the mapping was dropped by advice, pages and data are where they were. Backend: software. IOMMU: strict, but VRAM is not behind it.")]
public class ResidentFaultBenchmarks
{
    private const ulong Block = 2UL << 20;
    private const int Ranges = 32;
    private SvmMachine? _machine;

    /// <summary>Moves the ranges to VRAM.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _machine = new SvmMachine(Ranges * Block);
        _machine.Prefetch(1);
        WarmUp.Run(ValidFault);
        WarmUp.Run(RebindFault);
    }

    /// <summary>Ends the device.</summary>
    [GlobalCleanup(Target = nameof(ValidFault))]
    public void CleanupValid() => Cleanup(nameof(ValidFault), ValidFault);

    /// <summary>Ends the device.</summary>
    [GlobalCleanup(Target = nameof(RebindFault))]
    public void CleanupRebind() => Cleanup(nameof(RebindFault), RebindFault);

    /// <summary>A fault on each range, all mapped.</summary>
    [Benchmark(OperationsPerInvoke = Ranges)]
    public void ValidFault()
    {
        for (int i = 0; i < Ranges; i++)
        {
            Fault(i);
        }
    }

    /// <summary>A fault on each range, none mapped.</summary>
    [Benchmark(OperationsPerInvoke = Ranges)]
    public void RebindFault()
    {
        _machine!.Vm.Svm!.ZapBindings(_machine.Address, _machine.Address + _machine.Bytes);
        for (int i = 0; i < Ranges; i++)
        {
            Fault(i);
        }
    }

    private void Fault(int range)
    {
        int result = _machine!.Vm.HandleFault(_machine.Address + ((ulong)range * Block), GpuAccess.Write, _machine.Vm.Device.PrimaryGt);
        if (result < 0)
        {
            throw new InvalidOperationException($"A fault failed: {Interop.Errno.Describe(result)}.");
        }
    }

    private void Cleanup(string method, Action operation)
    {
        AllocationProbe.Record(typeof(ResidentFaultBenchmarks), method, [], operation, repetitions: 10, perRun: Ranges);
        _machine!.Dispose();
    }

    private sealed class Configuration : ManualConfig
    {
        public Configuration() => AddColumn(AllocationProbe.Column);
    }
}
