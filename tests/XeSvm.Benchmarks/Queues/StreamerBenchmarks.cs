using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Simulation;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Benchmarks.Queues;

/// <summary>How fast the command streamer goes through a long batch.</summary>
[Config(typeof(Configuration))]
[TableDescription(
    "Stores: EXEC of a batch of 16384 commands of 4 dwords that store 4 bytes each to a buffer object in VRAM. Copies: EXEC of a batch of MEM_COPY commands "
    + "of 10 dwords, 64 KiB each, 16 MiB in all, between two objects in VRAM. Each with the wait for its user fence. CopiesByCpu: the same copies by the CPU. "
    + "The batch is in a buffer object. Backend: software. IOMMU: strict, but VRAM is not behind it. Layout: none, VRAM is contiguous.")]
public class StreamerBenchmarks
{
    private const ulong VramBytes = 256UL << 20;
    private const ulong SourceAddress = 1UL << 40;
    private const ulong DestinationAddress = 2UL << 40;
    private const ulong Bytes = 16UL << 20;
    private const ulong PieceBytes = 64UL << 10;
    private const int Commands = 16 << 10;
    private const int DwordsOfStore = 4;
    private const int DwordsOfCopy = 10;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);

    private XeDevice? _device;
    private XeVm? _vm;
    private XeQueue? _queue;
    private XeBuffer? _source;
    private XeBuffer? _destination;
    private GpuBatch? _stores;
    private GpuBatch? _copies;

    /// <summary>Makes the objects and the batches, and runs them once.</summary>
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
        _queue = _vm.CreateQueue(_device.FindEngine(XeEngineClass.Copy));
        _stores = _vm.CreateBatch(1 << 20);
        for (uint i = 0; i < Commands; i++)
        {
            _stores.StoreDword(DestinationAddress + (i * sizeof(uint)), i);
        }

        _stores.End();
        _copies = _vm.CreateBatch(1 << 20);
        for (ulong at = 0; at < Bytes; at += PieceBytes)
        {
            _copies.Copy(DestinationAddress + at, SourceAddress + at, PieceBytes);
        }

        _copies.End();
        WarmUp.Run(Stores);
        WarmUp.Run(Copies);
        if (!_source.Span.SequenceEqual(_destination.Span))
        {
            throw new InvalidOperationException("MEM_COPY did not copy: the figures are void.");
        }
    }

    /// <summary>Frees all.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        AllocationProbe.Record(typeof(StreamerBenchmarks), nameof(Stores), [], Stores, repetitions: 1);
        AllocationProbe.Record(typeof(StreamerBenchmarks), nameof(Copies), [], Copies, repetitions: 1);
        AllocationProbe.Record(typeof(StreamerBenchmarks), nameof(CopiesByCpu), [], CopiesByCpu, repetitions: 1);
        _stores!.Dispose();
        _copies!.Dispose();
        _queue!.Dispose();
        _vm!.Dispose();
        _source!.Dispose();
        _destination!.Dispose();
        _device!.Dispose();
    }

    /// <summary>Small commands.</summary>
    [Benchmark]
    public void Stores() => _queue!.Submit(_stores!).Wait(s_timeout);

    /// <summary>Copies.</summary>
    [Benchmark]
    public void Copies() => _queue!.Submit(_copies!).Wait(s_timeout);

    /// <summary>The same copies by the CPU.</summary>
    [Benchmark]
    public void CopiesByCpu()
    {
        Span<byte> source = _source!.Span;
        Span<byte> destination = _destination!.Span;
        for (int at = 0; at < (int)Bytes; at += (int)PieceBytes)
        {
            source.Slice(at, (int)PieceBytes).CopyTo(destination[at..]);
        }
    }

    private static int Dwords(string method) => method switch
    {
        nameof(Stores) => Commands * DwordsOfStore,
        nameof(Copies) => (int)(Bytes / PieceBytes) * DwordsOfCopy,
        _ => 0,
    };

    private sealed class Configuration : ManualConfig
    {
        public Configuration()
        {
            AddColumn(new RateColumn("M dwords/s", benchmarkCase => Dwords(benchmarkCase.Descriptor.WorkloadMethod.Name)));
            AddColumn(new ThroughputColumn(benchmarkCase => benchmarkCase.Descriptor.WorkloadMethod.Name == nameof(Stores) ? Commands * sizeof(uint) : Bytes));
            AddColumn(new MultipleColumn("x CPU copies", nameof(CopiesByCpu)), AllocationProbe.Column);
        }
    }
}
