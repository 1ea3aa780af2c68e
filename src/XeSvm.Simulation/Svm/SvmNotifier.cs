using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Svm;

/// <summary>
/// One aligned block of the mirrored address space that is told of its changes by itself (drm_gpusvm_notifier). It exists while it has
/// ranges.
/// </summary>
internal sealed class SvmNotifier
{
    /// <summary>Bytes of a block: svm_notifier_size of the xe module by default.</summary>
    public const ulong Size = 512UL << 20;

    public ulong Start { get; private set; }

    public ulong End => Start + Size;

    public ChunkMap<SvmRange> Ranges { get; } = new();

    /// <summary>Gives a pooled record its place.</summary>
    public void Assign(ulong start) => Start = start;

    /// <summary>The first address of the block that contains an address.</summary>
    public static ulong StartOf(ulong address) => address & ~(Size - 1);
}
