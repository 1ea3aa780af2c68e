using BenchmarkDotNet.Attributes;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Benchmarks.Dma;

/// <summary>The IOVA allocator by itself.</summary>
[TableDescription(
    "One allocation of I/O virtual addresses and its free: 1 page is served by the processor's magazine, 512 pages by the tree. Backend: software, its IOVA "
    + "allocator alone, so no IOMMU mode applies. LiveRegions: regions of the same size that are allocated meanwhile. Layout: none.")]
public class IovaBenchmarks
{
    private const int Repetitions = 256;
    private const ulong LastPage = (1UL << 34) - 1; // Battlemage's mask of 46 bits

    private IovaAllocator? _allocator;
    private DmaWork _work;

    /// <summary>Regions that stay allocated.</summary>
    [Params(0, 1_000, 100_000)]
    public int LiveRegions { get; set; }

    /// <summary>Pages of each allocation.</summary>
    [Params(1, 512)]
    public int Pages { get; set; }

    /// <summary>Allocates the live regions.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _allocator = new IovaAllocator(Environment.ProcessorCount, timers: true);
        for (int i = 0; i < LiveRegions; i++)
        {
            if (Allocate() == 0)
            {
                throw new InvalidOperationException($"Only {i} regions of {Pages} pages could be allocated.");
            }
        }

        AllocateAndFree();
        _work = default;
    }

    /// <summary>Checks that allocations were served where they should.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        (ulong expected, ulong other) = Pages == 1 ? (_work.IovaAllocMagazine, _work.IovaAllocTree) : (_work.IovaAllocTree, _work.IovaAllocMagazine);
        _allocator!.Dispose();

        // A thread that changes its processor finds the magazines of that one empty once.
        if (other > expected / 1000 || expected == 0)
        {
            throw new InvalidOperationException(
                $"{_work.IovaAllocMagazine} allocations by magazine, {_work.IovaAllocTree} by tree: the figures are void.");
        }
    }

    /// <summary>Allocates and frees, again and again.</summary>
    [Benchmark(OperationsPerInvoke = Repetitions)]
    public void AllocateAndFree()
    {
        for (int i = 0; i < Repetitions; i++)
        {
            _allocator!.Free(Allocate(), (ulong)Pages, ref _work);
        }
    }

    private ulong Allocate() => _allocator!.Allocate((ulong)Pages, LastPage, flushCaches: true, ref _work);
}
