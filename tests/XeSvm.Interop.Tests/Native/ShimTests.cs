using System.Diagnostics;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Native;
using XeSvm.Interop.Uapi;

namespace XeSvm.Interop.Tests.Native;

public sealed unsafe class ShimTests
{
    private const int ReadAndWrite = 0x3;
    private const int SharedMapping = 0x01;
    private const int PrivateAnonymousMapping = 0x22;

    private static readonly ulong _page = SystemCalls.PageSize;

    [Fact]
    public void The_monotonic_clock_is_the_one_of_the_runtime()
    {
        long before = Nanoseconds();
        long shim = NativeMethods.xesvm_clock_monotonic_ns();
        long after = Nanoseconds();
        Assert.InRange(shim, before, after);
    }

    [Fact]
    public void The_thread_clock_advances_with_work_and_not_with_waiting()
    {
        long begin = NativeMethods.xesvm_clock_thread_cpu_ns();
        using (ManualResetEventSlim never = new())
        {
            Assert.False(never.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(50)));
        }

        long waited = NativeMethods.xesvm_clock_thread_cpu_ns() - begin;
        Assert.InRange(waited, 0, 40_000_000);

        begin = NativeMethods.xesvm_clock_thread_cpu_ns();
        long deadline = NativeMethods.xesvm_clock_monotonic_ns() + 10_000_000_000;
        while (NativeMethods.xesvm_clock_thread_cpu_ns() - begin < 5_000_000)
        {
            Assert.True(NativeMethods.xesvm_clock_monotonic_ns() < deadline, "The clock of a working thread stood still for 10 s.");
        }
    }

    [Fact]
    public void An_ioctl_gives_the_kernels_errno()
    {
        Assert.Equal(0, SystemCalls.OpenForReadingAndWriting("/dev/null", out FileDescriptorHandle? file));
        using (file)
        {
            Assert.Equal(0, file!.Acquire(out int descriptor));
            drm_version version = default;
            Assert.Equal(-Errno.ENOTTY, NativeMethods.xesvm_ioctl(descriptor, Drm.DRM_IOCTL_VERSION, &version));
            file.Release();
        }

        Assert.Equal(-Errno.EBADF, NativeMethods.xesvm_ioctl(-1, Drm.DRM_IOCTL_VERSION, null));
    }

    [Fact]
    public void An_ioctl_gives_the_kernels_result_and_fills_its_argument()
    {
        // FIONREAD: the bytes that wait to be read.
        const uint BytesReady = 0x541b;
        using System.IO.Pipes.AnonymousPipeServerStream pipe = new(System.IO.Pipes.PipeDirection.Out);
        pipe.Write("four"u8);
        int bytes = -1;
        Assert.Equal(0, NativeMethods.xesvm_ioctl((int)pipe.ClientSafePipeHandle.DangerousGetHandle(), BytesReady, &bytes));
        Assert.Equal(4, bytes);
    }

    [Fact]
    public void Memory_is_mapped_and_unmapped()
    {
        ulong address = 0;
        Assert.Equal(0, NativeMethods.xesvm_mmap(0, _page, ReadAndWrite, PrivateAnonymousMapping, -1, 0, &address));
        Assert.Equal(0u, address % _page);
        ulong pattern = (ulong)Random.Shared.NextInt64();
        *(ulong*)address = pattern;
        Assert.Equal(pattern, *(ulong*)address);
        Assert.Equal(0, NativeMethods.xesvm_munmap(address, _page));

        // Another thread may have mapped something there by now, but not this.
        ulong value;
        Assert.True(NativeMethods.xesvm_client_read(address, &value, sizeof(ulong)) == -Errno.EFAULT || value != pattern);
        Assert.Equal(-Errno.EINVAL, NativeMethods.xesvm_mmap(0, 0, ReadAndWrite, PrivateAnonymousMapping, -1, 0, &address));
        Assert.Equal(-Errno.EBADF, NativeMethods.xesvm_mmap(0, _page, ReadAndWrite, SharedMapping, -1, 0, &address));
        Assert.Equal(-Errno.EINVAL, NativeMethods.xesvm_munmap(1, _page));
    }

    [Fact]
    public void Client_memory_is_copied_both_ways()
    {
        Assert.Equal(0, SystemCalls.MapAnonymous(2 * (nuint)_page, MemoryProtection.ReadWrite, (nuint)_page, out nint address));
        byte[] pattern = [.. Enumerable.Range(0, 1000).Select(index => (byte)index)];
        byte[] read = new byte[pattern.Length];
        ulong across = (ulong)address + _page - 500;
        fixed (byte* source = pattern)
        fixed (byte* destination = read)
        {
            Assert.Equal(0, NativeMethods.xesvm_client_write(across, source, (ulong)pattern.Length));
            Assert.Equal(0, NativeMethods.xesvm_client_read(across, destination, (ulong)read.Length));
        }

        Assert.Equal(pattern, read);
        Assert.Equal(0, SystemCalls.Unmap(address, 2 * (nuint)_page));
    }

    [Fact]
    public void Client_memory_without_the_access_gives_efault_and_no_signal()
    {
        Assert.Equal(0, SystemCalls.MapAnonymous(2 * (nuint)_page, MemoryProtection.Read, (nuint)_page, out nint address));
        Assert.Equal(0, SystemCalls.Protect(address + (nint)_page, (nuint)_page, MemoryProtection.None));
        ulong value = 0;
        ulong readOnly = (ulong)address;
        Assert.Equal(0, NativeMethods.xesvm_client_read(readOnly, &value, sizeof(ulong)));
        Assert.Equal(-Errno.EFAULT, NativeMethods.xesvm_client_write(readOnly, &value, sizeof(ulong)));
        Assert.Equal(-Errno.EFAULT, NativeMethods.xesvm_client_read(readOnly + _page, &value, sizeof(ulong)));
        Assert.Equal(-Errno.EFAULT, NativeMethods.xesvm_client_read(readOnly + _page - 4, &value, sizeof(ulong)));
        Assert.Equal(-Errno.EFAULT, NativeMethods.xesvm_client_read(0, &value, sizeof(ulong)));
        Assert.Equal(-Errno.EFAULT, NativeMethods.xesvm_client_read(ulong.MaxValue - 3, &value, sizeof(ulong)));
        Assert.Equal(0, SystemCalls.Unmap(address, 2 * (nuint)_page));
    }

    [Fact]
    public void A_mapping_is_found_from_inside_and_from_below()
    {
        // Three reserved pages, the middle one opened: its neighbours have other access, so that it is a mapping of its own.
        Assert.Equal(0, SystemCalls.ReserveAddressSpace(3 * (nuint)_page, (nuint)_page, out nint address));
        ulong middle = (ulong)address + _page;
        Assert.Equal(0, SystemCalls.Protect((nint)middle, (nuint)_page, MemoryProtection.ReadWrite));
        xesvm_vma vma;
        Assert.Equal(0, NativeMethods.xesvm_client_find_vma(middle + 5, &vma));
        Assert.Equal((middle, middle + _page), (vma.start, vma.end));
        Assert.Equal(Xesvm.XESVM_VMA_READ | Xesvm.XESVM_VMA_WRITE | Xesvm.XESVM_VMA_ANONYMOUS, vma.flags);

        // Another thread may map something in the freed page; then that is what is found.
        Assert.Equal(0, SystemCalls.Unmap(address, (nuint)_page));
        Assert.Equal(0, NativeMethods.xesvm_client_find_vma((ulong)address, &vma));
        Assert.True(vma.start == middle || vma.start <= (ulong)address, $"{vma.start:x} for {address:x}");
        Assert.Equal(-Errno.ENOENT, NativeMethods.xesvm_client_find_vma(1ul << 60, &vma));
        Assert.Equal(0, SystemCalls.Unmap((nint)middle, 2 * (nuint)_page));
    }

    [Fact]
    public void A_mapping_of_a_file_is_shared_and_not_anonymous()
    {
        Assert.Equal(0, SystemCalls.MemfdCreate("xesvm-test", out FileDescriptorHandle? file));
        using (file)
        {
            Assert.Equal(0, SystemCalls.SetLength(file!, _page));
            Assert.Equal(0, SystemCalls.MapShared(file!, 0, (nuint)_page, MemoryProtection.Read, 0, out nint address));
            xesvm_vma vma;
            Assert.Equal(0, NativeMethods.xesvm_client_find_vma((ulong)address, &vma));
            Assert.Equal(Xesvm.XESVM_VMA_READ | Xesvm.XESVM_VMA_SHARED, vma.flags);
            Assert.Equal(0, SystemCalls.Unmap(address, (nuint)_page));
        }
    }

    // On Linux the stopwatch reads CLOCK_MONOTONIC in nanoseconds.
    private static long Nanoseconds()
    {
        Assert.Equal(1_000_000_000, Stopwatch.Frequency);
        return Stopwatch.GetTimestamp();
    }
}
