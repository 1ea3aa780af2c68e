namespace XeSvm.Simulation.Gpu;

/// <summary>
/// A surface of the blitter: where the byte x of row y is. Tiles have 4 KiB: in tile X, 8 rows of 512 bytes one after the other; in tile 4, 32 rows of
/// 128 bytes, of which 16 bytes each lie together, in the order of the bits x3:0, y1:0, x5:4, y2, x6, y3, y4 of their place.
/// </summary>
internal readonly struct BlitSurface
{
    private const uint Linear = 0;
    private const uint TileX = 1;
    private const uint Tile4 = 2;
    private const uint TilingMask = 3;
    private const ulong TileBytes = 4096;
    private const int TileXWidthShift = 9;
    private const int TileXHeightShift = 3;
    private const int Tile4WidthShift = 7;
    private const int Tile4HeightShift = 5;
    private const ulong Tile4Piece = 16;

    private readonly uint _tiling;
    private readonly ulong _address;

    /// <param name="tiling">The tiling in the lowest two bits; other bits are not looked at.</param>
    /// <param name="address">The first byte.</param>
    /// <param name="pitch">What a row takes: bytes when it is linear, else dwords.</param>
    public BlitSurface(uint tiling, ulong address, uint pitch)
    {
        _tiling = tiling & TilingMask;
        _address = address;
        Pitch = _tiling == Linear ? pitch : (ulong)pitch * sizeof(uint);
    }

    /// <summary>Bytes of a row.</summary>
    public ulong Pitch { get; }

    public bool IsLinear => _tiling == Linear;

    /// <summary>Whether it is of a known tiling, and tiles are whole and at their place.</summary>
    public bool IsWellFormed => _tiling switch
    {
        Linear => true,
        TileX => (Pitch & ((1 << TileXWidthShift) - 1)) == 0 && (_address & (TileBytes - 1)) == 0,
        Tile4 => (Pitch & ((1 << Tile4WidthShift) - 1)) == 0 && (_address & (TileBytes - 1)) == 0,
        _ => false,
    };

    /// <summary>How many bytes from x on lie together in a row.</summary>
    public ulong PieceAt(ulong x) => _tiling switch
    {
        Linear => ulong.MaxValue,
        TileX => (1UL << TileXWidthShift) - (x & ((1UL << TileXWidthShift) - 1)),
        _ => Tile4Piece - (x & (Tile4Piece - 1)),
    };

    /// <summary>The address of a byte.</summary>
    public ulong At(ulong x, uint y) => _address + _tiling switch
    {
        Linear => (y * Pitch) + x,
        TileX => TileAt(x, y, TileXWidthShift, TileXHeightShift) + ((y & 7UL) << TileXWidthShift) + (x & ((1UL << TileXWidthShift) - 1)),
        _ => TileAt(x, y, Tile4WidthShift, Tile4HeightShift) + PlaceInTile4(x, y),
    };

    private static ulong PlaceInTile4(ulong x, uint y) =>
        (x & 0xf) | (y & 3UL) << 4 | (x >> 4 & 3) << 6 | (y >> 2 & 1UL) << 8 | (x >> 6 & 1) << 9 | (y >> 3 & 3UL) << 10;

    private ulong TileAt(ulong x, uint y, int widthShift, int heightShift) =>
        (((y >> heightShift) * (Pitch >> widthShift)) + (x >> widthShift)) * TileBytes;
}
