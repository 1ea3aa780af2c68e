using XeSvm.Interop.LibC;

namespace XeSvm.Simulation.Driver;

/// <summary>Where an object's memory is (ttm_bo_validate, xe_bo_migrate, xe_bo_evict).</summary>
internal sealed unsafe partial class BufferObject
{
    /// <inheritdoc/>
    public override bool HoldsDevicePages => false;

    /// <inheritdoc/>
    public override bool TryBeginEviction(out EvictionTicket ticket)
    {
        ticket = default;
        return TryAddReference();
    }

    /// <inheritdoc/>
    public override bool Evict(in EvictionTicket ticket, SoftwareTile tile, Vm? keep)
    {
        bool evicted = (keep is null || OwnerVm != keep) && TryEvict(tile);
        Release();
        return evicted;
    }

    /// <summary>
    /// Makes sure that the object has memory in a region where it may live. It stays where it is if that is one; else the regions are tried in
    /// order without pressing on others, then with eviction.
    /// </summary>
    /// <param name="keep">Objects of this VM are not evicted for it; null: any may be.</param>
    /// <returns>0; -ENOMEM; -EINVAL for a purged object.</returns>
    public int Validate(Vm? keep)
    {
        lock (Lock)
        {
            if (Purge == PurgeState.Purged)
            {
                return -Errno.EINVAL;
            }

            if (IsBacked && (_tile is null ? (Placement & MemoryRegions.SystemBit) != 0 : (Placement & _tile.VramBit) != 0))
            {
                _tile?.Occupants.Touch(this);
                return 0;
            }

            bool noVram = HasVramPlacement && Device.Options.Faults.Fails(FaultPoint.Vram);
            for (int pass = 0; pass < 2; pass++)
            {
                foreach (SoftwareTile tile in Device.Tiles)
                {
                    if (!noVram && (Placement & tile.VramBit) != 0 && TryMoveToVram(tile, keep, evict: pass > 0) == 0)
                    {
                        return 0;
                    }
                }

                if ((Placement & MemoryRegions.SystemBit) != 0 && MoveToSystem() == 0)
                {
                    return 0;
                }
            }

            return -Errno.ENOMEM;
        }
    }

    /// <summary>Moves the whole object to a region where it may live (xe_bo_migrate).</summary>
    /// <param name="region">0: system memory; above: VRAM of the tile below that number.</param>
    /// <param name="keep">Objects of this VM are not evicted for it.</param>
    /// <returns>0; -EINVAL when it may not live there; -ENOMEM.</returns>
    public int Migrate(uint region, Vm? keep)
    {
        lock (Lock)
        {
            if ((Placement >> (int)region & 1) == 0 || Purge == PurgeState.Purged)
            {
                return -Errno.EINVAL;
            }

            return region == MemoryRegions.SystemInstance ? MoveToSystem()
                : Device.Options.Faults.Fails(FaultPoint.Vram) ? -Errno.ENOMEM
                : TryMoveToVram(Device.Tiles[(int)region - MemoryRegions.FirstVramInstance], keep, evict: true);
        }
    }

    /// <summary>
    /// Takes the object out of VRAM for somebody who needs the room: discards it when its owner has said that it may be, else moves it to system
    /// memory. False when it is in use by another thread at this moment, or system memory is full.
    /// </summary>
    private bool TryEvict(SoftwareTile from)
    {
        if (!Monitor.TryEnter(Lock))
        {
            return false;
        }

        try
        {
            if (_tile != from)
            {
                return false;
            }

            if (Purge == PurgeState.DontNeed)
            {
                Discard();
                return true;
            }

            return MoveToSystem() == 0;
        }
        finally
        {
            Monitor.Exit(Lock);
        }
    }

    private int MoveToSystem()
    {
        if (IsBacked && _tile is null)
        {
            return 0;
        }

        if (!Device.TryTakeSystemMemory(Size))
        {
            return -Errno.ENOMEM;
        }

        if (SystemCalls.MapShared(_content, 0, (nuint)Size, MemoryProtection.ReadWrite, fixedAddress: 0, out nint host) < 0)
        {
            Device.ReturnSystemMemory(Size);
            return -Errno.ENOMEM;
        }

        GiveMemoryBack();
        _host = (byte*)host;
        return 0;
    }

    private int TryMoveToVram(SoftwareTile tile, Vm? keep, bool evict)
    {
        if (_tile == tile)
        {
            return 0;
        }

        ulong offset;
        while (!tile.Vram.TryAllocate(Size, NeedsVisible, out offset))
        {
            if (!evict || !tile.Vram.CanHold(Size, NeedsVisible) || !tile.EvictOne(keep))
            {
                return -Errno.ENOMEM;
            }
        }

        if (Device.VramMemory.Place(_content, offset, Size) < 0)
        {
            tile.Vram.Free(offset);
            return -Errno.ENOMEM;
        }

        GiveMemoryBack();
        _tile = tile;
        _vramOffset = offset;
        _host = Device.VramBase + offset;
        tile.Occupants.Add(this);
        return 0;
    }

    /// <summary>Ends the place that the object has now, if any: no GPU mapping leads there any more when the memory goes.</summary>
    private void GiveMemoryBack()
    {
        ZapMappings();
        if (_tile is not null)
        {
            _tile.Occupants.Remove(this);
            Device.VramMemory.Restore(_vramOffset, Size);
            _tile.Vram.Free(_vramOffset);
            _tile = null;
        }
        else if (IsBacked)
        {
            SystemCalls.Unmap((nint)_host, (nuint)Size);
            Device.ReturnSystemMemory(Size);
        }

        _host = null;
    }
}
