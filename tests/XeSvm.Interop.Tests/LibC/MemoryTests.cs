using CsCheck;
using XeSvm.Interop.LibC;

namespace XeSvm.Interop.Tests.LibC;

public sealed unsafe class MemoryTests
{
    private static readonly nuint _page = SystemCalls.PageSize;

    [Fact]
    public void Anonymous_memory_is_zero_writable_and_aligned_as_asked()
    {
        Gen.Select(Gen.Int[0, 9], Gen.Int[1, 1 << 16]).Sample(
            (exponent, length) =>
            {
                nuint alignment = _page << exponent;
                Assert.Equal(0, SystemCalls.MapAnonymous((nuint)length, MemoryProtection.ReadWrite, alignment, out nint address));
                Assert.Equal(0u, (nuint)address % alignment);
                byte* bytes = (byte*)address;
                Assert.Equal(-1, new Span<byte>(bytes, length).IndexOfAnyExcept((byte)0));
                bytes[0] = 1;
                bytes[length - 1] = 2;
                Assert.Equal(0, SystemCalls.Unmap(address, (nuint)length));
            },
            iter: 100);
    }

    [Fact]
    public void An_aligned_mapping_leaves_nothing_mapped_around_it()
    {
        for (int exponent = 1; exponent < 17; exponent++)
        {
            // Write without read: no other mapping of the process is like it, so that the kernel merges it with nothing but a remainder.
            Assert.Equal(0, SystemCalls.MapAnonymous(_page, MemoryProtection.Write, _page << exponent, out nint address));
            string mapping = $"{address:x}-{address + (nint)_page:x} -w-p ";
            Assert.Single(File.ReadLines("/proc/self/maps"), line => line.StartsWith(mapping, StringComparison.Ordinal));
            Assert.Equal(0, SystemCalls.Unmap(address, _page));
        }
    }

    [Theory]
    [InlineData(0, 4096)]
    [InlineData(4096, 0)]
    [InlineData(4096, 2048)]
    [InlineData(4096, 12288)]
    public void A_length_of_nothing_or_a_bad_alignment_is_refused(int length, int alignment)
    {
        Assert.Equal(
            -Errno.EINVAL,
            SystemCalls.MapAnonymous((nuint)length, MemoryProtection.ReadWrite, (nuint)alignment, out nint address));
        Assert.Equal(0, address);
        Assert.Equal(-Errno.EINVAL, SystemCalls.ReserveAddressSpace((nuint)length, (nuint)alignment, out _));
    }

    [Fact]
    public void More_than_the_address_space_is_refused()
    {
        Assert.Equal(-Errno.ENOMEM, SystemCalls.ReserveAddressSpace(nuint.MaxValue, _page, out _));
        Assert.Equal(-Errno.ENOMEM, SystemCalls.ReserveAddressSpace(nuint.MaxValue - _page - _page, _page, out _));
        Assert.Equal(-Errno.ENOMEM, SystemCalls.ReserveAddressSpace((nuint)1 << 60, _page, out _));
    }

    [Fact]
    public void Reserved_addresses_cost_no_memory_and_can_be_opened_page_by_page()
    {
        nuint length = (nuint)1 << 40;
        Assert.Equal(0, SystemCalls.ReserveAddressSpace(length, _page, out nint address));
        nint inside = address + (nint)(length / 2);
        Assert.Equal(0, SystemCalls.Protect(inside, _page, MemoryProtection.ReadWrite));
        *(int*)inside = 42;
        Assert.Equal(42, *(int*)inside);
        Assert.Equal(0, SystemCalls.Protect(inside, _page, MemoryProtection.None));
        Assert.Equal(0, SystemCalls.Unmap(address, length));
    }

    [Fact]
    public void Dropped_pages_read_as_zero()
    {
        Assert.Equal(0, SystemCalls.MapAnonymous(_page, MemoryProtection.ReadWrite, _page, out nint address));
        *(int*)address = 42;
        Assert.Equal(0, SystemCalls.Advise(address, _page, MemoryAdvice.DontNeed));
        Assert.Equal(0, *(int*)address);
        Assert.Equal(-Errno.EINVAL, SystemCalls.Advise(address, _page, (MemoryAdvice)12345));
        Assert.Equal(0, SystemCalls.Unmap(address, _page));

        // Nothing is ever mapped below vm.mmap_min_addr.
        Assert.Equal(-Errno.ENOMEM, SystemCalls.Advise((nint)_page, _page, MemoryAdvice.DontNeed));
    }

    [Fact]
    public void Every_mapping_of_a_file_shows_the_same_bytes_and_a_hole_reads_as_zero()
    {
        Assert.Equal(0, SystemCalls.MemfdCreate("xesvm-test", out FileDescriptorHandle? file));
        using (file)
        {
            Assert.Equal(0, SystemCalls.SetLength(file!, 4 * _page));
            Assert.Equal(0, SystemCalls.MapShared(file!, 0, 4 * _page, MemoryProtection.ReadWrite, 0, out nint whole));
            Assert.Equal(0, SystemCalls.ReserveAddressSpace(2 * _page, _page, out nint reserved));
            Assert.Equal(0, SystemCalls.MapShared(file!, 2 * _page, _page, MemoryProtection.Read, reserved, out nint view));
            Assert.Equal(reserved, view);

            int* word = (int*)(whole + (nint)(2 * _page));
            *word = 42;
            Assert.Equal(42, *(int*)view);

            Assert.Equal(0, SystemCalls.PunchHole(file!, 2 * _page, _page));
            Assert.Equal(0, *(int*)view);
            Assert.Equal(0, *word);

            Assert.Equal(0, SystemCalls.Unmap(whole, 4 * _page));
            Assert.Equal(0, SystemCalls.Unmap(reserved, 2 * _page));
        }
    }

    [Fact]
    public void A_file_that_is_closed_or_an_offset_that_no_file_has_is_refused()
    {
        Assert.Equal(0, SystemCalls.MemfdCreate("xesvm-test", out FileDescriptorHandle? file));
        Assert.Equal(-Errno.EOVERFLOW, SystemCalls.MapShared(file!, ulong.MaxValue, _page, MemoryProtection.Read, 0, out _));
        Assert.Equal(-Errno.EINVAL, SystemCalls.MapShared(file!, 1, _page, MemoryProtection.Read, 0, out _));
        Assert.Equal(-Errno.EFBIG, SystemCalls.SetLength(file!, ulong.MaxValue));
        Assert.Equal(-Errno.EFBIG, SystemCalls.PunchHole(file!, ulong.MaxValue, 1));
        Assert.Equal(-Errno.EINVAL, SystemCalls.PunchHole(file!, 0, 0));
        file!.Dispose();
        Assert.Equal(-Errno.EBADF, SystemCalls.MapShared(file, 0, _page, MemoryProtection.Read, 0, out nint address));
        Assert.Equal(0, address);
        Assert.Equal(-Errno.EBADF, SystemCalls.SetLength(file, 0));
        Assert.Equal(-Errno.EBADF, SystemCalls.PunchHole(file, 0, 1));
    }
}
