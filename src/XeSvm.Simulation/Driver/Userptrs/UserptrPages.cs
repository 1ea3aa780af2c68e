using XeSvm.Simulation.Svm;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// The client's pages behind one userptr area (xe_userptr): one piece for each 2 MiB block of client memory, which is made when
/// the block is looked at for the first time, mapped for DMA. Guarded by the
/// lock of the VM's <see cref="UserptrMirror"/>.
/// </summary>
internal sealed class UserptrPages(Vma vma)
{
    public Vma Vma { get; } = vma;

    /// <summary>First client address.</summary>
    public ulong Start { get; } = vma.ObjectOffset;

    /// <summary>One past the last client address.</summary>
    public ulong End { get; } = vma.ObjectOffset + vma.Size;

    /// <summary>The pieces, lowest first; of an area that was never pinned, those up to the first block that is not there.</summary>
    public List<SvmRange> Pieces { get; } = [];

    /// <summary>Changes with every invalidation: what was learnt about the pages before is void.</summary>
    public long Sequence { get; set; }

    /// <summary>Whether every piece is mapped for DMA.</summary>
    public bool IsMapped { get; set; }
}
