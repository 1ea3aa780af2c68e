namespace XeSvm.Peers;

/// <summary>What to measure between devices. Software backend only: it is a model of patches that no kernel has.</summary>
public sealed record PeerMeasurementPlan
{
    /// <summary>Migrations for each row when nothing else is said.</summary>
    public const int DefaultMigrations = 256;

    /// <summary>The policies: <c>per-page</c> (as Linux 7.3), <c>driver-owned</c> (patches 6 to 11), <c>broker</c> (one mapping service).</summary>
    public static IReadOnlyList<string> AllPolicies { get; } = [.. Simulation.Peers.PeerExperiment.Policies];

    /// <summary>The machines. Data moves between the first two devices of each.</summary>
    public required IReadOnlyList<MachineTopology> Topologies { get; init; }

    /// <summary>The policies.</summary>
    public IReadOnlyList<string> Policies { get; init; } = AllPolicies;

    /// <summary>Sizes in bytes; multiples of 4 KiB.</summary>
    public IReadOnlyList<ulong> Sizes { get; init; } = [2UL << 20, 64UL << 10];

    /// <summary>Migrations for each row, from 1 up.</summary>
    public int Migrations { get; init; } = DefaultMigrations;
}
