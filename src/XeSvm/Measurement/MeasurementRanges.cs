using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>
/// Memory in ranges of one size class that the SVM layer cannot join: each is an aligned VMA of its own, with reserved addresses between
/// it and the next, so a fault in it gives a range of exactly this size (drm_gpusvm.c: a range never reaches beyond its VMA). Whether the
/// kernel uses huge pages for it is said, not left to the machine's settings.
/// </summary>
internal sealed unsafe class MeasurementRanges : IDisposable
{
    private const int PageSize = 4096;

    // Two words at the start of each page: one for the CPU, one for the GPU.
    private const int GpuWordOffset = 8;

    private readonly nint _reservation;
    private readonly nuint _reservedLength;
    private bool _disposed;

    private MeasurementRanges(nint reservation, nuint reservedLength, SvmSizeClass size)
    {
        _reservation = reservation;
        _reservedLength = reservedLength;
        SizeClass = size;
    }

    /// <summary>The ranges' size.</summary>
    internal SvmSizeClass SizeClass { get; }

    /// <summary>Pages of one range.</summary>
    private int Pages => (int)(SizeClass.Bytes / PageSize);

    /// <summary>Reserves addresses and opens every other aligned block of them.</summary>
    /// <exception cref="XeException">There is not enough memory or address space.</exception>
    internal static MeasurementRanges Create(SvmSizeClass size, int count, PageBacking pages = PageBacking.Small)
    {
        if (pages == PageBacking.Huge && size != SvmSizeClass.Size2M)
        {
            throw new MeasurementPlanException($"Ranges of {size} cannot consist of huge pages, which have 2 MiB; valid for them: small.");
        }

        nuint length = size.Bytes * (2 * (nuint)count + 1);
        Require(SystemCalls.ReserveAddressSpace(length, size.Bytes, out nint reservation), $"{length} bytes of address space");
        MeasurementRanges ranges = new(reservation, length, size);
        bool complete = false;
        try
        {
            for (int range = 0; range < count; range++)
            {
                nint address = ranges.AddressOf(range);
                Require(SystemCalls.Protect(address, size.Bytes, MemoryProtection.ReadWrite), $"{size} of memory at 0x{address:x}");

                ranges.Advise(address, pages);
            }

            complete = true;
            return ranges;
        }
        finally
        {
            if (!complete)
            {
                ranges.Dispose();
            }
        }
    }

    /// <summary>Checks after the first touch that the kernel gave the pages that were asked for.</summary>
    /// <exception cref="MeasurementPlanException">It gave small pages where huge ones were asked for.</exception>
    internal void RequireBacking(PageBacking pages)
    {
        if (pages == PageBacking.Huge && !HugePages.Cover((ulong)AddressOf(0), SizeClass.Bytes))
        {
            throw new MeasurementPlanException(
                "The kernel gave no transparent huge page for an aligned range of 2 MiB. Allow them with: " +
                "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled. If they are allowed, memory is too fragmented: " +
                "echo 1 | sudo tee /proc/sys/vm/compact_memory.");
        }
    }

    /// <summary>A range's addresses.</summary>
    internal GpuRange RangeOf(int range) => new((ulong)AddressOf(range), SizeClass.Bytes);

    /// <summary>The GPU's word in a range: in another page each time.</summary>
    internal ulong GpuWordAddress(int range, uint round) => (ulong)(PageAddress(range, StorePage(range, round)) + GpuWordOffset);

    /// <summary>The value that the GPU stores there.</summary>
    internal static uint GpuValue(int range, uint round) => 0x5a000000u ^ (round << 10) ^ (uint)range;

    /// <summary>Writes both words of every page of the first ranges with the CPU, so that every page exists in system memory.</summary>
    internal void Touch(int count, uint round)
    {
        for (int range = 0; range < count; range++)
        {
            for (int page = 0; page < Pages; page++)
            {
                nint address = PageAddress(range, page);
                *(ulong*)address = CpuValue(range, page, round);
                *(uint*)(address + GpuWordOffset) = 0;
            }
        }
    }

    /// <summary>Reads every page of the first ranges with the CPU.</summary>
    /// <exception cref="MeasurementException">A page does not hold what CPU and GPU wrote.</exception>
    internal void Verify(int count, uint round)
    {
        for (int range = 0; range < count; range++)
        {
            int storePage = StorePage(range, round);
            for (int page = 0; page < Pages; page++)
            {
                nint address = PageAddress(range, page);
                Expect(range, page, "CPU", *(ulong*)address, CpuValue(range, page, round));
                Expect(range, page, "GPU", *(uint*)(address + GpuWordOffset), page == storePage ? GpuValue(range, round) : 0);
            }
        }
    }

    /// <summary>Unmaps the memory.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _ = SystemCalls.Unmap(_reservation, _reservedLength);
        }
    }

    private static ulong CpuValue(int range, int page, uint round) =>
        ((ulong)round << 32) ^ ((ulong)(uint)range << 12) ^ (uint)page ^ 0xa5a5_0000_0000_0000;

    private static void Require(int result, string what)
    {
        if (result < 0)
        {
            ThrowHelper.Throw(XeResult.FromCall(result), XeOperation.Memory, what);
        }
    }

    private void Advise(nint address, PageBacking pages)
    {
        bool huge = pages == PageBacking.Huge;
        int result = SystemCalls.Advise(address, SizeClass.Bytes, huge ? MemoryAdvice.HugePage : MemoryAdvice.NoHugePage);

        // A kernel without transparent huge pages answers EINVAL: there are none to keep out.
        Require(result == -Errno.EINVAL && !huge ? 0 : result, $"{SizeClass} of memory with{(huge ? "" : "out")} huge pages at 0x{address:x}");
    }

    private void Expect(int range, int page, string writer, ulong found, ulong expected)
    {
        if (found != expected)
        {
            throw new MeasurementException(
                $"After the migration page {page} of {SizeClass} range {range} holds 0x{found:x} where the {writer} wrote 0x{expected:x}: " +
                "data was lost, the figures are void.");
        }
    }

    private int StorePage(int range, uint round) => (int)((round * 7 + (uint)range) % (uint)Pages);

    // The block before the first range stays reserved too: the kernel joins neighbouring VMAs of equal flags, and what lies in front of
    // the reservation, a thread's stack for one, may have the flags of a range.
    private nint AddressOf(int range) => _reservation + (nint)(SizeClass.Bytes * (2 * (nuint)range + 1));

    private nint PageAddress(int range, int page) => AddressOf(range) + (nint)page * PageSize;
}
