using System.Runtime.CompilerServices;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Gpu;

/// <summary>
/// A VM's memory as one engine thread sees it: translates, faults, replays. Results are 0, or the negative errno of a fault that could not
/// be serviced, -EFAULT for an address that is not canonical or that the IOMMU refused, -ECANCELED when the thread was asked to stop.
/// What was accessed before an error stays so. Used by one thread; allocates nothing.
/// </summary>
internal sealed unsafe class GpuMemoryView
{
    /// <summary>Most bytes moved in one access section: keeps the wait of an invalidation to some microseconds.</summary>
    private const ulong SectionBytes = 64 << 10;

    private const ulong PageMask = GpuPageTable.PageSize - 1;

    private readonly GpuPageTable _pageTable;
    private readonly GpuAccessSlot _slot;
    private readonly byte* _vramBase;
    private readonly GpuTargetAccess _targets;
    private readonly IGpuFaultHandler _faults;
    private readonly Gt _gt;
    private readonly StopRequest _stop;
    private readonly int _unusedBits;
    private readonly bool _hasScratchAbove;

    /// <param name="space">The VM.</param>
    /// <param name="slot">The thread's slot at the VM's gate.</param>
    /// <param name="gt">The GT that faults are counted on.</param>
    /// <param name="stop">Ends endless accesses.</param>
    public GpuMemoryView(GpuAddressSpace space, GpuAccessSlot slot, Gt gt, StopRequest stop)
    {
        _pageTable = space.PageTable;
        _slot = slot;
        _vramBase = space.VramBase;
        _targets = new GpuTargetAccess(space.Client, space.Bus);
        _hasScratchAbove = space.HasScratchAbove;
        _faults = space.Faults;
        _gt = gt;
        _stop = stop;
        _unusedBits = 64 - space.PageTable.VaBits;
    }

    /// <summary>Reads bytes at a GPU address.</summary>
    public int Read(ulong address, void* destination, int length)
    {
        var operation = new ReadOperation((byte*)destination);
        return Run(address, (ulong)length, ref operation);
    }

    /// <summary>Writes bytes at a GPU address.</summary>
    public int Write(ulong address, void* source, int length)
    {
        var operation = new WriteOperation((byte*)source);
        return Run(address, (ulong)length, ref operation);
    }

    /// <summary>Sets every byte of a range to one value.</summary>
    [SkipLocalsInit]
    public int Fill(ulong address, byte value, ulong length)
    {
        byte* page = stackalloc byte[(int)GpuPageTable.PageSize];
        Unsafe.InitBlock(page, value, (uint)GpuPageTable.PageSize);
        var operation = new FillOperation(page);
        return Run(address, length, ref operation);
    }

    /// <summary>
    /// An atomic operation on a word of 4 or 8 bytes, which must be naturally aligned (-EINVAL); -EOPNOTSUPP for one that its memory cannot do.
    /// </summary>
    public int Atomic(ulong address, in AtomicOperation operation)
    {
        if (operation.Size is not (sizeof(uint) or sizeof(ulong)) || (address & (uint)(operation.Size - 1)) != 0)
        {
            return -Errno.EINVAL;
        }

        while (true)
        {
            if (_stop.IsRequested)
            {
                return -Errno.ECANCELED;
            }

            _slot.Enter();
            int result = Translate(address, GpuAccess.Atomic, out GpuTarget target);
            if (result == 0)
            {
                result = _targets.Atomic(target, operation);
            }

            _slot.Exit();
            if (result != -Errno.EAGAIN)
            {
                return result;
            }

            result = Fault(address, GpuAccess.Atomic);
            if (result < 0)
            {
                return result;
            }
        }
    }

    /// <summary>Copies a range. Where the two overlap, the result is that of copying piece by piece from the low end.</summary>
    public int Copy(ulong destination, ulong source, ulong length)
    {
        while (length > 0)
        {
            if (_stop.IsRequested)
            {
                return -Errno.ECANCELED;
            }

            _slot.Enter();
            int result = CopySection(destination, source, Math.Min(length, SectionBytes), out ulong copied, out GpuAccess access);
            _slot.Exit();
            destination += copied;
            source += copied;
            length -= copied;
            if (result == -Errno.EAGAIN)
            {
                result = Fault(access == GpuAccess.Read ? source : destination, access);
            }

            if (result < 0)
            {
                return result;
            }
        }

        return 0;
    }

    private int CopySection(ulong destination, ulong source, ulong length, out ulong copied, out GpuAccess access)
    {
        copied = 0;
        while (copied < length)
        {
            access = GpuAccess.Read;
            int result = Translate(source + copied, GpuAccess.Read, out GpuTarget from);
            if (result < 0)
            {
                return result;
            }

            access = GpuAccess.Write;
            result = Translate(destination + copied, GpuAccess.Write, out GpuTarget to);
            if (result < 0)
            {
                return result;
            }

            ulong bytes = Math.Min(Math.Min(from.Length, to.Length), length - copied);
            result = _targets.Copy(to, from, (int)bytes, out access);
            if (result < 0)
            {
                return result;
            }

            copied += bytes;
        }

        access = GpuAccess.Read;
        return 0;
    }

    private int Run<TOperation>(ulong address, ulong length, ref TOperation operation)
        where TOperation : struct, IGpuMemoryOperation
    {
        while (length > 0)
        {
            if (_stop.IsRequested)
            {
                return -Errno.ECANCELED;
            }

            _slot.Enter();
            int result = RunSection(address, Math.Min(length, SectionBytes), ref operation, out ulong done);
            _slot.Exit();
            address += done;
            length -= done;
            if (result == -Errno.EAGAIN)
            {
                result = Fault(address, TOperation.Access);
            }

            if (result < 0)
            {
                return result;
            }
        }

        return 0;
    }

    private int RunSection<TOperation>(ulong address, ulong length, ref TOperation operation, out ulong done)
        where TOperation : struct, IGpuMemoryOperation
    {
        done = 0;
        while (done < length)
        {
            int result = Translate(address + done, TOperation.Access, out GpuTarget target);
            if (result < 0)
            {
                return result;
            }

            ulong bytes = Math.Min(target.Length, length - done);
            result = operation.Apply(_targets, target, (int)bytes);
            if (result < 0)
            {
                return result;
            }

            done += bytes;
        }

        return 0;
    }

    /// <summary>Translates an address inside a section: 0, -EAGAIN for a page fault, -EFAULT for an address that is not canonical.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Translate(ulong address, GpuAccess access, out GpuTarget target)
    {
        target = default;
        ulong masked = Mask(address);
        if (masked != address && (ulong)((long)(address << _unusedBits) >> _unusedBits) != address)
        {
            target.Kind = GpuTargetKind.Null;
            target.Length = GpuPageTable.PageSize - (address & PageMask);
            return _hasScratchAbove ? 0 : -Errno.EFAULT;
        }

        if (!_slot.Tlb.TryFind(masked, out GpuTranslation translation))
        {
            if (!_pageTable.TryTranslate(masked, out translation))
            {
                return -Errno.EAGAIN;
            }

            _slot.Tlb.Insert(masked, translation);
        }

        GpuPte pte = translation.Pte;
        if (!pte.Allows(access))
        {
            return -Errno.EAGAIN;
        }

        ulong offset = masked - translation.Start;
        target.Address = masked;
        target.Length = translation.Length - offset;
        switch (pte.Kind)
        {
            case GpuPteKind.Vram:
                target.Host = _vramBase + pte.Address + offset;
                if (pte.IsSvm)
                {
                    target.Kind = GpuTargetKind.DevicePage;
                    target.Length = GpuPageTable.PageSize - (masked & PageMask);
                }

                break;
            case GpuPteKind.Host:
                target.Host = (byte*)(pte.Address + offset);
                break;
            case GpuPteKind.Dma:
                target.Kind = GpuTargetKind.Bus;
                target.BusAddress = pte.BusAddress(offset);
                target.Length = GpuPageTable.PageSize - (masked & PageMask);
                break;
            default:
                target.Kind = GpuTargetKind.Null;
                break;
        }

        return 0;
    }

    private ulong Mask(ulong address) => address << _unusedBits >> _unusedBits;

    private int Fault(ulong address, GpuAccess access)
    {
        ulong page = Mask(address) & ~PageMask;
        _slot.Tlb.Evict(page);
        return _faults.HandleFault(page, access, _gt);
    }
}
