namespace XeSvm.Simulation.Gpu;

/// <summary>
/// XY_FAST_COPY_BLT: a rectangle of pixels, row by row, between surfaces that are linear, in tiles X or in tiles 4 (xe_gpu_commands.h). Tiles of
/// 64 KiB are malformed.
/// </summary>
internal static class FastCopyCommand
{
    public static int Execute(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        const int sourceTilingShift = 20;
        const int destinationTilingShift = 13;
        const int depthShift = 24;
        const uint depthMask = 7;

        // Bits 31:30 of dword 1 say that a surface is in tiles 4 and not in the tiles Y of older devices, of which this one has none.
        int pixelShift = (dwords[1] >> depthShift & depthMask) switch
        {
            0 => 0,
            1 => 1,
            3 => 2,
            4 => 3,
            5 => 4,
            _ => -1,
        };
        if (pixelShift < 0)
        {
            return streamer.Malformed("its color depth is none of 8, 16, 32, 64 and 128 bits");
        }

        uint left = Low(dwords[2]);
        uint top = High(dwords[2]);
        uint right = Low(dwords[3]);
        uint bottom = High(dwords[3]);
        if (right <= left || bottom <= top)
        {
            return 0;
        }

        var destination = new BlitSurface(dwords[0] >> destinationTilingShift, CommandFields.Address(dwords[4..]), Low(dwords[1]));
        var source = new BlitSurface(dwords[0] >> sourceTilingShift, CommandFields.Address(dwords[8..]), Low(dwords[7]));
        if (!destination.IsWellFormed || !source.IsWellFormed)
        {
            return streamer.Malformed("a surface is in tiles of 64 KiB, or does not consist of whole tiles");
        }

        uint rows = bottom - top;
        ulong width = (ulong)(right - left) << pixelShift;
        if (rows > 1 && (width > destination.Pitch || width > source.Pitch))
        {
            return streamer.Malformed("its rows are wider than a pitch");
        }

        (ulong toX, uint toY) = ((ulong)left << pixelShift, top);
        (ulong fromX, uint fromY) = ((ulong)Low(dwords[6]) << pixelShift, High(dwords[6]));
        return destination.IsLinear && source.IsLinear
            ? CopyCommands.CopyRows(streamer, destination.At(toX, toY), destination.Pitch, source.At(fromX, fromY), source.Pitch, width, rows)
            : CopyTiled(streamer, destination, (toX, toY), source, (fromX, fromY), width, rows);
    }

    /// <summary>Copies what lies in one piece in both surfaces, piece by piece.</summary>
    private static int CopyTiled(
        CommandStreamer streamer, in BlitSurface destination, (ulong X, uint Y) to, in BlitSurface source, (ulong X, uint Y) from, ulong width, uint rows)
    {
        for (uint row = 0; row < rows; row++)
        {
            ulong piece;
            for (ulong x = 0; x < width; x += piece)
            {
                piece = Math.Min(width - x, Math.Min(destination.PieceAt(to.X + x), source.PieceAt(from.X + x)));
                int result = streamer.Copy(destination.At(to.X + x, to.Y + row), source.At(from.X + x, from.Y + row), piece);
                if (result < 0)
                {
                    return result;
                }
            }
        }

        return 0;
    }

    private static uint Low(uint dword) => dword & 0xffff;

    private static uint High(uint dword) => dword >> 16;
}
