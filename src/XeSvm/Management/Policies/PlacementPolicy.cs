namespace XeSvm.Management;

/// <summary>
/// Decides where memory should be. What it decides is advice and prefetches, never more: a wrong decision costs time and changes no result.
/// </summary>
/// <remarks>
/// A manager calls its policy from one thread at a time, so a policy may keep state. A policy belongs to one manager at a time, and must not balance
/// it. It should not allocate: it is called again and again.
/// </remarks>
public abstract class PlacementPolicy
{
    /// <summary>The policy in one word, for events and metrics.</summary>
    public abstract string Name { get; }

    /// <summary>Decides for each block.</summary>
    /// <param name="state">What the device did since the last time, and how full its memory is.</param>
    /// <param name="blocks">The managed memory, in the order of addresses.</param>
    /// <param name="decisions">
    /// One for each block, in the same order, all <see cref="PlacementDecision.Keep"/> at first. What does not fit into VRAM is not moved there,
    /// whatever is decided.
    /// </param>
    public abstract void Place(in PlacementState state, ReadOnlySpan<PlacementBlock> blocks, Span<PlacementDecision> decisions);
}

/// <summary>What should happen to a block.</summary>
/// <param name="Advice">Where it should be when the GPU touches it; <see langword="null"/> leaves the advice as it is.</param>
/// <param name="Move">Where to move it now; <see langword="null"/> leaves it where it is.</param>
public readonly record struct PlacementDecision(MemoryLocation? Advice, MemoryLocation? Move)
{
    /// <summary>Nothing.</summary>
    public static PlacementDecision Keep => default;

    /// <summary>The driver's own rule: the memory goes to who touches it.</summary>
    public static PlacementDecision ByTouch => new(MemoryLocation.Default, null);

    /// <summary>Where the block is, if it has left the VRAM that the account has it in: nothing is moved, only the account put right.</summary>
    internal MemoryLocation? LeftTo { get; init; }
}

/// <summary>A part of the managed memory: what its program said, and what the manager did. Not where the memory is: no driver tells that.</summary>
/// <param name="Range">The addresses.</param>
/// <param name="Location">Where the manager moved it last; <see cref="MemoryLocation.Default"/> when it never did.</param>
/// <param name="Advised">What it advised last; <see cref="MemoryLocation.Default"/> when it never did.</param>
/// <param name="Hint">What the program said last.</param>
/// <param name="Heat">How much it is used: each use adds 1, each balancing halves it.</param>
/// <param name="InUse">Whether the program holds a <see cref="SvmUse"/> of it. Such a block is not moved out of VRAM.</param>
public readonly record struct PlacementBlock(
    GpuRange Range, MemoryLocation Location, MemoryLocation Advised, SvmHint Hint, float Heat, bool InUse)
{
    /// <summary>Whether the manager moved it into VRAM of its own device.</summary>
    public bool IsOnDevice => Location.IsDevice && Location.Peer is null;
}

/// <summary>What a policy decides from, besides the blocks.</summary>
/// <param name="Device">The VRAM that the manager fills.</param>
/// <param name="HasVram">Whether the device has it.</param>
/// <param name="VramLimit">How many bytes the manager may fill, in bytes; 0 without VRAM.</param>
/// <param name="ManagedBytes">How many bytes of VRAM the manager believes to have filled.</param>
/// <param name="Activity">What the GT statistics counted since the last time.</param>
public readonly record struct PlacementState(
    MemoryLocation Device, bool HasVram, ulong VramLimit, ulong ManagedBytes, SvmActivity Activity);

/// <summary>What the GT statistics counted between two balancings, of all SVM on the device (xe_gt_stats.c).</summary>
/// <param name="IsKnown">Whether the statistics could be read; all else is 0 when not.</param>
/// <param name="Faults">GPU faults on SVM: <c>svm_pagefault_count</c>.</param>
/// <param name="ToDeviceBytes">Bytes copied into VRAM: <c>svm_device_copy_kb</c>.</param>
/// <param name="ToSystemBytes">
/// Bytes copied out of VRAM, by CPU touches, by eviction and by the manager itself: <c>svm_cpu_copy_kb</c>.
/// </param>
/// <param name="UnaskedToSystemBytes">
/// Of these, what the manager did not ask for: CPU touches and evictions. At least: the manager may have asked for more than there was to copy.
/// </param>
public readonly record struct SvmActivity(
    bool IsKnown, ulong Faults, ulong ToDeviceBytes, ulong ToSystemBytes, ulong UnaskedToSystemBytes);
