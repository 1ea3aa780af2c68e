namespace XeSvm.Simulation.Pagemap;

/// <summary>
/// Which allocation has a page of a VRAM region: the way from a device page to its owner record (zdd), for accesses that come by address from
/// outside. Read without a lock; changes are the pagemap's.
/// </summary>
internal sealed class VramOwners(ulong firstOffset, ulong bytes)
{
    private readonly DeviceMemoryAllocation?[]?[] _blocks = new DeviceMemoryAllocation?[]?[(bytes + PageConstants.BlockMask) / PageConstants.BlockSize];
    private readonly Lock _lock = new();

    /// <summary>The allocation that has a page, or null.</summary>
    public DeviceMemoryAllocation? Find(ulong offset)
    {
        ulong page = (offset - firstOffset) >> PageConstants.PageShift;
        DeviceMemoryAllocation?[]? block = Volatile.Read(ref _blocks[page / PageConstants.BlockPages]);
        return block is null ? null : Volatile.Read(ref block[page % PageConstants.BlockPages]);
    }

    /// <summary>Says whose pages <c>[offset, offset + size)</c> are; null: nobody's.</summary>
    public void Set(ulong offset, ulong size, DeviceMemoryAllocation? owner)
    {
        lock (_lock)
        {
            ulong first = (offset - firstOffset) >> PageConstants.PageShift;
            for (ulong page = first; page < first + (size >> PageConstants.PageShift); page++)
            {
                ref DeviceMemoryAllocation?[]? block = ref _blocks[page / PageConstants.BlockPages];
                if (block is null)
                {
                    Volatile.Write(ref block, new DeviceMemoryAllocation?[PageConstants.BlockPages]);
                }

                Volatile.Write(ref block![page % PageConstants.BlockPages], owner);
            }
        }
    }
}
