using System.Runtime.InteropServices;

using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Pagemap;

namespace XeSvm.Simulation.Svm;

/// <summary>VM_BIND PREFETCH of mirrored memory (prefetch_ranges): chunk by chunk to one place, then bound. Runs under the VM lock.</summary>
internal sealed class SvmPrefetch(Vm vm, SvmMirror mirror)
{
    private readonly List<SvmRange> _ranges = [];

    /// <summary>Ranges that <see cref="Collect"/> has found and <see cref="Run"/> has not done.</summary>
    public int Count => _ranges.Count;

    /// <summary>Finds or makes the ranges of <c>[start, end)</c> inside one VMA that are not yet bound where they are wanted.</summary>
    /// <returns>0, or a negative errno that fails the ioctl.</returns>
    public int Collect(Vma vma, ulong start, ulong end, DevicePagemap? target)
    {
        for (ulong at = start; at < end;)
        {
            int result = mirror.FindOrInsert(at, vma, checkThreshold: 0, vm.Device.IsDiscrete, out SvmRange range);
            if (result == -Errno.ENOENT)
            {
                // Nothing mapped on the CPU here: go on with the next mapping.
                if (vm.Client.FindVma(at, out ClientVma next) < 0 || next.Start >= end)
                {
                    break;
                }

                at = Math.Max(next.Start, at + PageConstants.PageSize);
                continue;
            }

            if (result < 0)
            {
                return result;
            }

            RangeState state = mirror.Examine(range, vm.AllTiles);
            if (!state.Bound || state.Pagemap != target)
            {
                _ranges.Add(range);
            }

            at = range.End;
        }

        return 0;
    }

    /// <summary>
    /// Moves what <see cref="Collect"/> found, one range after the other, then binds all in one go. A failure ends the work.
    /// </summary>
    /// <returns>0; -ENODATA, which user space does not hear of, as it must not assume residency; or an errno that fails the ioctl.</returns>
    public int Run(Vma vma, DevicePagemap? target)
    {
        int result = 0;
        foreach (SvmRange range in _ranges)
        {
            result = Move(vma, range, target);
            if (result < 0)
            {
                break;
            }
        }

        for (int tile = 0; tile < vm.Device.Tiles.Length && result == 0; tile++)
        {
            // -EAGAIN: pages of one have left again meanwhile. The next access binds each as it is needed.
            result = mirror.BindAll(CollectionsMarshal.AsSpan(_ranges), tile, vma) < 0 ? -Errno.ENODATA : 0;
        }

        _ranges.Clear();
        return result;
    }

    /// <summary>Forgets what <see cref="Collect"/> found.</summary>
    public void Clear() => _ranges.Clear();

    /// <summary>Brings one range to its place and makes its pages known to the device; -ENODATA ends the prefetch without an error.</summary>
    private int Move(Vma vma, SvmRange range, DevicePagemap? target)
    {
        RangeState state = mirror.Examine(range, vm.AllTiles);
        if (target is null)
        {
            if (vm.Client.Residency.Examine(range.Start, range.End, out _) != Residency.System
                && DevicePagemap.EvictRange(vm.Client, range.Start, range.PageCount) < 0)
            {
                return -Errno.ENODATA;
            }
        }
        else if (vm.Device.NeedsMigration(range, state, target) && target.Migrate(vm.Client, range.Start, range.PageCount) < 0)
        {
            return -Errno.ENODATA;
        }

        int result = mirror.GetPages(range, target is not null, devmemOnly: false, vma.IsReadOnly);
        return result is -Errno.EOPNOTSUPP or -Errno.EFAULT or -Errno.EPERM ? -Errno.ENODATA : result;
    }
}
