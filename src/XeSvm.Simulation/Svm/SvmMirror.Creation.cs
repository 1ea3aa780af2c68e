using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Svm;

/// <content>Where ranges come from.</content>
internal sealed partial class SvmMirror
{
    /// <summary>Finds the range that contains an address, or creates one (drm_gpusvm_range_find_or_insert).</summary>
    /// <param name="address">The address.</param>
    /// <param name="vma">The mirror VMA that contains it.</param>
    /// <param name="checkThreshold">Chunks up to this size are taken only when all their pages exist already; 0: no such check.</param>
    /// <param name="devmemPossible">Whether the device could hold the memory.</param>
    /// <param name="range">The range.</param>
    /// <returns>0, or a negative errno: -EINVAL outside the VM, -ENOENT no CPU mapping, -EPERM a read-only one, -EIO a device's.</returns>
    public int FindOrInsert(ulong address, Vma vma, ulong checkThreshold, bool devmemPossible, out SvmRange range)
    {
        range = null!;
        if (address >= Vm.Size)
        {
            return -Errno.EINVAL;
        }

        int result = CheckMapping(address, vma);
        if (result < 0)
        {
            return result;
        }

        if (TryFind(address, out SvmRange? existing))
        {
            range = existing;
            return 0;
        }

        ulong block = address & ~PageConstants.BlockMask;
        result = Vm.Client.FindMapping(address, block, block + PageConstants.BlockSize, out ClientVma mapping);
        if (result < 0)
        {
            return result;
        }

        // Ranges are created under the VM lock only, so nobody adds one between the look above and the addition below.
        if (!TryChooseChunk(address, mapping, vma, checkThreshold, out ulong start, out ulong size))
        {
            return -Errno.EINVAL;
        }

        lock (_notifierLock)
        {
            range = _pool.TryPop(out SvmRange? pooled) ? pooled : new SvmRange();
            range.Assign(start, size, devmemPossible && mapping.IsMigratable);
            _ranges.Add(range);
        }

        return 0;
    }

    /// <summary>Whether the client's mapping of an address can be mirrored.</summary>
    private int CheckMapping(ulong address, Vma vma)
    {
        int result = Vm.Client.FindVma(address, out ClientVma mapping);
        if (result < 0 || mapping.Start > address)
        {
            return result < 0 ? result : -Errno.ENOENT;
        }

        if ((mapping.Flags & ClientVmaFlags.Write) == 0 && !vma.IsReadOnly)
        {
            return -Errno.EPERM;
        }

        return (mapping.Flags & ClientVmaFlags.Special) != 0 ? -Errno.EIO : 0;
    }

    /// <summary>The largest aligned chunk around an address that the rules allow (drm_gpusvm_range_chunk_size).</summary>
    private bool TryChooseChunk(ulong address, in ClientVma mapping, Vma vma, ulong checkThreshold, out ulong start, out ulong size)
    {
        ReadOnlySpan<ulong> sizes = [PageConstants.BlockSize, PageConstants.Chunk64K, PageConstants.PageSize];
        foreach (ulong candidate in sizes)
        {
            start = address & ~(candidate - 1);
            size = candidate;
            ulong end = start + size;
            if (start < mapping.Start || end > mapping.End || start < vma.Start || end > vma.End)
            {
                continue;
            }

            if (candidate > PageConstants.PageSize)
            {
                if (HasRanges(start, end))
                {
                    continue;
                }

                // Only the 64K chunk of a discrete GPU is tested for untouched pages: a 2M chunk of untouched memory is taken as it is.
                if (candidate <= checkThreshold && !Vm.Client.IsPopulated(start, (int)(size >> PageConstants.PageShift)))
                {
                    continue;
                }
            }

            return true;
        }

        start = size = 0;
        return false;
    }
}
