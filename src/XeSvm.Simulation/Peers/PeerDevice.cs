using System.Runtime.InteropServices;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Peers.Machine;

namespace XeSvm.Simulation.Peers;

/// <summary>
/// A device of the machine: VRAM with real bytes, the BAR through which others see it over PCIe, the domain that its own accesses go
/// through, and the address space that a translated fabric gives to others.
/// </summary>
internal sealed unsafe class PeerDevice : PeerPort, IDisposable
{
    private readonly Lock _lock = new();
    private readonly VramManager[] _tiles;
    private readonly SortedDictionary<ulong, PeerBuffer> _buffers = [];
    private readonly LinkedList<PeerBuffer> _leastRecentlyUsed = [];
    private byte* _memory;

    /// <param name="index">The device's place in its machine.</param>
    /// <param name="description">What it is.</param>
    public PeerDevice(int index, PeerDeviceDescription description)
        : base(index, new DmaDevice(description.Name, new IommuDomain(description.Iommu)))
    {
        Description = description;
        Dma.Injection = Faults;
        _tiles = new VramManager[description.Tiles];
        for (int tile = 0; tile < _tiles.Length; tile++)
        {
            _tiles[tile] = new VramManager(description.VramBytes);
        }

        _memory = (byte*)NativeMemory.AllocZeroed((nuint)VramBytes);
    }

    ~PeerDevice() => NativeMemory.Free(_memory);

    /// <summary>Makes mappings in the device's own DMA space fail.</summary>
    public FaultInjector Faults { get; } = new(FaultPlan.None);

    /// <summary>What it is.</summary>
    public PeerDeviceDescription Description { get; }

    /// <summary>VRAM of all tiles, in bytes.</summary>
    public ulong VramBytes => Description.VramBytes * (ulong)Description.Tiles;

    /// <inheritdoc/>
    public override byte* Pointer(ulong offset) => offset < VramBytes ? _memory + offset : null;

    /// <summary>Takes VRAM of one tile; false when there is none.</summary>
    public bool TryAllocate(int tile, ulong bytes, out ulong offset)
    {
        bool taken = _tiles[tile].TryAllocate(bytes, out ulong inTile);
        offset = ((ulong)tile * Description.VramBytes) + inTile;
        return taken;
    }

    /// <summary>Makes a buffer that has VRAM known, as the one used last.</summary>
    public void Add(PeerBuffer buffer)
    {
        lock (_lock)
        {
            _buffers.Add(buffer.Offset, buffer);
            buffer.Node = _leastRecentlyUsed.AddLast(buffer);
        }
    }

    /// <summary>Moves a buffer to the end of the list of what to evict.</summary>
    public void Touch(PeerBuffer buffer)
    {
        lock (_lock)
        {
            if (buffer.Node is { List: not null } node)
            {
                _leastRecentlyUsed.Remove(node);
                _leastRecentlyUsed.AddLast(node);
            }
        }
    }

    /// <summary>Forgets a buffer and gives its VRAM back.</summary>
    public void Release(PeerBuffer buffer)
    {
        lock (_lock)
        {
            _buffers.Remove(buffer.Offset);
            _leastRecentlyUsed.Remove(buffer.Node!);
        }

        int tile = (int)(buffer.Offset / Description.VramBytes);
        _tiles[tile].Free(buffer.Offset % Description.VramBytes);
    }

    /// <summary>The buffers of a tile, least recently used first.</summary>
    public PeerBuffer[] EvictionOrder(int tile)
    {
        lock (_lock)
        {
            return [.. _leastRecentlyUsed.Where(buffer => (int)(buffer.Offset / Description.VramBytes) == tile)];
        }
    }

    /// <summary>All buffers.</summary>
    public PeerBuffer[] Buffers()
    {
        lock (_lock)
        {
            return [.. _buffers.Values];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dma.Domain.Dispose();
        DisposeFabric();
        foreach (VramManager tile in _tiles)
        {
            tile.Dispose();
        }

        NativeMemory.Free(_memory);
        _memory = null;
        GC.SuppressFinalize(this);
    }
}
