using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using XeSvm.Benchmarks.Reporting;

namespace XeSvm.Benchmarks.Peers;

/// <summary>Migration of 2 MiB of SVM memory from one device to another and back.</summary>
[Config(typeof(Configuration))]
[TableDescription(
    "Migrate: one migration of 2 MiB from a device's VRAM to another's, without page faults and page-table writes of a GPU; pair-isolated has no way between them and goes by system memory, in "
    + "two steps. Memcpy: 2 MiB to and fro between two places, so that as much of them is in caches as of the VRAM. Policy: who makes the addresses. Backend: software, its Pagemap and Peers rooms. IOMMU: strict, coherent walker. A model: "
    + "says nothing of hardware.")]
public unsafe class PeerMigrationBenchmarks
{
    private const int Moves = 16;
    private const int AllocationRepetitions = 20;

    private PeerBenchMachine? _machine;
    private void* _here;
    private void* _there;

    /// <summary>The ways between the devices.</summary>
    [Params("pair-p2p", "quad-fabric-physical", "quad-fabric-virtual", "pair-isolated")]
    public string Topology { get; set; } = "pair-p2p";

    /// <summary>Who makes addresses.</summary>
    [Params("per-page", "driver-owned", "broker")]
    public string Policy { get; set; } = "driver-owned";

    /// <summary>Pages of a migration.</summary>
    [Params(PeerBenchMachine.Pages)]
    public int Pages { get; set; } = PeerBenchMachine.Pages;

    /// <summary>Makes the machine.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _machine = new PeerBenchMachine(Topology, Policy, blocks: 1);
        _here = NativeMemory.AllocZeroed((nuint)PeerBenchMachine.Block);
        _there = NativeMemory.AllocZeroed((nuint)PeerBenchMachine.Block);
        WarmUp.Run(Migrate);
    }

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        AllocationProbe.Record(typeof(PeerMigrationBenchmarks), nameof(Migrate), [Topology, Policy, Pages], Migrate, AllocationRepetitions);
        _machine!.Dispose();
        NativeMemory.Free(_here);
        NativeMemory.Free(_there);
    }

    /// <summary>To the second device and back.</summary>
    [Benchmark(OperationsPerInvoke = Moves)]
    public void Migrate()
    {
        for (int i = 0; i < Moves; i++)
        {
            _machine!.Move(0, (i + 1) % 2);
        }
    }

    /// <summary>The CPU's copy of as much.</summary>
    [Benchmark(OperationsPerInvoke = Moves)]
    public void Memcpy()
    {
        for (int i = 0; i < Moves; i++)
        {
            Buffer.MemoryCopy(_here, _there, PeerBenchMachine.Block, PeerBenchMachine.Block);
            void* copied = _there;
            _there = _here;
            _here = copied;
        }
    }

    private sealed class Configuration : ManualConfig
    {
        public Configuration() => AddColumn(
            new PerUnitColumn("page", nameof(Pages)),
            new ThroughputColumn(_ => PeerBenchMachine.Block),
            new ShareColumn("of memcpy", nameof(Memcpy)),
            AllocationProbe.Column);
    }
}
