using System.Diagnostics.Metrics;

namespace XeSvm.Management;

/// <summary>How a manager places memory.</summary>
public sealed record SvmManagerOptions
{
    /// <summary>The smallest <see cref="BlockBytes"/>: the largest SVM range, which is moved as a whole.</summary>
    public const ulong SmallestBlockBytes = 2 * 1024 * 1024;

    /// <summary>Decides where memory should be.</summary>
    public PlacementPolicy Policy { get; init; } = new FirstTouch();

    /// <summary>Memory is placed in blocks of this many bytes: a power of two, from 2 MiB to 1 GiB.</summary>
    public ulong BlockBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>
    /// How many bytes of VRAM the manager fills at most; <see langword="null"/> for nine tenths of the region. It is never more than the region has
    /// left beside what others use.
    /// </summary>
    public ulong? VramLimit { get; init; }

    /// <summary>The number of the VRAM region that the manager fills, from 0.</summary>
    public int VramIndex { get; init; }

    /// <summary>Makes the meter; <see langword="null"/> for one of the manager's own. Its name is <c>XeSvm.Manager</c>.</summary>
    public IMeterFactory? MeterFactory { get; init; }

    /// <summary>Refuses values that make no sense.</summary>
    internal void Validate()
    {
        ArgumentNullException.ThrowIfNull(Policy);
        if (!ulong.IsPow2(BlockBytes) || BlockBytes is < SmallestBlockBytes or > 1UL << 30)
        {
            throw new ArgumentException($"Blocks of {BlockBytes} bytes are not possible; a power of two from {SmallestBlockBytes} to {1UL << 30} is.");
        }

        if (VramIndex is < 0 or > 30)
        {
            throw new ArgumentException($"{VramIndex} is no number of a VRAM region; they are numbered from 0 to 30.");
        }
    }
}
