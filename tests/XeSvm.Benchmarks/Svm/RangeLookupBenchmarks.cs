using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Simulation.Svm;

namespace XeSvm.Benchmarks.Svm;

/// <summary>Finding the range of an address.</summary>
[Config(typeof(Configuration))]
[TableDescription(
    "One lookup of a random address among 1,000,000 ranges of one size, each of them reached: 4K ranges lie side by side, 2M ranges over 2 TiB. "
    + "Backend: software, its range table alone.")]
public class RangeLookupBenchmarks
{
    private const int Ranges = 1_000_000;
    private const int Lookups = 4096;
    private const ulong First = 1UL << 40;
    private readonly SvmRangeTable _table = new();
    private readonly ulong[] _addresses = new ulong[Lookups];

    /// <summary>KiB of each range.</summary>
    [Params(4, 2048)]
    public int KiB { get; set; }

    /// <summary>Fills the table.</summary>
    [GlobalSetup]
    public void Setup()
    {
        ulong size = (ulong)KiB << 10;
        for (int i = 0; i < Ranges; i++)
        {
            var range = new Simulation.Svm.SvmRange();
            range.Assign(First + ((ulong)i * size), size, migrateDevmem: true);
            _table.Add(range);
        }

        var random = new Random(1);
        for (int i = 0; i < Lookups; i++)
        {
            _addresses[i] = First + ((ulong)random.NextInt64(Ranges) * size);
        }

        WarmUp.Run(() => _ = Find());
    }

    /// <summary>Looks all addresses up.</summary>
    [Benchmark(OperationsPerInvoke = Lookups)]
    public int Find()
    {
        int found = 0;
        foreach (ulong address in _addresses)
        {
            found += _table.TryFind(address, out _) ? 1 : 0;
        }

        return found == Lookups ? found : throw new InvalidOperationException($"Only {found} of {Lookups} ranges were found.");
    }

    /// <summary>Records what it allocates.</summary>
    [GlobalCleanup]
    public void Cleanup() => AllocationProbe.Record(typeof(RangeLookupBenchmarks), nameof(Find), [KiB], () => _ = Find(), 10, Lookups);

    private sealed class Configuration : ManualConfig
    {
        public Configuration() => AddColumn(AllocationProbe.Column);
    }
}
