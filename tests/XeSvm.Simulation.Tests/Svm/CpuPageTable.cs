using System.Globalization;

using XeSvm.Interop.LibC;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>What the kernel says about this process's pages: evidence from outside the driver's books.</summary>
internal static unsafe class CpuPageTable
{
    private const ulong InMemory = 1UL << 63;
    private const ulong InSwap = 1UL << 62;

    /// <summary>How many pages of a range are in memory (mincore).</summary>
    public static int Resident(ulong address, ulong bytes)
    {
        Span<byte> pages = stackalloc byte[(int)(bytes / 4096)];
        fixed (byte* first = pages)
        {
            Assert.Equal(0, SystemCalls.FindResident((nint)address, (nuint)bytes, first));
        }

        int count = 0;
        foreach (byte page in pages)
        {
            count += page & 1;
        }

        return count;
    }

    /// <summary>How many entries of /proc/self/pagemap say that the page is in memory or in swap.</summary>
    public static int Entries(ulong address, int pages) => Count(address, pages, InMemory | InSwap);

    /// <summary>How many entries say that the page is in swap.</summary>
    public static int Swapped(ulong address, int pages) => Count(address, pages, InSwap);

    /// <summary>How much of the mapping at an address the page table has as transparent huge pages, in bytes.</summary>
    public static ulong HugeBytes(ulong address) => MappingBytes(address, "AnonHugePages:");

    /// <summary>How much of the mapping at an address is in memory and locked, in bytes.</summary>
    public static ulong LockedBytes(ulong address) => MappingBytes(address, "Locked:");

    private static ulong MappingBytes(ulong address, string field)
    {
        bool found = false;
        foreach (string line in File.ReadLines("/proc/self/smaps"))
        {
            int dash = line.IndexOf('-', StringComparison.Ordinal);
            if (dash > 0 && ulong.TryParse(line.AsSpan(0, dash), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong start))
            {
                ulong end = ulong.Parse(line.AsSpan(dash + 1, line.IndexOf(' ', StringComparison.Ordinal) - dash - 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                found = start <= address && address < end;
            }
            else if (found && line.StartsWith(field, StringComparison.Ordinal))
            {
                return ulong.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
            }
        }

        return 0;
    }

    private static int Count(ulong address, int pages, ulong bits)
    {
        byte[] entries = new byte[pages * 8];
        using FileStream pagemap = File.OpenRead("/proc/self/pagemap");
        pagemap.Position = (long)(address >> 12) * 8;
        pagemap.ReadExactly(entries);
        int count = 0;
        for (int page = 0; page < pages; page++)
        {
            count += (BitConverter.ToUInt64(entries, page * 8) & bits) != 0 ? 1 : 0;
        }

        return count;
    }
}
