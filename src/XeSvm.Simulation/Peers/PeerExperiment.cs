using System.Diagnostics;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Peers.Locks;
using XeSvm.Simulation.Peers.Machine;
using XeSvm.Simulation.Peers.Mapping;

namespace XeSvm.Simulation.Peers;

/// <summary>What migrations between the first two devices of a topology cost.</summary>
/// <param name="Work">Work of all counted migrations.</param>
/// <param name="Elapsed">This host's time for all of them.</param>
/// <param name="Memcpy">This host's time for as many plain copies of the same size, between memory of the same kind, in the same run.</param>
internal readonly record struct PeerExperimentResult(PeerWork Work, TimeSpan Elapsed, TimeSpan Memcpy);

/// <summary>Moves one allocation to and fro between the first two devices of a topology, with real bytes.</summary>
internal static class PeerExperiment
{
    private static readonly string[] s_policies = ["per-page", "driver-owned", "broker"];
    private static readonly string[] s_driverPolicies = [.. s_policies, "stub"];

    /// <summary>The names of the policies that are worth comparing.</summary>
    public static ReadOnlySpan<string> Policies => s_policies;

    /// <summary>The names of all policies: those, and patch 7's stub, whose work is that of page by page.</summary>
    public static ReadOnlySpan<string> DriverPolicies => s_driverPolicies;

    /// <summary>Makes a policy for a machine.</summary>
    /// <exception cref="FormatException">There is none of that name; the message lists those that there are.</exception>
    public static PeerMappingPolicy CreatePolicy(string name, PeerTopology topology, LockChecker locks) => name switch
    {
        "per-page" => new PeerPerPagePolicy(topology),
        "driver-owned" => new DriverOwnedPolicy(topology, CreateIova(name, topology, locks)),
        "broker" => new BrokerPolicy(topology, CreateIova(name, topology, locks)),
        "stub" => new DriverOwnedPolicy(topology, CreateIova(name, topology, locks), name),
        _ => throw new FormatException($"'{name}' is no policy; valid are {string.Join(", ", s_driverPolicies)}."),
    };

    /// <summary>The interface that get_pages has with a policy.</summary>
    public static PagemapIova CreateIova(string policyName, PeerTopology topology, LockChecker locks) =>
        policyName is "per-page" or "stub" ? new NoPagemapIova(locks) : new DevicePagemapIova(topology, locks);

    /// <summary>Migrates.</summary>
    /// <param name="topology">A machine of at least two devices.</param>
    /// <param name="policyName">Who makes addresses.</param>
    /// <param name="bytes">Size of the allocation.</param>
    /// <param name="migrations">Migrations to count, after two that warm caches up.</param>
    /// <exception cref="InvalidOperationException">A migration failed.</exception>
    public static PeerExperimentResult Run(PeerTopology topology, string policyName, ulong bytes, int migrations)
    {
        using PeerMachine machine = new(topology);
        PeerMover mover = new(machine, CreatePolicy(policyName, topology, machine.Locks), MappingStrategy.Parse("iova"));
        Require(machine.Allocate(bytes, out PeerAllocation? allocation));
        PeerWork work = default;
        for (int device = 0; device < 3; device++)
        {
            Require(mover.ToDevice(allocation!, device % 2, 0, ref work));
        }

        work = default;
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < migrations; i++)
        {
            Require(mover.ToDevice(allocation!, (i + 1) % 2, 0, ref work));
        }

        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        return new PeerExperimentResult(work, elapsed, TimeOfMemcpy(machine, bytes, migrations));
    }

    /// <summary>Counts the mapping work of one range, without any copy; one processor and no timers, so that nothing but the arguments matters.</summary>
    public static PeerWork Count(PeerTopology topology, string policyName, int pages)
    {
        PeerDeviceDescription[] devices =
            [.. topology.Devices.Select(device => device with { Iommu = device.Iommu with { Processors = 1, Timers = false } })];
        using PeerDevice initiator = new(0, devices[0]);
        using PeerDevice target = new(1, devices[1]);
        using LockChecker locks = new();
        PeerMappingPolicy policy = CreatePolicy(policyName, topology, locks);
        PeerPage[] array = [.. Enumerable.Range(0, pages).Select(i => new PeerPage((ulong)i << IoEntry.PageShift, 0, IsHole: false))];
        BusAddress[] addresses = new BusAddress[pages];
        PeerWork work = default;
        for (int round = 0; round < 3; round++)
        {
            work = default; // the first rounds fill magazines and upper tables
            PeerMapping mapping = default;
            int result = policy.Map(target, initiator, array, DmaDirection.FromDevice, addresses, ref mapping, ref work);
            policy.Unmap(target, initiator, addresses, DmaDirection.FromDevice, ref mapping, ref work);
            Require(result);
        }

        return work;
    }

    // Between the two devices' memory, page by page as the engine copies, without anything that the model does.
    private static unsafe TimeSpan TimeOfMemcpy(PeerMachine machine, ulong bytes, int migrations)
    {
        PeerDevice one = machine.Device(0);
        PeerDevice other = machine.Device(1);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < migrations; i++)
        {
            (PeerDevice from, PeerDevice to) = i % 2 == 0 ? (one, other) : (other, one);
            Buffer.MemoryCopy(from.Pointer(0), to.Pointer(0), bytes, bytes);
        }

        return Stopwatch.GetElapsedTime(start);
    }

    private static void Require(int result)
    {
        if (result < 0)
        {
            throw new InvalidOperationException($"A migration between devices failed with errno {-result}.");
        }
    }
}
