using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Profiles;

/// <summary>What one device is: the facts that queries answer and checks depend on (the descriptors of xe_pci.c).</summary>
internal sealed record DeviceProfile
{
    public required string Name { get; init; }

    public required ushort DeviceId { get; init; }

    public required byte Revision { get; init; }

    public required int VirtualAddressBits { get; init; }

    /// <summary>Granularity of VRAM and of bindings to it, in bytes (XE_VRAM_FLAGS_NEED64K).</summary>
    public required uint MinPageSize { get; init; }

    /// <summary>Fault-mode VMs may have a scratch page.</summary>
    public required bool NeedsScratch { get; init; }

    /// <summary>Can fault: fault-mode VMs and CPU address mirroring.</summary>
    public required bool HasUsm { get; init; }

    public required bool HasDeviceAtomicsOnSystemMemory { get; init; }

    /// <summary>Keeps compression metadata next to VRAM, which DECOMPRESS needs.</summary>
    public required bool HasFlatCcs { get; init; }

    public required bool HasEuStallSampling { get; init; }

    /// <summary>Engines can schedule groups of queues (MULTI_GROUP).</summary>
    public required bool HasMultiQueue { get; init; }

    /// <summary>Whether the version registers exist; without them GT_LIST says 0 (GMD_ID).</summary>
    public required bool ReportsVersions { get; init; }

    public required byte GraphicsVersion { get; init; }

    public required byte GraphicsRelease { get; init; }

    public required PatTable Pat { get; init; }

    public required FirmwareVersion GucSubmission { get; init; }

    /// <summary>Null when there is none.</summary>
    public required FirmwareVersion? Huc { get; init; }

    /// <summary>The answer to HWCONFIG: keys, lengths and values as 32-bit words.</summary>
    public required IReadOnlyList<uint> HardwareConfiguration { get; init; }

    public required IReadOnlyList<TileProfile> Tiles { get; init; }

    /// <summary>Has VRAM of its own (IS_DGFX).</summary>
    public bool IsDiscrete => Tiles[0].VramBytes != 0;

    public bool HasNoCompressionHint => GraphicsVersion >= 20;

    /// <summary>GT ids count up by this from tile to tile.</summary>
    public int GtsPerTile => Tiles.Max(tile => tile.Gts.Count);
}

/// <summary>One tile.</summary>
/// <param name="VramBytes">Usable VRAM; 0 on integrated devices.</param>
/// <param name="VisibleVramBytes">How much of it the CPU can reach; all of it with a full BAR.</param>
/// <param name="Gts">The main GT, then the media GT if there is one.</param>
internal sealed record TileProfile(ulong VramBytes, ulong VisibleVramBytes, IReadOnlyList<GtProfile> Gts)
{
    /// <summary>The tile with another size of VRAM; the part that the CPU reaches changes in proportion.</summary>
    public TileProfile WithVram(ulong bytes)
    {
        ulong share = (ulong)((UInt128)bytes * VisibleVramBytes / VramBytes);
        return this with { VramBytes = bytes, VisibleVramBytes = Math.Max(share & ~PageConstants.BlockMask, PageConstants.BlockSize) };
    }
}

/// <summary>One GT.</summary>
internal sealed record GtProfile
{
    public required GtType Type { get; init; }

    public required byte Version { get; init; }

    public required byte Release { get; init; }

    /// <summary>In hertz.</summary>
    public required uint ReferenceClock { get; init; }

    /// <summary>How many engines of each class there are, those included that user space does not see.</summary>
    public required IReadOnlyList<(EngineClass Class, int Count)> Engines { get; init; }

    public required GtTopology Topology { get; init; }
}

/// <summary>What GT_TOPOLOGY says of a GT. Masks have the lowest bits set; those of a media GT are zero.</summary>
/// <param name="GeometryDss">Dual subslices (Xe cores) for geometry.</param>
/// <param name="ComputeDss">Dual subslices (Xe cores) for compute.</param>
/// <param name="L3Banks">Banks of the L3 cache.</param>
/// <param name="EusPerDss">Execution units of each dual subslice.</param>
/// <param name="IsSimd16">Execution units are 16 lanes wide.</param>
internal readonly record struct GtTopology(int GeometryDss, int ComputeDss, int L3Banks, int EusPerDss, bool IsSimd16);

/// <summary>A firmware's version.</summary>
internal readonly record struct FirmwareVersion(uint Major, uint Minor, uint Patch);
