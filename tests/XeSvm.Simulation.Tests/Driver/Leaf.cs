using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>What a GPU page table has for one page.</summary>
/// <param name="Kind">The kind of entry; null: none.</param>
/// <param name="Address">The entry's address for that page; 0 without memory.</param>
internal readonly record struct Leaf(GpuPteKind? Kind, ulong Address)
{
    public static Leaf Nothing => default;

    public static Leaf Null => new(GpuPteKind.Null, 0);

    public static Leaf Vram(ulong offset) => new(GpuPteKind.Vram, offset);
}
