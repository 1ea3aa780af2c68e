using System.Globalization;

namespace XeSvm.Tests.Measurement;

/// <summary>This process's mappings.</summary>
internal static class MemoryMap
{
    /// <summary>Start and end of the mapping that contains an address.</summary>
    internal static (ulong Start, ulong End) Find(ulong address)
    {
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            string[] bounds = line.Split(' ', 2)[0].Split('-');
            ulong start = ulong.Parse(bounds[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            ulong end = ulong.Parse(bounds[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (address >= start && address < end)
            {
                return (start, end);
            }
        }

        throw new InvalidOperationException($"0x{address:x} is not mapped.");
    }
}
