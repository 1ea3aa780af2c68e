using XeSvm.Interop.Kernel;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;

namespace XeSvm.Interop.Tests.Kernel;

public sealed unsafe class KernelFileTests
{
    private static readonly nuint _page = SystemCalls.PageSize;

    [Fact]
    public void An_ioctl_that_the_file_does_not_know_gives_enotty()
    {
        using KernelFile file = Open("/dev/null");
        drm_get_cap argument = default;
        Assert.Equal(-Errno.ENOTTY, file.Ioctl(Drm.DRM_IOCTL_GET_CAP, &argument));
        Assert.Equal(-Errno.ENOTTY, file.Ioctl(0, null));
        Assert.Equal(-Errno.ENOTTY, file.Ioctl(uint.MaxValue, null));
    }

    [Fact]
    public void The_descriptor_names_the_file_while_it_is_open()
    {
        KernelFile file = Open("/dev/null");
        int descriptor = file.Descriptor;
        Assert.True(descriptor > 0);
        Assert.Equal("/dev/null", File.ResolveLinkTarget($"/proc/self/fd/{descriptor}", returnFinalTarget: false)?.FullName);
        file.Dispose();
        Assert.Equal(-1, file.Descriptor);
    }

    [Fact]
    public void An_ioctl_allocates_nothing()
    {
        using KernelFile file = Open("/dev/null");
        drm_get_cap argument = default;
        Assert.Equal(-Errno.ENOTTY, file.Ioctl(Drm.DRM_IOCTL_GET_CAP, &argument));
        long before = GC.GetAllocatedBytesForCurrentThread();
        int results = 0;
        for (int i = 0; i < 1000; i++)
        {
            results += file.Ioctl(Drm.DRM_IOCTL_GET_CAP, &argument);
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(0, allocated);
        Assert.Equal(-1000 * Errno.ENOTTY, results);
    }

    [Fact]
    public void A_mapping_shows_the_file_from_the_offset_on_and_outlives_it()
    {
        Assert.Equal(0, SystemCalls.MemfdCreate("xesvm-test", out FileDescriptorHandle? memory));
        using (memory)
        {
            Assert.Equal(0, SystemCalls.SetLength(memory!, 4 * _page));
            Assert.Equal(0, SystemCalls.MapShared(memory!, 0, 4 * _page, MemoryProtection.ReadWrite, 0, out nint whole));
            *(int*)(whole + (nint)_page) = 42;

            Assert.Equal(0, memory!.Acquire(out int descriptor));
            KernelFile file = Open($"/proc/self/fd/{descriptor}");
            memory.Release();
            Assert.Equal(0, file.Map(_page, _page, DrmMapProtection.Read | DrmMapProtection.Write, out nint address));
            file.Dispose();
            Assert.Equal(42, *(int*)address);
            *(int*)address = 43;
            Assert.Equal(43, *(int*)(whole + (nint)_page));
            Assert.Equal(0, file.Unmap(address, _page));
            Assert.Equal(0, SystemCalls.Unmap(whole, 4 * _page));
        }
    }

    [Fact]
    public void A_mapping_that_the_kernel_refuses_gives_its_errno_and_no_address()
    {
        using KernelFile file = Open("/dev/null");
        Assert.Equal(-Errno.EINVAL, file.Map(0, 0, DrmMapProtection.Read, out nint address));
        Assert.Equal(0, address);
        Assert.Equal(-Errno.EINVAL, file.Map(1, _page, DrmMapProtection.Read, out _));
        Assert.Equal(-Errno.ENODEV, file.Map(0, _page, DrmMapProtection.Read, out _));
        Assert.Equal(-Errno.EINVAL, file.Map(0, _page, (DrmMapProtection)4, out _));
        Assert.Equal(-Errno.EINVAL, file.Unmap(1, _page));
        Assert.Equal(-Errno.EINVAL, file.Unmap(0, 0));
    }

    [Fact]
    public void A_disposed_file_answers_as_a_closed_descriptor()
    {
        KernelFile file = Open("/dev/null");
        file.Dispose();
        file.Dispose();
        Assert.Equal(-Errno.EBADF, file.Ioctl(Drm.DRM_IOCTL_VERSION, null));
        Assert.Equal(-Errno.EBADF, file.Map(0, _page, DrmMapProtection.Read, out nint address));
        Assert.Equal(0, address);
    }

    private static KernelFile Open(string path)
    {
        Assert.Equal(0, KernelFile.Open(new KernelPaths(), new DrmNode(path, "xe", string.Empty, -1), out KernelFile? file));
        return file!;
    }
}
