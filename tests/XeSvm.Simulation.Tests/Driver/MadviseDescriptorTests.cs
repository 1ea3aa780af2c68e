using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Pagemap;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>MADVISE of a preferred location that is named by the descriptor of a device file and the number of a region.</summary>
public sealed unsafe class MadviseDescriptorTests
{
    private const ulong Block = 0x200000;

    [Theory]
    [Trait("Rule", "12.preferred-fd")]
    [InlineData((ushort)1)]
    [InlineData((ushort)2)]
    public void A_region_of_the_own_device_is_where_the_next_fault_brings_memory(ushort region)
    {
        using var gpu = new GpuClient(Options("pvc2"));
        ulong memory = DrmClient.Map(Block, Block);
        DrmClient.Touch(memory, Block);
        Assert.Equal(0, gpu.AdviseLocation(gpu.Vm, memory, Block, gpu.File.Descriptor, region: region));
        Assert.Equal(0, gpu.Store(memory + 8, 5));
        DeviceMemoryAllocation? allocation = null;
        if (!gpu.IsCoherent)
        {
            Assert.Equal(Residency.Device, gpu.Software.Client.Residency.Examine(memory, memory + Block, out allocation));
            Assert.Same(gpu.Device.Tiles[region - 1].Pagemap, allocation!.Pagemap);
        }

        Assert.Equal(5u, *(uint*)(memory + 8));
        Assert.Equal(3u, *(uint*)(memory + 0x3000));
        DrmClient.Unmap(memory, Block);
    }

    [Fact]
    [Trait("Rule", "12.preferred-fd")]
    public void The_file_may_be_closed_once_the_advice_is_given_and_a_duplicate_names_it_too()
    {
        using var gpu = new GpuClient(Options("pvc2"));
        ulong memory = DrmClient.Map(Block, Block);
        int number;
        using (var other = new DrmClient(gpu))
        {
            number = other.File.Descriptor;
            Assert.NotEqual(gpu.File.Descriptor, number);
            Assert.Equal(0, gpu.AdviseLocation(gpu.Vm, memory, Block, number, region: 2));
            Assert.Equal(0, SystemCalls.Duplicate(number, out FileDescriptorHandle? duplicate));
            using (duplicate)
            {
                Assert.Equal(0, gpu.AdviseLocation(gpu.Vm, memory, Block, (int)duplicate!.DangerousGetHandle(), region: 2));
            }
        }

        using var closed = new DrmClient(gpu);
        closed.File.Dispose();
        Assert.Equal(-1, closed.File.Descriptor);
        Assert.Equal(-Errno.ENOENT, gpu.AdviseLocation(gpu.Vm, memory, Block, number, region: 2));
        Assert.Equal(0, gpu.Store(memory, 6));
        Assert.Same(gpu.Device.Tiles[1].Pagemap, gpu.Inspect(gpu.Vm).Vmas.Find(memory)!.Attributes.PreferredRegion);
        Assert.Equal(6u, *(uint*)memory);
        DrmClient.Unmap(memory, Block);
    }

    [Fact]
    [Trait("Rule", "12.preferred-fd")]
    public void A_number_that_is_no_device_file_and_a_region_that_the_device_does_not_have_are_ENOENT()
    {
        using var gpu = new GpuClient(Options("pvc2"));
        int fd = gpu.File.Descriptor;
        Assert.True(fd > 2);
        Assert.Equal(0, SystemCalls.CreateEventFd(out FileDescriptorHandle? eventFd));
        using (eventFd)
        {
            Assert.Equal(-Errno.ENOENT, gpu.AdviseLocation(gpu.Vm, 0, Block, (int)eventFd!.DangerousGetHandle(), region: 1));
        }

        foreach (ushort region in (ReadOnlySpan<ushort>)[0, 3, ushort.MaxValue])
        {
            Assert.Equal(-Errno.ENOENT, gpu.AdviseLocation(gpu.Vm, 0, Block, fd, region: region));
        }

        using var integrated = new DrmClient(Options("lnl"));
        uint vm = integrated.CreateVm(DrmClient.FaultMode);
        Assert.Equal(-Errno.ENOENT, integrated.AdviseLocation(vm, 0, Block, integrated.File.Descriptor, region: 1));
    }

    [Fact]
    [Trait("Rule", "12.preferred-fd")]
    public void Another_device_has_no_fast_interconnect_and_is_ENOLINK_and_a_lost_one_ENODEV()
    {
        using var backend = new SoftwareBackend(Options("pair-isolated"));
        using var near = new DrmClient(backend, 0);
        using var far = new DrmClient(backend, 1);
        uint vm = near.CreateVm(DrmClient.FaultMode);
        Assert.Equal(0, near.BindMirror(vm, 0, 1UL << 47));
        Assert.Equal(-Errno.ENOLINK, near.AdviseLocation(vm, 0, Block, far.File.Descriptor, region: 1));
        Assert.Equal("0-800000000000 CpuAddressMirror", near.Areas(vm));
        far.Device.Loss.Declare();
        Assert.Equal(-Errno.ENODEV, near.AdviseLocation(vm, 0, Block, far.File.Descriptor, region: 1));
        Assert.Equal(0, near.AdviseLocation(vm, 0, Block, near.File.Descriptor, region: 1));
    }

    [Fact]
    [Trait("Rule", "12.unchanged")]
    public void Another_region_of_the_same_descriptor_is_no_change()
    {
        using var gpu = new GpuClient(Options("pvc2"));
        int fd = gpu.File.Descriptor;
        Assert.Equal(0, gpu.AdviseLocation(gpu.Vm, 0, Block, fd, region: 1));
        Assert.Equal(0, gpu.AdviseLocation(gpu.Vm, 0, Block, fd, region: 2));
        Assert.Same(gpu.Device.Tiles[0].Pagemap, gpu.Inspect(gpu.Vm).Vmas.Find(0)!.Attributes.PreferredRegion);
        Assert.Equal(0, gpu.AdviseLocation(gpu.Vm, 0, Block, 0));
        Assert.Null(gpu.Inspect(gpu.Vm).Vmas.Find(0)!.Attributes.PreferredRegion);
        Assert.Equal(0, gpu.AdviseLocation(gpu.Vm, 0, Block, fd, region: 2));
        Assert.Same(gpu.Device.Tiles[1].Pagemap, gpu.Inspect(gpu.Vm).Vmas.Find(0)!.Attributes.PreferredRegion);
    }

    private static SoftwareBackendOptions Options(string device) => new() { Device = device, VramBytes = 64 << 20 };
}
