using System.Buffers;
using Microsoft.Win32.SafeHandles;
using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Buffers;

public sealed class XeBufferTests : IDisposable
{
    private readonly ScriptedBackend _backend = new();
    private readonly XeDevice _device;

    public XeBufferTests() => _device = XeDevice.Open(_backend, _backend.Nodes[0]);

    private ScriptedFile Driver => _backend.File;

    [Fact]
    public void Options_reach_the_driver()
    {
        using XeVm vm = _device.CreateVm();
        using XeBuffer both = _device.CreateBuffer(new XeBufferOptions
        {
            Size = 8192,
            Placements = [MemoryLocation.System, MemoryLocation.Device()],
            DeferBacking = true,
            NeedsVisibleVram = true,
            PrivateTo = vm,
        });
        drm_xe_gem_create first = Last<drm_xe_gem_create>(DrmXe.DRM_IOCTL_XE_GEM_CREATE);
        using XeBuffer scanout = _device.CreateBuffer(new XeBufferOptions
        {
            Size = 4096,
            Placements = [MemoryLocation.System],
            Scanout = true,
            NoCompression = true,
        });
        drm_xe_gem_create second = Last<drm_xe_gem_create>(DrmXe.DRM_IOCTL_XE_GEM_CREATE);
        using XeBuffer cached = _device.CreateBuffer(new XeBufferOptions
        {
            Size = 4096,
            Placements = [MemoryLocation.System],
            CpuCaching = XeCpuCaching.WriteCombined,
        });

        Assert.Equal(
            (3u, DrmXe.DRM_XE_GEM_CREATE_FLAG_DEFER_BACKING | DrmXe.DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM, vm.Id, DrmXe.DRM_XE_GEM_CPU_CACHING_WC),
            (first.placement, first.flags, first.vm_id, first.cpu_caching));
        Assert.Equal(
            (DrmXe.DRM_XE_GEM_CREATE_FLAG_SCANOUT | DrmXe.DRM_XE_GEM_CREATE_FLAG_NO_COMPRESSION, DrmXe.DRM_XE_GEM_CPU_CACHING_WC, 0u),
            (second.flags, second.cpu_caching, second.vm_id));
        Assert.Equal(DrmXe.DRM_XE_GEM_CPU_CACHING_WC, Last<drm_xe_gem_create>(DrmXe.DRM_IOCTL_XE_GEM_CREATE).cpu_caching);
        Assert.Equal([MemoryLocation.System, MemoryLocation.Device()], both.Placements);
    }

    [Fact]
    public unsafe void Protected_content_is_asked_for_by_an_extension()
    {
        drm_xe_ext_set_property extension = default;
        Driver.Observe = (request, argument) =>
        {
            if (request == DrmXe.DRM_IOCTL_XE_GEM_CREATE)
            {
                extension = *(drm_xe_ext_set_property*)((drm_xe_gem_create*)argument)->extensions;
            }
        };

        using XeBuffer buffer = _device.CreateBuffer(new XeBufferOptions { Size = 4096, Placements = [MemoryLocation.System], ProtectedContent = true });

        Assert.Equal(
            (0UL, DrmXe.DRM_XE_GEM_CREATE_EXTENSION_SET_PROPERTY, DrmXe.DRM_XE_GEM_CREATE_SET_PROPERTY_PXP_TYPE, DrmXe.DRM_XE_PXP_TYPE_HWDRM),
            (extension.@base.next_extension, extension.@base.name, extension.property, extension.value));
    }

    [Fact]
    public void A_refused_buffer_is_described_and_leaves_nothing()
    {
        XeBufferOptions options = new() { Size = 100, Placements = [MemoryLocation.System, MemoryLocation.Device()] };

        XeException exception = Assert.Throws<XeException>(() => _device.CreateBuffer(options));
        Assert.Equal(Errno.EINVAL, _device.TryCreateBuffer(options, out XeBuffer? none).Errno);

        Assert.Null(none);
        Assert.Equal("100 bytes in system or device(0), minimum page size 4096", exception.Request);
        Assert.Throws<ArgumentException>(() => _device.CreateBuffer(options with { Placements = [] }));
        Assert.Throws<ArgumentException>(() => _device.CreateBuffer(options with { Placements = [MemoryLocation.Default] }));
    }

    [Fact]
    public void A_mapping_outlives_its_buffer_and_gives_nothing_after_its_own_end()
    {
        XeBuffer buffer = _device.CreateBuffer(8192, MemoryLocation.System);
        XeBufferMapping mapping = buffer.Map();
        using XeBufferMapping part = buffer.Map(4096, writable: false);
        buffer.Dispose();
        Memory<byte> memory = mapping.Memory;
        memory.Span[5] = 7;
        Assert.Equal(7, mapping.AsSpan(5, 1)[0]);
        Assert.Equal((8192, (nuint)4096, false), (mapping.Span.Length, part.Length, part.IsWritable));

        mapping.Dispose();
        mapping.Dispose();

        Assert.Throws<ObjectDisposedException>(() => mapping.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => mapping.Memory);
        Assert.Throws<ObjectDisposedException>(() => mapping.Address);
        Assert.Throws<ObjectDisposedException>(() => memory.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => memory.Pin());
        Assert.Throws<ObjectDisposedException>(() => buffer.Map());
        Assert.Throws<ArgumentOutOfRangeException>(() => part.AsSpan(4090, 7).Length);
        Assert.Equal(1, Driver.LiveMappings);
    }

    [Fact]
    public unsafe void A_pin_keeps_the_pages_of_a_mapping_and_the_file()
    {
        XeBuffer buffer = _device.CreateBuffer(4096, MemoryLocation.System);
        XeBufferMapping mapping = buffer.Map();
        MemoryHandle pin = mapping.Memory.Pin();
        buffer.Dispose();
        mapping.Dispose();
        _device.Dispose();

        Assert.Equal(1, Driver.LiveMappings);
        *(byte*)pin.Pointer = 3;
        Assert.False(Driver.IsClosed);
        pin.Dispose();

        Assert.Equal(0, Driver.LiveMappings);
        Assert.True(Driver.IsClosed);
    }

    [Fact]
    public void A_mapping_that_is_refused_says_what_to_do()
    {
        using XeBuffer buffer = _device.CreateBuffer(4096, MemoryLocation.System);

        XeException tooLong = Assert.Throws<XeException>(() => buffer.Map(8192));
        Driver.Fail(DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET, Errno.EBUSY);
        XeException busy = Assert.Throws<XeException>(() => buffer.Map());

        Assert.Contains("8192 of its 4096 bytes", tooLong.Request, StringComparison.Ordinal);
        Assert.Contains("mark it as needed", busy.NextStep, StringComparison.Ordinal);
        Assert.Equal(Errno.EBUSY, buffer.TryMap(out _).Errno);
    }

    [Fact]
    public void An_import_of_an_object_that_the_file_has_shares_its_handle_and_the_last_closes_it()
    {
        XeBuffer original = _device.CreateBuffer(12288, MemoryLocation.System);
        using SafeFileHandle descriptor = original.Export(writable: false);
        XeBuffer first = _device.ImportBuffer(descriptor);
        XeBuffer second = _device.ImportBuffer(descriptor);

        Assert.Equal((original.Handle, original.Handle), (first.Handle, second.Handle));
        Assert.Equal((12288UL, true, MemoryLocation.Default), (first.Size, first.IsImported, first.Location));
        Assert.Equal(Drm.DRM_CLOEXEC, Last<drm_prime_handle>(Drm.DRM_IOCTL_PRIME_HANDLE_TO_FD).flags);
        second.Dispose();
        original.Dispose();
        second.Dispose();
        Assert.Equal(0, Closings());
        first.Dispose();

        Assert.Equal(1, Closings());
        Assert.Equal(0, Driver.LiveObjects);
    }

    [Fact]
    public void What_is_no_dma_buf_is_refused()
    {
        using SafeFileHandle file = File.OpenHandle("/dev/null");

        XeException exception = Assert.Throws<XeException>(() => _device.ImportBuffer(file));
        Assert.Contains("not a dma-buf", exception.NextStep, StringComparison.Ordinal);
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => _device.ImportBuffer(file));
    }

    [Fact]
    public void A_private_buffer_cannot_be_exported()
    {
        using XeBuffer buffer = _device.CreateBuffer(4096, MemoryLocation.System);
        Driver.Fail(Drm.DRM_IOCTL_PRIME_HANDLE_TO_FD, Errno.EPERM);

        XeException exception = Assert.Throws<XeException>(() => buffer.Export());

        Assert.Contains("without PrivateTo", exception.NextStep, StringComparison.Ordinal);
        Assert.Equal(Errno.EPERM, buffer.TryExport(out SafeFileHandle? none).Errno);
        Assert.Null(none);
    }

    public void Dispose()
    {
        _device.Dispose();
        Assert.Equal(0, Driver.LiveObjects);
    }

    private int Closings() => Driver.Log.Count(logged => logged.Number == Drm.DRM_IOCTL_GEM_CLOSE);

    private T Last<T>(uint request)
        where T : unmanaged => Driver.Log.Last(logged => logged.Number == request).Argument<T>();
}
