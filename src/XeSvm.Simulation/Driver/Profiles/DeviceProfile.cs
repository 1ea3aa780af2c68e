using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver;

/// <summary>What a device is: the facts that queries answer and checks depend on (xe_pci.c descriptors).</summary>
internal sealed record DeviceProfile
{
    public required string Name { get; init; }

    public required ushort DeviceId { get; init; }

    public byte Revision { get; init; }

    public required int VirtualAddressBits { get; init; }

    /// <summary>Has VRAM of its own.</summary>
    public required bool IsDiscrete { get; init; }

    /// <summary>Granularity of VRAM and of bindings to it, in bytes.</summary>
    public required uint MinPageSize { get; init; }

    /// <summary>Fault-mode VMs may have a scratch page.</summary>
    public required bool NeedsScratch { get; init; }

    /// <summary>Can fault: fault-mode VMs and CPU address mirroring.</summary>
    public required bool HasUsm { get; init; }

    public required bool HasDeviceAtomicsOnSystemMemory { get; init; }

    /// <summary>Number of PAT entries, and which of them are reserved (bit per index).</summary>
    public required ushort PatEntries { get; init; }

    public required uint ReservedPatEntries { get; init; }

    /// <summary>Bit per PAT index: no coherency with the CPU's caches (XE_COH_NONE).</summary>
    public required uint IncoherentPatEntries { get; init; }

    /// <summary>Bit per PAT index: compression enabled.</summary>
    public required uint CompressingPatEntries { get; init; }

    public required byte GraphicsVersion { get; init; }

    public required byte GraphicsRelease { get; init; }

    public required uint ReferenceClock { get; init; }

    /// <summary>User-visible engines of GT 0, in query order.</summary>
    public required IReadOnlyList<(EngineClass Class, int Instance)> Engines { get; init; }

    public required bool HasNoCompressionHint { get; init; }

    /// <summary>
    /// A Battlemage with one tile (bmg_desc): graphics 20.1, PAT table of Xe2 cut off at 28 entries, BCS8 reserved, one visible compute
    /// engine. The media GT is left out.
    /// </summary>
    public static DeviceProfile Battlemage { get; } = new()
    {
        Name = "bmg",
        DeviceId = 0xe20b,
        VirtualAddressBits = 48,
        IsDiscrete = true,
        MinPageSize = 4096,
        NeedsScratch = true,
        HasUsm = true,
        HasDeviceAtomicsOnSystemMemory = true,
        PatEntries = 28,
        ReservedPatEntries = 0b1111u << 16,
        IncoherentPatEntries = Bits(0, 3, 6, 8, 9, 10, 11, 12, 13, 14, 15, 20, 21, 24, 25),
        CompressingPatEntries = Bits(9, 10, 11, 12, 14, 15, 21, 25),
        GraphicsVersion = 20,
        GraphicsRelease = 1,
        ReferenceClock = 19_200_000,
        Engines =
        [
            (EngineClass.Render, 0),
            (EngineClass.Copy, 0),
            (EngineClass.Compute, 0),
        ],
        HasNoCompressionHint = true,
    };

    private static uint Bits(params ReadOnlySpan<int> indices)
    {
        uint bits = 0;
        foreach (int index in indices)
        {
            bits |= 1u << index;
        }

        return bits;
    }
}
