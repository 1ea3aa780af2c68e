namespace XeSvm.Simulation.Driver;

/// <summary>Cuts an area without a buffer object in two, for advice on a part of it (the madvise variant of __drm_gpuvm_sm_map).</summary>
internal static class VmSplitter
{
    /// <summary>
    /// Makes an address a border between areas. An SVM range that the cut goes through is sent to system memory and removed, since a
    /// range never lies in two areas. Under the VM lock.
    /// </summary>
    public static void SplitAt(Vm vm, ulong address)
    {
        if (vm.Vmas.Find(address) is not { Object: null } vma || vma.Start == address)
        {
            return;
        }

        if (vma.Kind == VmaKind.CpuAddressMirror)
        {
            vm.Svm!.EvictStraddling(address);
        }

        if (vma.Kind == VmaKind.Userptr)
        {
            // Pinned and bound anew, piece by piece, at the next access.
            vm.InvalidateTlb(vma.IsBound ? vm.ZapPageTable(vma.Start, vma.End) : 0);

            vm.Userptrs.Release(vma);
        }

        // The lower piece is the area itself: its key in the tree stays.
        Vma piece = vm.FreeVmas.RentPiece(vma, address, vma.End);
        vm.Vmas.Insert(piece);
        vma.End = address;
        if (vma.BindsOnCommit)
        {
            vm.Binds.OnSplit(vma, piece);
        }
    }
}
