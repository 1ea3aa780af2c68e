using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Peers;

namespace XeSvm.Peers;

/// <summary>Measures migrations between devices in the software model of patches 6 to 11.</summary>
public static class PeerMeasurement
{
    private const int PageShift = 12;
    private const int LargestPages = 512;

    /// <summary>Runs a plan.</summary>
    /// <param name="plan">What to measure.</param>
    /// <param name="cancellation">Looked at before each row.</param>
    /// <exception cref="ArgumentException">A value of the plan is not valid; the message says which and what is.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static PeerRecord Run(PeerMeasurementPlan plan, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(plan);
        Validate(plan);
        List<PeerMeasurementRow> rows = [];
        List<PeerBreakEven> breakEven = [];
        foreach (MachineTopology topology in plan.Topologies)
        {
            foreach (ulong bytes in plan.Sizes)
            {
                foreach (string policy in plan.Policies)
                {
                    cancellation.ThrowIfCancellationRequested();
                    rows.Add(Measure(topology, policy, bytes, plan.Migrations));
                }
            }

            if (topology.Link(0, 1).Route is not MachineRoute.None)
            {
                breakEven.AddRange(plan.Policies.Where(policy => policy != "per-page").Select(policy => BreakEvenOf(topology, policy)));
            }
        }

        return new PeerRecord(PeerRecord.CurrentSchema, "software", rows, breakEven) { Assumptions = PeerCostModel.Assumptions };
    }

    private static void Validate(PeerMeasurementPlan plan)
    {
        if (plan.Topologies.Count == 0 || plan.Topologies.Any(topology => topology.Devices.Count < 2))
        {
            throw new ArgumentException("A measurement between devices needs a topology of at least two devices.", nameof(plan));
        }

        if (plan.Policies.Except(PeerMeasurementPlan.AllPolicies).FirstOrDefault() is { } unknown)
        {
            throw new ArgumentException(
                $"'{unknown}' is no policy; valid are {string.Join(", ", PeerMeasurementPlan.AllPolicies)}.", nameof(plan));
        }

        ulong most = plan.Topologies.Min(topology => topology.Devices.Take(2).Min(device => device.VramBytes));
        if (plan.Sizes.Any(size => size == 0 || size % (1 << PageShift) != 0 || size > most))
        {
            throw new ArgumentException($"A size is no multiple of 4096 bytes up to {most}, the least VRAM of the devices.", nameof(plan));
        }

        if (plan.Migrations < 1)
        {
            throw new ArgumentException($"Migrations is {plan.Migrations}; valid is 1 and up.", nameof(plan));
        }
    }

    private static PeerMeasurementRow Measure(MachineTopology topology, string policy, ulong bytes, int migrations)
    {
        PeerExperimentResult result = PeerExperiment.Run(topology.Topology, policy, bytes, migrations);
        PeerWork work = result.Work;
        MachineLink link = topology.Link(0, 1);
        MachineDevice initiator = topology.Devices[0];
        (double low, double high) = PeerCostModel.Cpu(in work, initiator.Iommu, (int)(bytes >> PageShift), link.Route == MachineRoute.None ? 2 : 1, migrations);
        PeerLink way = topology.Topology.Link(0, 1);
        (double? copyLow, double? copyHigh) = PeerCostModel.Copy(way, bytes);
        return new PeerMeasurementRow(
            topology.Name,
            link.RouteName,
            policy,
            bytes,
            initiator.Iommu.ToString().ToLowerInvariant(),
            initiator.CoherentWalker ? "coherent" : "non-coherent",
            migrations,
            CountersOf(in work.Initiator),
            CountersOf(in work.Target),
            work.Direct,
            work.CookieAlloc,
            link.Route == MachineRoute.None ? 0 : work.Bytes[(int)link.Route],
            work.Bytes[(int)MachineRoute.None],
            result.Elapsed.TotalMicroseconds / migrations,
            result.Memcpy.TotalMicroseconds / migrations,
            low,
            high,
            way.IsUsable ? way.CopyMicroseconds(bytes) : null)
        {
            ModelledCopyLowUs = copyLow,
            ModelledCopyHighUs = copyHigh,
        };
    }

    private static PeerBreakEven BreakEvenOf(MachineTopology topology, string policy)
    {
        ulong? atLow = null;
        ulong? atHigh = null;
        IommuMode mode = topology.Devices[0].Iommu;
        for (int pages = 1; pages <= LargestPages && (atLow is null || atHigh is null); pages *= 2)
        {
            (double low, double high) = Cost(policy);
            (double baseLow, double baseHigh) = Cost("per-page");
            atLow ??= low <= baseLow ? (ulong)pages << PageShift : null;
            atHigh ??= high <= baseHigh ? (ulong)pages << PageShift : null;

            (double Low, double High) Cost(string name)
            {
                PeerWork work = PeerExperiment.Count(topology.Topology, name, pages);
                return PeerCostModel.Cpu(in work, mode, pages, steps: 1, migrations: 1);
            }
        }

        return new PeerBreakEven(topology.Name, topology.Link(0, 1).RouteName, policy, atLow, atHigh);
    }

    private static Dictionary<string, ulong> CountersOf(in DmaWork work)
    {
        Dictionary<string, ulong> counters = [];
        ReadOnlySpan<ulong> values = DmaWork.ReadValues(in work);
        for (int i = 0; i < values.Length; i++)
        {
            counters.Add(DmaWork.Names[i], values[i]);
        }

        return counters;
    }
}
