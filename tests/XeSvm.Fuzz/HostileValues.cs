namespace XeSvm.Fuzz;

/// <summary>Random values of the kinds that a driver takes: mostly plausible, now and then not.</summary>
internal sealed class HostileValues(ulong seed, int thread)
{
    private const ulong EmptyWindow = 0x10_0000_0000;
    private const uint MostIds = 6;

    private static readonly ulong[] s_edges =
    [
        0, 1, 2, 3, 4, 7, 8, 0xfff, 0x1000, 0x1001, 0xffff, 0x10000, 0x1f_ffff, 0x20_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000,
        0x7fff_ffff_f000, 0x8000_0000_0000, 0xffff_ffff_f000, 0x1_0000_0000_0000, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000,
        0xffff_8000_0000_0000, 0xffff_ffff_ffff_f000, 0xffff_ffff_ffff_ffff,
    ];

    private readonly Random _random = new((int)(seed ^ (seed >> 32)));

    /// <summary>A number below a limit.</summary>
    public uint Below(uint limit) => (uint)_random.NextInt64(limit);

    /// <summary>Nothing unlikely happens: values are good, as far as that can be known.</summary>
    public bool IsCalm { get; set; }

    /// <summary>True once in some times.</summary>
    public bool OneIn(int times) => _random.Next(times) == 0 && !IsCalm;

    /// <summary>A value that breaks things where lengths and sums are not checked.</summary>
    public ulong Edge() => s_edges[_random.Next(s_edges.Length)];

    /// <summary>64 random bits.</summary>
    public ulong Bits() => (ulong)_random.NextInt64(long.MinValue, long.MaxValue);

    /// <summary>An id: small enough to have been given, or to have been given and ended, or absurd.</summary>
    public uint Id() => OneIn(40) ? (uint)Edge() : OneIn(2) ? 1 : Below(MostIds);

    /// <summary>0, or rarely something.</summary>
    public uint ReservedDword() => OneIn(60) ? (uint)Edge() : 0;

    /// <summary>0, or rarely something.</summary>
    public ulong ReservedQword() => OneIn(60) ? Edge() : 0;

    /// <summary>Some flags of a mask, rarely any.</summary>
    public uint Flags(uint mask) => OneIn(40) ? (uint)Edge() : (uint)Bits() & mask;

    /// <summary>A length: whole pages, or odd.</summary>
    public ulong Length(uint pages) => OneIn(20) ? Edge() : OneIn(30) ? Below(0x20_0000) : (1 + (ulong)Below(pages)) << 12;

    /// <summary>An address for the GPU.</summary>
    public ulong GpuAddress() => _random.Next(20) switch
    {
        < 11 => FuzzArena.Base + ((ulong)Below((uint)(FuzzArena.DataBytes >> 12)) << 12),
        < 17 => EmptyWindow + ((ulong)Below(1 << 10) << 12),
        17 => FuzzArena.End + ((ulong)Below(4) << 12),
        18 => Edge(),
        _ => FuzzArena.Base + Below((uint)FuzzArena.DataBytes),
    };

    /// <summary>A pointer for the driver: aligned, odd, read-only, at the edge of a mapping, or hostile.</summary>
    public ulong Pointer() => _random.Next(40) switch
    {
        < 34 => Scratch() + (Below(512) * 8),
        34 => Scratch() + Below(4096),
        35 => FuzzArena.ReadOnlyPage + (Below(64) * 8),
        36 => FuzzArena.End - 8,
        37 => FuzzArena.End - 1 - Below(64),
        38 => 0,
        _ => Edge(),
    };

    /// <summary>A place for a structure that must stay as it is until the call is made.</summary>
    public ulong StructureAddress(int slot) => Scratch() + 0x2000 + ((ulong)slot * 0x1000);

    private ulong Scratch() => FuzzArena.ArgumentsBase + ((ulong)thread * FuzzArena.ArgumentBytes) + 0x4000;
}
