namespace XeSvm.Simulation.Gpu;

/// <summary>The link copy commands of the blitter, as Xe2 has them (xe_gpu_commands.h).</summary>
internal static class CopyCommands
{
    private const uint Matrix = 1u << 17;
    private const uint PageMode = 1u << 19;
    private const ulong PageModeUnit = 256;
    private const string WideRowsReason = "its rows are wider than a pitch";

    /// <summary>Linear, counted in bytes or in units of 256 bytes, or a matrix of rows with a pitch on either side.</summary>
    public static int MemCopy(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        bool matrix = (dwords[0] & Matrix) != 0;
        bool pages = (dwords[0] & PageMode) != 0;
        ulong width = dwords[1] + 1UL;
        ulong height = dwords[2] + 1UL;
        ulong sourcePitch = dwords[3] + 1UL;
        ulong destinationPitch = dwords[4] + 1UL;
        ulong source = CommandFields.Address(dwords[5..]);
        ulong destination = CommandFields.Address(dwords[7..]);
        if (!matrix)
        {
            return streamer.Copy(destination, source, pages ? width * PageModeUnit : width);
        }

        if (pages)
        {
            return streamer.Malformed("a matrix is counted in bytes only");
        }

        return height > 1 && (width > sourcePitch || width > destinationPitch)
            ? streamer.Malformed(WideRowsReason)
            : CopyRows(streamer, destination, destinationPitch, source, sourcePitch, width, height);
    }

    /// <summary>Fills bytes, or a matrix of rows with a pitch, with one value.</summary>
    public static int MemSet(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        const int valueShift = 24;
        ulong width = dwords[1] + 1UL;
        ulong height = (dwords[0] & Matrix) != 0 ? dwords[2] + 1UL : 1;
        ulong pitch = dwords[3] + 1UL;
        ulong destination = CommandFields.Address(dwords[4..]);
        byte value = (byte)(dwords[6] >> valueShift);
        if (height > 1 && width > pitch)
        {
            return streamer.Malformed(WideRowsReason);
        }

        int result = 0;
        for (ulong row = 0; row < height && result == 0; row++)
        {
            result = streamer.Fill(destination + (row * pitch), value, width);
        }

        return result;
    }

    /// <summary>Copies rows, each with a pitch on either side.</summary>
    public static int CopyRows(
        CommandStreamer streamer, ulong destination, ulong destinationPitch, ulong source, ulong sourcePitch, ulong width, ulong height)
    {
        int result = 0;
        for (ulong row = 0; row < height && result == 0; row++)
        {
            result = streamer.Copy(destination + (row * destinationPitch), source + (row * sourcePitch), width);
        }

        return result;
    }
}
