using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>PRIME: exports are descriptors of this process, and name their object on any device.</summary>
public sealed unsafe class PrimeTests : IDisposable
{
    private const ulong Size = 0x4000;
    private readonly SoftwareBackend _backend = new(new SoftwareBackendOptions { Device = "dual-bmg", VramBytes = 16 << 20, CpuFaults = "coherent" });
    private readonly DrmClient _first;
    private readonly DrmClient _second;

    public PrimeTests()
    {
        _first = new DrmClient(_backend, 0);
        _second = new DrmClient(_backend, 1);
    }

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
        _backend.Dispose();
    }

    [Fact]
    [Trait("Rule", "15.HANDLE_TO_FD")]
    [Trait("Rule", "3.vm-private")]
    public void Exports_have_checks_in_order()
    {
        Assert.Equal(-Errno.EINVAL, _first.Export(99, 4));
        Assert.Equal(-Errno.ENOENT, _first.Export(99));
        uint vm = _first.CreateVm(0);
        var create = new drm_xe_gem_create { size = Size, placement = 1, cpu_caching = DrmClient.WriteBack, vm_id = vm };
        Assert.Equal(0, _first.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref create));
        Assert.Equal(-Errno.EPERM, _first.Export(create.handle));
    }

    [Fact]
    [Trait("Rule", "15.FD_TO_HANDLE")]
    public void Imports_want_an_export()
    {
        Assert.Equal(-Errno.EBADF, _first.Import(-1, out _));
        Assert.Equal(-Errno.EBADF, _first.Import(int.MaxValue, out _));
        Assert.Equal(0, SystemCalls.MemfdCreate("no-dma-buf", out FileDescriptorHandle? file));
        using (file)
        {
            Assert.Equal(0, file!.Acquire(out int descriptor));
            Assert.Equal(-Errno.EINVAL, _first.Import(descriptor, out _));
            file.Release();
        }
    }

    [Fact]
    [Trait("Rule", "15.same-device")]
    public void On_the_same_device_an_export_is_the_same_object_and_the_same_handle_if_there_is_one()
    {
        using var other = new DrmClient(_backend, 0);
        uint handle = _first.CreateBo(Size, DrmClient.VramMemory);
        int descriptor = _first.Export(handle);
        Assert.Equal(0, _first.Import(descriptor, out uint again));
        Assert.Equal(handle, again);
        other.CreateBo(0x1000);
        Assert.Equal(0, other.Import(descriptor, out uint imported));
        Assert.Same(_first.InspectBo(handle), other.InspectBo(imported));
        Assert.Equal(_first.OffsetOf(handle), other.OffsetOf(imported));
        Assert.Equal(0, SystemCalls.Close(descriptor));
    }

    [Theory]
    [Trait("Rule", "15.foreign")]
    [InlineData(DrmClient.SystemMemory)]
    [InlineData(DrmClient.VramMemory)]
    public void Another_devices_GPU_works_on_the_same_memory(uint placement)
    {
        uint handle = _first.CreateBo(Size, placement);
        uint* mapped = (uint*)_first.MapBo(handle, Size);
        int descriptor = _first.Export(handle);
        Assert.Equal(0, _second.Import(descriptor, out uint imported));
        Assert.Equal(0, _second.Import(descriptor, out uint again));
        Assert.Equal(imported, again);
        Assert.Equal(0, SystemCalls.Close(descriptor));

        uint vm = _second.CreateVm(0);
        Assert.Equal(-Errno.EINVAL, _second.Bind(vm, Ops.MapBo(imported, 0x10000, Size) with { pat_index = 0 }));
        Assert.Equal(-Errno.EINVAL, _second.Bind(vm, Ops.MapBo(imported, 0x10000, Size) with { pat_index = 9 }));
        Assert.Equal(0, _second.BindBo(vm, imported, 0x10000, Size));
        Leaf leaf = _second.Walk(vm, 0x11000);
        mapped[0x1000 / 4] = 0xabcd;
        Assert.Equal(0xabcdu, *(uint*)leaf.Address);
        *(uint*)leaf.Address = 0xdcba;
        Assert.Equal(0xdcbau, mapped[0x1000 / 4]);

        // The CPU maps it through its own device, or the descriptor; here it gets SIGBUS.
        byte* unreachable = _second.MapBo(imported, Size);
        byte value;
        Assert.Equal(-Errno.EFAULT, _second.Software.Client.Read((ulong)unreachable, &value, 1));
        _second.UnmapBo(unreachable, Size);
        _first.UnmapBo(mapped, Size);
    }

    [Fact]
    [Trait("Rule", "15.lifetime")]
    public void An_export_keeps_its_object_until_its_last_descriptor_is_closed()
    {
        uint handle = _first.CreateBo(Size, DrmClient.VramMemory);
        byte* mapped = _first.MapBo(handle, Size);
        mapped[0] = 1;
        _first.UnmapBo(mapped, Size);
        int descriptor = _first.Export(handle);
        int second = _first.Export(handle, Drm.DRM_CLOEXEC);
        Assert.Equal(0, _first.CloseBo(handle));
        Assert.Equal(0, SystemCalls.Close(descriptor));
        Assert.Equal(0, _first.Import(second, out uint again));
        mapped = _first.MapBo(again, Size);
        Assert.Equal(1, mapped[0]);
        _first.UnmapBo(mapped, Size);
        Assert.Equal(0, SystemCalls.Close(second));
        Assert.Equal(Size, _first.Device.Vram.Used);
        Assert.Equal(0, _first.CloseBo(again));
        Assert.Equal(0ul, _first.Device.Vram.Used);
    }

    [Fact]
    [Trait("Rule", "15.descriptor")]
    public void A_descriptor_maps_the_object_and_writes_only_when_RDWR_was_asked_for()
    {
        uint handle = _first.CreateBo(Size, DrmClient.VramMemory);
        byte* mapped = _first.MapBo(handle, Size);
        mapped[0x3fff] = 77;
        foreach (uint flags in (ReadOnlySpan<uint>)[Drm.DRM_CLOEXEC, Drm.DRM_CLOEXEC | Drm.DRM_RDWR])
        {
            using var file = new FileDescriptorHandle(_first.Export(handle, flags));
            Assert.Equal(0, SystemCalls.MapShared(file, 0, (nuint)Size, MemoryProtection.Read, 0, out nint address));
            Assert.Equal(77, ((byte*)address)[0x3fff]);
            Assert.Equal(0, SystemCalls.Unmap(address, (nuint)Size));
            int writable = SystemCalls.MapShared(file, 0, (nuint)Size, MemoryProtection.ReadWrite, 0, out address);
            Assert.Equal(flags == Drm.DRM_CLOEXEC ? -Errno.EACCES : 0, writable);
            if (writable == 0)
            {
                Assert.Equal(0, SystemCalls.Unmap(address, (nuint)Size));
            }
        }

        _first.UnmapBo(mapped, Size);
    }

    [Fact]
    [Trait("Rule", "12.PURGEABLE")]
    public void An_open_export_keeps_content_needed()
    {
        uint vm = _first.CreateVm(0);
        uint handle = _first.CreateBo(Size, DrmClient.VramMemory);
        Assert.Equal(0, _first.BindBo(vm, handle, 0x10000, Size));
        int descriptor = _first.Export(handle);
        Assert.Equal(0, _first.AdvisePurgeable(vm, 0x10000, Size, dontNeed: true));
        Assert.Equal(XeSvm.Simulation.Driver.PurgeState.WillNeed, _first.InspectBo(handle).Purge);
        Assert.Equal(0, SystemCalls.Close(descriptor));
        Assert.Equal(0, _first.CloseBo(_first.CreateBo(0x1000)));
        Assert.Equal(XeSvm.Simulation.Driver.PurgeState.DontNeed, _first.InspectBo(handle).Purge);
    }
}
