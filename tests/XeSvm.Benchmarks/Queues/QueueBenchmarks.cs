using BenchmarkDotNet.Attributes;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Simulation;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Benchmarks.Queues;

/// <summary>The round trip of an EXEC.</summary>
[TableDescription(
    "EXEC of a batch in a buffer object that stores 4 bytes, and the wait for its user fence; the memory is where the store expects it, so nothing faults. "
    + "Backend: software. IOMMU: strict, but no access goes through it. Layout: scattered, but no page is mapped for DMA.")]
public class QueueBenchmarks
{
    private const ulong VramBytes = 64UL << 20;
    private const nuint BatchBytes = 4096;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);

    private XeDevice? _device;
    private XeVm? _vm;
    private XeQueue? _queue;
    private SvmBuffer<uint>? _buffer;
    private GpuBatch? _batch;
    private long _faults;

    /// <summary>Moves the memory to VRAM by a first store.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _device = SoftwareMachine.Open(new SoftwareBackendOptions { Iommu = IommuMode.Strict, VramBytes = VramBytes });
        _vm = _device.CreateMirrorVm();
        _queue = _vm.CreateQueue(_device.FindEngine(XeEngineClass.Copy));
        _buffer = _vm.Allocate<uint>(1024);
        _buffer[0] = 1;
        _batch = _vm.CreateBatch(BatchBytes);
        _batch.StoreDword(_buffer.GpuAddress, 2);
        _batch.End();
        ExecAndWait();
        _faults = Faults();
    }

    /// <summary>Checks that nothing has faulted.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        long faults = Faults() - _faults;
        uint stored = _buffer![0];
        _batch!.Dispose();
        _queue!.Dispose();
        _buffer.Dispose();
        _vm!.Dispose();
        _device!.Dispose();
        if (faults != 0 || stored != 2)
        {
            throw new InvalidOperationException($"{faults} faults, value {stored}: the figures are void.");
        }
    }

    /// <summary>One batch.</summary>
    [Benchmark]
    public void ExecAndWait() => _queue!.Submit(_batch!).Wait(s_timeout);

    private long Faults() => _device!.ReadGtStatistics().Snapshot.TryGet("svm_pagefault_count", out Statistics.Counter counter)
        ? (long)counter.Value
        : throw new InvalidOperationException("The statistics have no svm_pagefault_count.");
}
