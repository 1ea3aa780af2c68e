using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Benchmarks.Dma;

/// <summary>Mapping and unmapping the pages of a migration.</summary>
[Config(typeof(Configuration))]
[TableDescription(
    "Map and unmap of one segment of 4 KiB system pages for the device (MapMigrate, UnmapMigrate), without any copy. Backend: software, its DMA rooms "
    + "alone. IOMMU: column Mode, coherent walker, 4 levels, timers on. Layout: behind the strategy's name.")]
public class DmaMappingBenchmarks
{
    private MappedSegment? _segment;

    /// <summary>The strategies and their layouts.</summary>
    public static IEnumerable<MappingCase> Cases =>
    [
        new("per-page", "scattered"),
        new("iova", "scattered"),
        new("iova-runs", "scattered"),
        new("iova-runs", "runs:8"),
        new("iova-filled", "scattered"),
        new("scatterlist", "scattered"),
    ];

    /// <summary>The domain's mode.</summary>
    [Params(IommuMode.Passthrough, IommuMode.Lazy, IommuMode.Strict)]
    public IommuMode Mode { get; set; }

    /// <summary>How pages are mapped, and how they lie.</summary>
    [ParamsSource(nameof(Cases))]
    public MappingCase Strategy { get; set; } = new("iova", "scattered");

    /// <summary>Pages of the segment.</summary>
    [Params(1, 16, 512, 8192)]
    public int Pages { get; set; }

    /// <summary>Makes the domain and the pages.</summary>
    [GlobalSetup]
    public void Setup() => _segment = new MappedSegment(Mode, Strategy, Pages);

    /// <summary>Checks and frees the domain.</summary>
    [GlobalCleanup]
    public void Cleanup() => _segment!.Dispose();

    /// <summary>One segment.</summary>
    [Benchmark]
    public void MapAndUnmap() => _segment!.MapAndUnmap();

    private sealed class Configuration : ManualConfig
    {
        public Configuration() => AddColumn(new PerUnitColumn("page", nameof(Pages)));
    }
}
