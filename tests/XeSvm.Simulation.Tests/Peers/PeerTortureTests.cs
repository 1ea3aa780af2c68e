using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Peers.Machine;
using XeSvm.Simulation.Peers.Mapping;
using Xunit;
using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Peers;

/// <summary>Four devices, all pairs migrating into each other, VRAM and page tables too small for all: every byte right, nothing left.</summary>
public class PeerTortureTests(ITestOutputHelper output)
{
    private const int Threads = 4;
    private const int Rounds = 300;
    private const int Shared = 6;
    private const int Counters = 64;

    [Theory]
    [InlineData("quad-fabric-virtual", "driver-owned")]
    [InlineData("quad-fabric-virtual", "broker")]
    [InlineData("quad-fabric-physical", "driver-owned")]
    [InlineData("quad-fabric-virtual", "per-page")]
    [InlineData("pair-p2p", "driver-owned")]
    public void All_pairs_migrate_into_each_other_and_no_byte_is_lost(string name, string policy)
    {
        int seed = PeerTorture.Seed(output);
        PeerTopology topology = BuiltInPeerTopologies.Load(name).With(device =>
            device with { VramBytes = 2 * PeerMachines.Megabyte, Iommu = device.Iommu with { MaxTables = 5 } });
        using PeerMachine machine = new(topology);
        foreach (PeerDevice device in machine.Devices)
        {
            PeerTorture.InjectMappingFailures(device.Faults);
            PeerTorture.InjectMappingFailures(device.FabricFaults);
        }

        PeerMover mover = PeerMachines.Mover(machine, policy);
        PeerAllocation[] shared = [.. Enumerable.Range(0, Shared).Select(_ => PeerMachines.Allocate(machine, PeerMachines.Megabyte))];
        int[,] added = new int[Shared, Counters];
        Worker[] workers = [.. Enumerable.Range(0, Threads).Select(i => new Worker(machine, mover, shared, added, new Random(seed + i)))];
        PeerTorture.RunAll(workers.Select(worker => (Action)worker.Run));
        Assert.All(workers, worker => Assert.Null(worker.Failure));
        PeerWork total = default;
        foreach (Worker worker in workers)
        {
            total.Add(in worker.Work);
        }

        for (int i = 0; i < Shared; i++)
        {
            for (int counter = 0; counter < Counters; counter++)
            {
                Assert.Equal(added[i, counter], (int)PeerMachines.Words(machine, shared[i])[counter * 1024]);
            }
        }

        foreach (PeerAllocation allocation in shared)
        {
            machine.Free(allocation, ref total);
        }

        output.WriteLine($"{workers.Sum(worker => worker.Moved)} moves, {workers.Sum(worker => worker.Refused)} refused, "
            + $"{workers.Sum(worker => worker.Added)} atomics, {total.CookieAlloc} cookies, {machine.EvictionsRefused} evictions refused");
        Assert.True(workers.Sum(worker => worker.Moved) > 0 && workers.Sum(worker => worker.Added) > 0);
        Assert.Equal(total.CookieAlloc, total.CookieFree);
        Assert.Equal(0UL, machine.System.Used);
        PeerMachines.AssertClean(machine);
    }

    private sealed class Worker(PeerMachine machine, PeerMover mover, PeerAllocation[] shared, int[,] added, Random random)
    {
        public PeerWork Work;

        public int Moved { get; private set; }

        public int Refused { get; private set; }

        public int Added { get; private set; }

        public Exception? Failure { get; private set; }

        public void Run()
        {
            DevicePagemapIova iova = new(machine.Topology, machine.Locks);
            PeerSvmPages[] views = [.. shared.Select(allocation => new PeerSvmPages(
                machine, iova, allocation, machine.Device(random.Next(machine.Devices.Length)), 0, allocation.Size))];
            try
            {
                for (int round = 0; round < Rounds; round++)
                {
                    int index = random.Next(shared.Length);
                    if (random.Next(2) == 0)
                    {
                        Move(shared[index]);
                    }
                    else
                    {
                        AddAtomically(views[index], index);
                    }
                }
            }
            catch (Exception failure) when (failure is InvalidOperationException or LockRecursionException or Xunit.Sdk.XunitException)
            {
                Failure = failure;
            }

            foreach (PeerSvmPages view in views)
            {
                view.Free(ref Work);
            }
        }

        private void Move(PeerAllocation allocation)
        {
            int device = random.Next(-1, machine.Devices.Length);
            int result = device < 0 ? mover.ToSystem(allocation, ref Work) : mover.ToDevice(allocation, device, 0, ref Work);
            Assert.True(result is 0 or -Errno.ENOMEM or -Errno.EFAULT or -Errno.EIO, $"errno {-result}");
            Moved += result == 0 ? 1 : 0;
            Refused += result == 0 ? 0 : 1;
        }

        private void AddAtomically(PeerSvmPages view, int index)
        {
            int counter = random.Next(Counters);
            for (int attempt = 0; attempt < 50; attempt++)
            {
                int result = view.AtomicAdd((ulong)counter * 4096, 1);
                if (result == 0)
                {
                    Interlocked.Increment(ref added[index, counter]);
                    Added++;
                    return;
                }

                Assert.Equal(-Errno.EFAULT, result);
                result = view.Get(ref Work);
                if (result is -Errno.ENXIO or -Errno.ENOMEM or -Errno.ENOLINK or -Errno.EBUSY or -Errno.EFAULT or -Errno.EIO)
                {
                    return;
                }

                Assert.Equal(0, result);
            }
        }
    }
}
