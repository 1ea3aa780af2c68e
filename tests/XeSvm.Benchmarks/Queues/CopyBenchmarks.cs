using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Simulation;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Benchmarks.Queues;

/// <summary>MEM_COPY between buffer objects in VRAM.</summary>
[Config(typeof(Configuration))]
[TableDescription(
    "MemCopy: EXEC of MEM_COPY commands from one buffer object in VRAM to another, and the wait for its user fence. Memcpy: the CPU's copy between the "
    + "same two objects, mapped. Backend: software. IOMMU: strict, but VRAM is not behind it. Layout: none, VRAM is contiguous.")]
public class CopyBenchmarks
{
    private const ulong VramBytes = 256UL << 20;
    private const ulong SourceAddress = 1UL << 40;
    private const ulong DestinationAddress = 2UL << 40;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);

    private XeDevice? _device;
    private XeVm? _vm;
    private XeQueue? _queue;
    private XeBuffer? _source;
    private XeBuffer? _destination;
    private GpuBatch? _batch;

    /// <summary>Bytes of a copy, in KiB.</summary>
    [Params(64, 2 << 10, 64 << 10)]
    public int KiB { get; set; }

    private ulong Bytes => (ulong)KiB << 10;

    /// <summary>Makes and fills the objects, and copies once.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _device = SoftwareMachine.Open(new SoftwareBackendOptions { Iommu = IommuMode.Strict, VramBytes = VramBytes });
        _vm = _device.CreateVm();
        _source = _device.CreateBuffer(Bytes, MemoryLocation.Device());
        _destination = _device.CreateBuffer(Bytes, MemoryLocation.Device());
        _vm.Bind(_source, 0, new GpuRange(SourceAddress, Bytes));
        _vm.Bind(_destination, 0, new GpuRange(DestinationAddress, Bytes));
        new Random(1).NextBytes(_source.Span);
        _destination.Span.Clear();
        _queue = _vm.CreateQueue(_device.FindEngine(XeEngineClass.Copy));
        _batch = _vm.CreateBatch(1 << 20);
        _batch.Copy(DestinationAddress, SourceAddress, Bytes);
        _batch.End();
        MemCopy();
        if (!_source.Span.SequenceEqual(_destination.Span))
        {
            throw new InvalidOperationException("MEM_COPY did not copy: the figures are void.");
        }
    }

    /// <summary>Frees all.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        _batch!.Dispose();
        _queue!.Dispose();
        _vm!.Dispose();
        _source!.Dispose();
        _destination!.Dispose();
        _device!.Dispose();
    }

    /// <summary>The GPU's copy.</summary>
    [Benchmark]
    public void MemCopy() => _queue!.Submit(_batch!).Wait(s_timeout);

    /// <summary>The CPU's copy.</summary>
    [Benchmark]
    public void Memcpy() => _source!.Span.CopyTo(_destination!.Span);

    private sealed class Configuration : ManualConfig
    {
        public Configuration()
        {
            AddColumn(new ThroughputColumn(benchmarkCase => (int)benchmarkCase.Parameters[nameof(KiB)] * 1024.0));
            AddColumn(new MultipleColumn("x memcpy", nameof(Memcpy)));
        }
    }
}
