using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Pagemap;

namespace XeSvm.Simulation.Svm;

/// <summary>VM_BIND PREFETCH of mirrored memory (prefetch_ranges): chunk by chunk to one place, then bound. Runs under the VM lock.</summary>
internal sealed class SvmPrefetch(Vm vm, SvmMirror mirror)
{
    private readonly List<SvmRange> _ranges = [];

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

            RangeState state = mirror.Examine(range, tile: 0);
            if (!state.Bound || state.Pagemap != target)
            {
                _ranges.Add(range);
            }

            at = range.End;
        }

        return 0;
    }

    /// <summary>
    /// Moves and binds what <see cref="Collect"/> found. A failure ends the work and is not reported: user space must not assume
    /// residency (-ENODATA inside the driver, success outside).
    /// </summary>
    public int Run(Vma vma, DevicePagemap? target)
    {
        int result = 0;
        foreach (SvmRange range in _ranges)
        {
            result = PrefetchOne(vma, range, target);
            if (result < 0)
            {
                break;
            }
        }

        _ranges.Clear();
        return result == -Errno.ENODATA ? 0 : result;
    }

    /// <summary>Forgets what <see cref="Collect"/> found.</summary>
    public void Clear() => _ranges.Clear();

    private int PrefetchOne(Vma vma, SvmRange range, DevicePagemap? target)
    {
        RangeState state = mirror.Examine(range, tile: 0);
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
        if (result < 0)
        {
            return result is -Errno.EOPNOTSUPP or -Errno.EFAULT or -Errno.EPERM ? -Errno.ENODATA : result;
        }

        for (int tile = 0; tile < vm.Device.Tiles.Length; tile++)
        {
            if (mirror.Bind(range, tile, vma) < 0)
            {
                return -Errno.ENODATA;
            }
        }

        return 0;
    }
}
