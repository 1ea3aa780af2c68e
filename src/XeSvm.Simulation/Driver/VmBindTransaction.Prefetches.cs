using XeSvm.Simulation.Pagemap;

namespace XeSvm.Simulation.Driver;

/// <content>Prefetches: what they are of, and where to.</content>
internal sealed partial class VmBindTransaction
{
    /// <summary>
    /// Notes what one operation prefetches. The kernel's set-up of an operation ends with the first area that is no mirror
    /// (vm_bind_ioctl_ops_create): the areas behind it keep zeros for data, so that objects go to system memory, and of mirrors there is nothing
    /// to fetch.
    /// </summary>
    private int CollectPrefetches(ulong start, ulong end, uint region)
    {
        bool isSetUp = true;
        for (Vma? vma = vm.Vmas.FirstOverlap(start, end); vma is not null; vma = NextOverlap(vma, end))
        {
            bool mirror = vma.Kind == VmaKind.CpuAddressMirror;
            if (mirror && !isSetUp)
            {
                continue;
            }

            var prefetch = new Prefetch(vma, Math.Max(start, vma.Start), Math.Min(end, vma.End), isSetUp ? region : MemoryRegions.SystemInstance);
            _prefetches.Add(prefetch);
            int result = mirror ? CollectMirror(prefetch) : CollectArea(vma);
            if (result < 0)
            {
                return result;
            }

            isSetUp &= mirror;
        }

        return 0;
    }

    /// <summary>The ranges of a mirror that are to be moved or bound; where there are none, nothing is to be executed for it.</summary>
    private int CollectMirror(in Prefetch prefetch)
    {
        _mirrorPrefetches++;
        int result = CollectRanges(prefetch);
        _pageTableOps += vm.Prefetch!.Count;
        return result;
    }

    /// <summary>An area with page tables of its own. Userptrs are pinned anew at once: memory which is gone fails the call whatever it waits for.</summary>
    private int CollectArea(Vma vma)
    {
        _pageTableOps++;
        return vma.Kind == VmaKind.Userptr ? vm.Userptrs.Pin(vma) : 0;
    }

    /// <summary>Whether a prefetch of an area to a region can be done (xe_bo_migrate): 0, -EBUSY or -EINVAL. Mirrors go where they can.</summary>
    private static int CheckPrefetch(Vma vma, uint region)
    {
        if (vma.Object is not { } bufferObject)
        {
            return 0;
        }

        return bufferObject.Purge == PurgeState.DontNeed ? -Errno.EBUSY
            : bufferObject.Purge == PurgeState.WillNeed && (bufferObject.Placement >> (int)RegionOf(bufferObject, region) & 1) != 0 ? 0 : -Errno.EINVAL;
    }

    /// <summary>Where a prefetch wants an object: without advice, the first VRAM that it may live in, else system memory.</summary>
    private static uint RegionOf(BufferObject bufferObject, uint region)
    {
        uint vram = bufferObject.Placement & ~MemoryRegions.SystemBit;
        return region != MemoryRegions.ConsultMadvise ? region : vram == 0 ? 0 : (uint)System.Numerics.BitOperations.TrailingZeroCount(vram);
    }

    private int CollectRanges(in Prefetch prefetch)
    {
        vm.Prefetch!.Clear();
        return vm.Prefetch.Collect(prefetch.Vma, prefetch.Start, prefetch.End, TargetOf(prefetch));
    }

    private DevicePagemap? TargetOf(in Prefetch prefetch) => prefetch.Region switch
    {
        MemoryRegions.SystemInstance => null,
        MemoryRegions.ConsultMadvise => vm.Device.Resolve(prefetch.Vma, vm.Device.PrimaryGt),
        _ => vm.Device.Tiles[(int)prefetch.Region - MemoryRegions.FirstVramInstance].Pagemap,
    };

    /// <summary>Moves what is prefetched, as the kernel does it in the call itself, whatever the call waits for (xe_bo_migrate, prefetch_ranges).</summary>
    private int RunPrefetch(in Prefetch prefetch, bool bind)
    {
        Vma vma = prefetch.Vma;
        if (!vma.IsInTree)
        {
            // A later operation of the call has replaced or cut the area; what is left of it is bound at the next access.
            return 0;
        }

        if (vma.Kind != VmaKind.CpuAddressMirror)
        {
            int moved = vma.Object is { } bufferObject ? bufferObject.Migrate(RegionOf(bufferObject, prefetch.Region), keep: null) : 0;
            return moved < 0 || !bind ? moved : vm.BindVma(vma, vm.AllTiles);
        }

        // The ranges of a call's only prefetch are those that were found when it was applied.
        int result = _mirrorPrefetches == 1 ? 0 : CollectRanges(prefetch);
        if (result == 0)
        {
            result = vm.Prefetch!.Run(vma, TargetOf(prefetch));
        }

        // Nothing was promised: the call succeeds, as one that has nothing to execute (-ENODATA in the kernel).
        PrefetchFailed |= result == -Errno.ENODATA;
        return result == -Errno.ENODATA ? 0 : result;
    }

    private readonly record struct Prefetch(Vma Vma, ulong Start, ulong End, uint Region);
}
