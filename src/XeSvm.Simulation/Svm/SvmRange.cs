using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Pagemap;
using XeSvm.Simulation.Peers.Mapping;

namespace XeSvm.Simulation.Svm;

/// <summary>
/// An aligned chunk of 2 MiB, 64 KiB or 4 KiB of mirrored memory (xe_svm_range); never split, resized or moved. All mutable state is
/// guarded by the mirror's notifier lock.
/// </summary>
internal sealed class SvmRange : IChunk
{
    public ulong Start { get; private set; }

    public ulong Size { get; private set; }

    public ulong End => Start + Size;

    public int PageCount => (int)(Size >> PageConstants.PageShift);

    /// <summary>Whether the CPU memory may live in VRAM; decided at creation.</summary>
    public bool MigrateDevmem { get; private set; }

    /// <summary>Bit per tile: page-table entries were written.</summary>
    public uint TilePresent { get; set; }

    /// <summary>Bit per tile: page-table entries were zapped since.</summary>
    public uint TileInvalidated { get; set; }

    /// <summary>The client unmapped (part of) the memory; the garbage collector will take the range away.</summary>
    public bool Unmapped { get; set; }

    /// <summary>Changes with every invalidation: what was learnt about the pages before is void.</summary>
    public long Sequence { get; set; }

    public SvmPages Pages { get; } = new();

    /// <summary>Gives a pooled record its place.</summary>
    public void Assign(ulong start, ulong size, bool migrateDevmem)
    {
        Start = start;
        Size = size;
        MigrateDevmem = migrateDevmem;
        TilePresent = 0;
        TileInvalidated = 0;
        Unmapped = false;
    }

    /// <summary>Bit per tile whose page table has this range.</summary>
    public uint BoundTiles => TilePresent & ~TileInvalidated;
}

/// <summary>Where the pages of a range are for the device (drm_gpusvm_pages).</summary>
internal sealed class SvmPages
{
    /// <summary>One slot per page for system memory; device memory needs the first only.</summary>
    public DeviceAddress[] Addresses { get; private set; } = [];

    public DmaMapping Mapping;

    public DmaDirection Direction { get; set; }

    /// <summary>Number of slots in use.</summary>
    public int Count { get; set; }

    /// <summary>Whether there are bus addresses of system pages to be unmapped.</summary>
    public bool HasDmaMapping { get; set; }

    /// <summary>The VRAM that the data is in; null for system memory.</summary>
    public DeviceMemoryAllocation? Device { get; set; }

    /// <summary>
    /// The addresses of data that is in another device's VRAM; null until there was any. Whether there are any now is
    /// <see cref="PeerRangeMapping.IsMapped"/>; its cookie may outlive them (patch 11).
    /// </summary>
    public PeerRangeMapping? Peer { get; set; }

    /// <summary>Whether the data is in another device's VRAM.</summary>
    public bool IsPeer => Peer is { IsMapped: true };

    public bool IsValid => HasDmaMapping || Device is not null;

    /// <summary>Makes room for a number of pages; kept for the next use of the record.</summary>
    public Span<DeviceAddress> Reserve(int pages)
    {
        if (Addresses.Length < pages)
        {
            Addresses = new DeviceAddress[pages];
        }

        Span<DeviceAddress> slots = Addresses.AsSpan(0, pages);
        slots.Clear();
        return slots;
    }
}
