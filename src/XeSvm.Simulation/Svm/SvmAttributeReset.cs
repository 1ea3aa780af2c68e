using XeSvm.Simulation.Driver;

namespace XeSvm.Simulation.Svm;

/// <summary>
/// MADVISE_AUTORESET: when the client has unmapped memory that the GPU had used, the advice for that memory goes too
/// (xe_svm_range_set_default_attr). It works in whole SVM ranges: memory that the GPU never touched keeps its advice.
/// </summary>
internal static class SvmAttributeReset
{
    /// <summary>Resets the attributes of a range that is gone. Under the VM lock.</summary>
    /// <param name="vm">The VM.</param>
    /// <param name="start">First byte of the range.</param>
    /// <param name="end">One past its last byte.</param>
    /// <returns>Whether areas have changed.</returns>
    public static bool Apply(Vm vm, ulong start, ulong end)
    {
        if (vm.Vmas.Find(start) is not { Kind: VmaKind.CpuAddressMirror, IsAutoReset: true } vma)
        {
            return false;
        }

        bool changed = !vma.HasDefaultAttributes;
        if (changed)
        {
            vma = Cut(vm, vma, start, Math.Min(end, vma.End));
            vma.Attributes = new VmaAttributes { PatIndex = vma.DefaultPatIndex };
        }

        return MergeNeighbours(vm, vma) || changed;
    }

    /// <summary>The part of an area that is exactly <c>[start, end)</c>; what sticks out becomes areas of its own.</summary>
    private static Vma Cut(Vm vm, Vma vma, ulong start, ulong end)
    {
        if (end < vma.End)
        {
            vm.Vmas.Insert(vm.FreeVmas.RentPiece(vma, end, vma.End));
            vma.End = end;
        }

        if (vma.Start == start)
        {
            return vma;
        }

        // The lower piece is the area itself: its key in the tree stays.
        Vma piece = vm.FreeVmas.RentPiece(vma, start, vma.End);
        vma.End = start;
        vm.Vmas.Insert(piece);
        return piece;
    }

    /// <summary>Takes neighbours in that differ in nothing.</summary>
    private static bool MergeNeighbours(Vm vm, Vma vma)
    {
        bool merged = false;
        if (vm.Vmas.Find(vma.End) is { } above && CanMerge(vma, above))
        {
            Swallow(vm, vma, above);
            merged = true;
        }

        if (vma.Start != 0 && vm.Vmas.Find(vma.Start - 1) is { } below && CanMerge(below, vma))
        {
            Swallow(vm, below, vma);
            merged = true;
        }

        return merged;
    }

    private static void Swallow(Vm vm, Vma lower, Vma upper)
    {
        vm.Vmas.Remove(upper);
        lower.End = upper.End;
        vm.FreeVmas.Return(upper);
    }

    private static bool CanMerge(Vma left, Vma right) =>
        left.Kind == VmaKind.CpuAddressMirror && right.Kind == VmaKind.CpuAddressMirror && left.HasDefaultAttributes && right.HasDefaultAttributes
        && left.IsReadOnly == right.IsReadOnly && left.IsAutoReset == right.IsAutoReset && left.Attributes.PatIndex == right.Attributes.PatIndex;
}
