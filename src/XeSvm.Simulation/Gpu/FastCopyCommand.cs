namespace XeSvm.Simulation.Gpu;

/// <summary>
/// XY_FAST_COPY_BLT between linear surfaces: a rectangle of pixels, row by row (xe_gpu_commands.h). Tiled surfaces are malformed: nothing here
/// makes any.
/// </summary>
internal static class FastCopyCommand
{
    public static int Execute(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        const uint tiling = (3u << 20) | (3u << 13); // of the source, of the destination
        const int depthShift = 24;
        const uint depthMask = 7;
        // Bits 31:30 of dword 1 say which of two layouts a Y-tiled surface has; of a linear one they say nothing, and programs set them always.
        if ((dwords[0] & tiling) != 0)
        {
            return streamer.Malformed("only linear surfaces are supported");
        }

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

        ulong width = (ulong)(right - left) << pixelShift;
        ulong destinationPitch = Low(dwords[1]);
        ulong sourcePitch = Low(dwords[7]);
        ulong destination = CommandFields.Address(dwords[4..]) + (top * destinationPitch) + ((ulong)left << pixelShift);
        ulong source = CommandFields.Address(dwords[8..]) + (High(dwords[6]) * sourcePitch) + ((ulong)Low(dwords[6]) << pixelShift);
        return bottom - top > 1 && (width > destinationPitch || width > sourcePitch)
            ? streamer.Malformed("its rows are wider than a pitch")
            : CopyCommands.CopyRows(streamer, destination, destinationPitch, source, sourcePitch, width, bottom - top);
    }

    private static uint Low(uint dword) => dword & 0xffff;

    private static uint High(uint dword) => dword >> 16;
}
