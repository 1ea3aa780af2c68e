namespace XeSvm.Simulation.Driver;

/// <summary>MADVISE_AUTORESET: what the GPU has used of a mirror forgets its advice when the client unmaps it (xe_svm_range_set_default_attr).</summary>
internal static class VmAutoReset
{
    /// <summary>Resets the attributes of one range that the client has unmapped. Under the VM lock.</summary>
    /// <returns>Whether the areas have changed: whoever holds one looks again.</returns>
    public static bool Apply(Vm vm, ulong start, ulong end)
    {
        if (vm.Vmas.Find(start) is not { Kind: VmaKind.CpuAddressMirror, IsAutoReset: true } vma)
        {
            return false;
        }

        bool changed = false;
        if (!vma.HasDefaultAttributes)
        {
            if (vma.Start < start)
            {
                vma = Cut(vm, vma, start);
            }

            if (end < vma.End)
            {
                Cut(vm, vma, end);
            }

            vma.Attributes = new VmaAttributes { PatIndex = vma.DefaultPatIndex };
            changed = true;
        }

        return Merge(vm, vma) || changed;
    }

    /// <summary>Cuts an area; returns the upper piece.</summary>
    private static Vma Cut(Vm vm, Vma vma, ulong address)
    {
        Vma upper = vm.FreeVmas.RentPiece(vma, address, vma.End);
        vma.End = address;
        vm.Vmas.Insert(upper);
        return upper;
    }

    /// <summary>Takes neighbours with default attributes into an area that has them too.</summary>
    private static bool Merge(Vm vm, Vma vma)
    {
        Vma? below = vma.Start == 0 ? null : vm.Vmas.Find(vma.Start - 1);
        Vma? above = vm.Vmas.Find(vma.End);
        bool takesBelow = below is { Kind: VmaKind.CpuAddressMirror, HasDefaultAttributes: true };
        bool takesAbove = above is { Kind: VmaKind.CpuAddressMirror, HasDefaultAttributes: true };
        if (takesAbove)
        {
            vm.Vmas.Remove(above!);
            vma.End = above!.End;
            vm.FreeVmas.Return(above);
        }

        if (takesBelow)
        {
            // The start is the key of the tree.
            vm.Vmas.Remove(below!);
            vm.Vmas.Remove(vma);
            vma.Start = below!.Start;
            vm.Vmas.Insert(vma);
            vm.FreeVmas.Return(below);
        }

        return takesBelow || takesAbove;
    }
}
