using System.Globalization;

namespace XeSvm.Measurement;

/// <summary>What <c>/proc/self/smaps</c> tells of transparent huge pages in this process's memory.</summary>
internal static class HugePages
{
    private const string HugeLine = "AnonHugePages:";

    /// <summary>Whether the mappings that an area touches hold at least as many bytes in huge pages as the area has.</summary>
    internal static bool Cover(ulong address, ulong length)
    {
        ulong kilobytes = 0;
        bool inside = false;
        foreach (string line in File.ReadLines("/proc/self/smaps"))
        {
            if (TryReadBounds(line, out ulong start, out ulong end))
            {
                inside = start < address + length && end > address;
            }
            else if (inside && line.StartsWith(HugeLine, StringComparison.Ordinal))
            {
                string value = line[HugeLine.Length..].Trim().Split(' ')[0];
                kilobytes += ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out ulong parsed) ? parsed : 0;
            }
        }

        return kilobytes * 1024 >= length;
    }

    private static bool TryReadBounds(ReadOnlySpan<char> line, out ulong start, out ulong end)
    {
        end = 0;
        int dash = line.IndexOf('-');
        int space = line.IndexOf(' ');
        return ulong.TryParse(dash > 0 ? line[..dash] : default, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out start)
            && space > dash
            && ulong.TryParse(line[(dash + 1)..space], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out end);
    }
}
