using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Svm;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// The userptr areas of one VM (xe_userptr.c): pins their pages by looking them up, and drops them when the client's mapping changes. Lock
/// order: VM lock, this one, page-table lock.
/// </summary>
internal sealed class UserptrMirror(Vm vm) : IMmuNotifier, IDisposable
{
    private const int MostAttempts = 100;

    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, List<UserptrPages>> _byBlock = [];
    private readonly SvmPageMapper _mapper = new(vm.Device);
    private bool _registered;

    /// <summary>Makes the pages of an area present and known to the device. Under the VM lock.</summary>
    /// <returns>0; -EFAULT when the client has no such memory, or may not write it; -ENOMEM and others of the DMA API.</returns>
    public int Pin(Vma vma)
    {
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

            foreach (SvmRange piece in pages.Pieces)
            {
                if (_mapper.FaultIn(vm.Client, piece, allowDeviceMemory: false, vma.IsReadOnly, out _) < 0)
                {
                    return -Errno.EFAULT;
                }
            }

            int result = Map(pages, sequence);
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
            for (ulong block = BlockOf(pages.Start); block <= BlockOf(pages.End - 1); block++)
            {
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
    public void Dispose()
    {
        if (_registered)
        {
            vm.Client.Notifiers.Unregister(this);
            _registered = false;
        }
    }

    private static ulong BlockOf(ulong address) => address / PageConstants.BlockSize;

    private UserptrPages Register(Vma vma)
    {
        var pages = new UserptrPages(vma);
        for (ulong at = pages.Start; at < pages.End;)
        {
            ulong stop = Math.Min(pages.End, (BlockOf(at) + 1) * PageConstants.BlockSize);
            var piece = new SvmRange();
            piece.Assign(at, stop - at, migrateDevmem: false);
            pages.Pieces.Add(piece);
            at = stop;
        }

        if (!_registered)
        {
            vm.Client.Notifiers.Register(this);
            _registered = true;
        }

        lock (_lock)
        {
            foreach (SvmRange piece in pages.Pieces)
            {
                ulong block = BlockOf(piece.Start);
                if (!_byBlock.TryGetValue(block, out List<UserptrPages>? inBlock))
                {
                    _byBlock.Add(block, inBlock = []);
                }

                inBlock.Add(pages);
            }

            vma.Userptr = pages;
        }

        return pages;
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
                int result = _mapper.MapSystem(vm.Client, piece, pages.Vma.IsReadOnly);
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
            _mapper.Unmap(vm.Client, piece);
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
                if (vm.ZapPageTable(pages.Vma.Start, pages.Vma.End))
                {
                    vm.InvalidateTlb();
                }
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
