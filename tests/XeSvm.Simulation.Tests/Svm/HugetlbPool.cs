using System.Globalization;
using System.Runtime.InteropServices;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>One huge page of hugetlbfs, reserved in the machine's pool for a test and given back after it.</summary>
internal sealed partial class HugetlbPool : IDisposable
{
    private const string LibC = "libc";
    private const string PoolSize = "/proc/sys/vm/nr_hugepages";
    private const int ReadWrite = 3;
    private const int PrivateAnonymousHugetlb = 0x2 | 0x20 | 0x40000;
    private const ulong PageBytes = 2 << 20;

    private readonly string _before;

    private HugetlbPool(string before, ulong address) => (_before, Address) = (before, address);

    /// <summary>Where a private anonymous mapping of the one page is.</summary>
    public ulong Address { get; }

    /// <summary>Reserves and maps; skips the test, with the reason, where that is not possible.</summary>
    public static HugetlbPool MapPage()
    {
        Skip.If(ReadMemoryInfo("Hugepagesize") != PageBytes >> 10, "The huge pages of this machine have not 2 MiB.");
        string before = File.ReadAllText(PoolSize).Trim();
        if (ReadMemoryInfo("HugePages_Free") == 0)
        {
            string larger = (long.Parse(before, CultureInfo.InvariantCulture) + 1).ToString(CultureInfo.InvariantCulture);
            string? refusal = TryResize(larger);
            Skip.If(refusal is not null, $"No huge page can be reserved: {refusal}");
        }

        nint address = mmap(0, (nuint)PageBytes, ReadWrite, PrivateAnonymousHugetlb, -1, 0);
        if (address == -1)
        {
            int error = Marshal.GetLastPInvokeError();
            TryResize(before);
            Skip.If(true, $"The kernel has found no huge page ({Errno.Describe(-error)}).");
        }

        return new HugetlbPool(before, (ulong)address);
    }

    public void Dispose()
    {
        GpuClient.Unmap(Address, PageBytes);
        Assert.Null(TryResize(_before));
    }

    /// <summary>Null, or why not.</summary>
    private static string? TryResize(string pages)
    {
        if (File.ReadAllText(PoolSize).Trim() == pages)
        {
            return null;
        }

        try
        {
            File.WriteAllText(PoolSize, pages);
            return null;
        }
        catch (UnauthorizedAccessException e)
        {
            return e.Message;
        }
        catch (IOException e)
        {
            return e.Message;
        }
    }

    /// <summary>A number of /proc/meminfo.</summary>
    private static ulong ReadMemoryInfo(string name)
    {
        string? line = File.ReadLines("/proc/meminfo").FirstOrDefault(line => line.StartsWith(name + ":", StringComparison.Ordinal));
        return line is null ? 0 : ulong.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    [LibraryImport(LibC, SetLastError = true)]
    private static partial nint mmap(nint address, nuint length, int protection, int flags, int descriptor, long offset);
}
