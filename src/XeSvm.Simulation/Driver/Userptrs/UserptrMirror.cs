using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Svm;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// The userptr areas of one VM with memory of one process (xe_userptr.c): pins their pages by looking them up, and drops them when the
/// process's mapping changes. Lock order: VM lock, this one, page-table lock.
/// </summary>
internal sealed class UserptrMirror(Vm vm, ClientMemory client) : IMmuNotifier, IDisposable
{
    private const int MostAttempts = 100;

    private readonly MonitorLock _lock = new();
    private readonly Dictionary<ulong, List<UserptrPages>> _byBlock = [];
    private readonly SvmPageMapper _mapper = new(vm);
    private bool _registered;

    /// <summary>Whose memory it is.</summary>
    public ClientMemory Client => client;

    /// <summary>Makes the pages of an area present and known to the device. Under the VM lock.</summary>
    /// <returns>0; -EFAULT when the client has no such memory, or may not write it; -ENOMEM and others of the DMA API.</returns>
    public int Pin(Vma vma)
    {
        if (vma.Size > vm.Device.SystemMemoryTotal)
        {
            // All of it would have to be there at once; the kernel finds no room for the list of its pages first.
            return -Errno.ENOMEM;
        }

        if (vma.ObjectOffset > ulong.MaxValue - vma.Size)
        {
            // It goes round the end of the address space, where no client has memory.
            return -Errno.EFAULT;
        }

        UserptrPages pages = vma.Userptr ?? Register(vma);
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            long sequence;
            lock (_lock)
            {
                if (pages.IsMapped)
                {
                    return 0;
                }

                sequence = pages.Sequence;
            }

            int result = FaultIn(pages);
            if (result == 0)
            {
                result = Map(pages, sequence);
            }

            if (result != -Errno.EAGAIN)
            {
                return result;
            }
        }

        return -Errno.EFAULT;
    }

    /// <summary>Writes the page-table entries of an area whose pages are pinned; -EAGAIN when they no longer are.</summary>
    public int Bind(Vma vma, bool atomic, uint tiles)
    {
        lock (_lock)
        {
            if (vma.Userptr is not { IsMapped: true } pages)
            {
                return -Errno.EAGAIN;
            }

            foreach (SvmRange piece in pages.Pieces)
            {
                WriteEntries(vma, piece, atomic, tiles);
            }

            vma.IsBound = true;
            return 0;
        }
    }

    /// <summary>Forgets the pages of an area, whose page-table entries are gone already.</summary>
    public void Release(Vma vma)
    {
        lock (_lock)
        {
            if (vma.Userptr is not { } pages)
            {
                return;
            }

            Unmap(pages);
            vma.Userptr = null;
            vma.IsBound = false;
            foreach (SvmRange piece in pages.Pieces)
            {
                ulong block = BlockOf(piece.Start);
                List<UserptrPages> inBlock = _byBlock[block];
                inBlock.Remove(pages);
                if (inBlock.Count == 0)
                {
                    _byBlock.Remove(block);
                }
            }
        }
    }

    /// <inheritdoc/>
    /// <remarks>vma_userptr_invalidate: the GPU's accesses end before the client's change goes on; the next one pins anew.</remarks>
    public void Invalidate(ulong start, ulong end, MmuEvent reason)
    {
        lock (_lock)
        {
            ulong first = BlockOf(start);
            ulong last = BlockOf(end - 1);
            if (last - first < (ulong)_byBlock.Count)
            {
                for (ulong block = first; block <= last; block++)
                {
                    if (_byBlock.TryGetValue(block, out List<UserptrPages>? inBlock))
                    {
                        InvalidateEach(inBlock, start, end);
                    }
                }
            }
            else
            {
                foreach (List<UserptrPages> inBlock in _byBlock.Values)
                {
                    InvalidateEach(inBlock, start, end);
                }
            }
        }
    }

    /// <inheritdoc/>
    /// <remarks>Where jobs cannot fault they have to end first; the next one pins anew (vma_userptr_invalidate waits for the reservation object).</remarks>
    public void Quiesce(ulong start, ulong end)
    {
        bool used;
        lock (_lock)
        {
            used = !vm.IsLongRunning && _byBlock.Values.Any(inBlock => inBlock.Exists(pages => pages.Start < end && start < pages.End));
        }

        if (used)
        {
            vm.WaitForWork();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_registered)
        {
            client.Notifiers.Unregister(this);
            _registered = false;
        }
    }

    private static ulong BlockOf(ulong address) => address / PageConstants.BlockSize;

    private UserptrPages Register(Vma vma)
    {
        if (!_registered)
        {
            client.Notifiers.Register(this);
            _registered = true;
        }

        lock (_lock)
        {
            return vma.Userptr = new UserptrPages(vma);
        }
    }

    /// <summary>
    /// Faults an area's pages in, block by block, and makes the piece of each block just before: where the client has no memory it is over, and
    /// there is no piece for any of the blocks behind, which may be millions.
    /// </summary>
    private int FaultIn(UserptrPages pages)
    {
        ulong at = pages.Start;
        for (int index = 0; at < pages.End; index++)
        {
            SvmRange piece = index < pages.Pieces.Count ? pages.Pieces[index] : AddPiece(pages, at);
            if (_mapper.FaultIn(client, piece, allowDeviceMemory: false, pages.Vma.IsReadOnly, out _) < 0)
            {
                return -Errno.EFAULT;
            }

            at = piece.End;
        }

        return 0;
    }

    /// <summary>Adds the piece of the next block; what happens to the client's memory there is heard of from here on.</summary>
    private SvmRange AddPiece(UserptrPages pages, ulong start)
    {
        ulong block = BlockOf(start);
        var piece = new SvmRange();
        piece.Assign(start, Math.Min(pages.End, (block + 1) * PageConstants.BlockSize) - start, migrateDevmem: false);
        lock (_lock)
        {
            pages.Pieces.Add(piece);
            if (!_byBlock.TryGetValue(block, out List<UserptrPages>? inBlock))
            {
                _byBlock.Add(block, inBlock = []);
            }

            inBlock.Add(pages);
        }

        return piece;
    }

    private int Map(UserptrPages pages, long sequence)
    {
        lock (_lock)
        {
            if (pages.Sequence != sequence)
            {
                return -Errno.EAGAIN;
            }

            foreach (SvmRange piece in pages.Pieces)
            {
                int result = _mapper.MapSystem(client, piece, pages.Vma.IsReadOnly);
                if (result < 0)
                {
                    Unmap(pages);
                    return result;
                }
            }

            pages.IsMapped = true;
            return 0;
        }
    }

    private void Unmap(UserptrPages pages)
    {
        pages.IsMapped = false;
        foreach (SvmRange piece in pages.Pieces)
        {
            _mapper.Unmap(client, piece);
        }
    }

    private void InvalidateEach(List<UserptrPages> inBlock, ulong start, ulong end)
    {
        foreach (UserptrPages pages in inBlock)
        {
            if (pages.Start >= end || pages.End <= start)
            {
                continue;
            }

            pages.Sequence++;
            if (pages.Vma.IsBound)
            {
                pages.Vma.IsBound = false;
                vm.InvalidateTlb(vm.ZapPageTable(pages.Vma.Start, pages.Vma.End));
            }

            Unmap(pages);
        }
    }

    /// <summary>The entries of one piece; abutting bus addresses are one run, so that large leaves are possible.</summary>
    private void WriteEntries(Vma vma, SvmRange piece, bool atomic, uint tiles)
    {
        ulong at = vma.Start + (piece.Start - vma.Userptr!.Start);
        ulong runStart = at;
        ulong runValue = 0;
        ulong runLength = 0;
        foreach (ref readonly DeviceAddress address in piece.Pages.Addresses.AsSpan(0, piece.Pages.Count))
        {
            if (address.Kind == DeviceAddressKind.None)
            {
                // Inside a folio that its first slot describes.
                continue;
            }

            ulong length = (ulong)PageConstants.PageSize << address.Order;
            if (runLength != 0 && runValue + runLength != address.Value)
            {
                Flush();
                runStart = at;
                runLength = 0;
            }

            runValue = runLength == 0 ? address.Value : runValue;
            runLength += length;
            at += length;
        }

        if (runLength != 0)
        {
            Flush();
        }

        void Flush() => vm.MapPageTable(runStart, runLength, new GpuPte(GpuPteKind.Dma, runValue, !vma.IsReadOnly, atomic, svm: false), tiles);
    }
}
