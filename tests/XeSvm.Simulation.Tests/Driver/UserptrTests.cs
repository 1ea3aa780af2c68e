using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>MAP_USERPTR: the client's memory at another GPU address, in every kind of VM.</summary>
public sealed unsafe class UserptrTests
{
    private const ulong Address = 0x40_0000_0000;
    private const ulong Size = 0x500000; // over 2 MiB borders

    public static TheoryData<uint> VmKinds => [0u, DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE, DRM_XE_VM_CREATE_FLAG_LR_MODE, DrmClient.FaultMode];

    [Theory]
    [MemberData(nameof(VmKinds))]
    [Trait("Rule", "7.2.MAP_USERPTR")]
    public void The_GPU_and_the_CPU_work_on_the_same_memory(uint vmFlags)
    {
        using GpuClient gpu = Open(vmFlags);
        ulong memory = DrmClient.Map(Size, alignment: 0x200000) + 0x1000;
        Assert.Equal(0, gpu.Bind(Ops.MapUserptr(memory, Address, Size - 0x1000)));
        foreach (ulong at in (ReadOnlySpan<ulong>)[0, 0x1ffff0, 0x1ff000, Size - 0x1004])
        {
            Assert.Equal(0, gpu.Store(Address + at, (uint)at + 1));
            Assert.Equal((uint)at + 1, *(uint*)(memory + at));
        }

        *(uint*)(memory + 0x2000) = 5;
        Assert.Equal(0, gpu.Run(Commands.Copy(Address + 0x3000, Address + 0x2000, 4)));
        Assert.Equal(5u, *(uint*)(memory + 0x3000));
        DrmClient.Unmap(memory - 0x1000, Size);
    }

    [Fact]
    [Trait("Rule", "7.5.userptr")]
    public void A_hole_in_the_middle_leaves_both_ends_working()
    {
        using GpuClient gpu = Open(0);
        ulong memory = DrmClient.Map(0x10000);
        Assert.Equal(0, gpu.Bind(Ops.MapUserptr(memory, Address, 0x10000)));
        Assert.Equal(0, gpu.UnbindRange(gpu.Vm, Address + 0x4000, 0x8000));
        Assert.Equal("4000000000-4000004000 Userptr, 400000c000-4000010000 Userptr", Userptrs(gpu));
        Assert.Equal(0, gpu.Store(Address + 0x3ffc, 1));
        Assert.Equal(0, gpu.Store(Address + 0xc000, 2));
        Assert.Equal((1u, 2u), (*(uint*)(memory + 0x3ffc), *(uint*)(memory + 0xc000)));
        Assert.Equal(-Errno.EIO, gpu.Store(Address + 0x4000, 3));
        DrmClient.Unmap(memory, 0x10000);
    }

    [Theory]
    [Trait("Rule", "7.1.J")]
    [MemberData(nameof(VmKinds))]
    public void Memory_that_is_not_there_or_not_writable_is_EFAULT_and_changes_nothing(uint vmFlags)
    {
        using GpuClient gpu = Open(vmFlags);
        string before = gpu.Areas(gpu.Vm);
        ulong memory = DrmClient.Map(0x2000);
        Assert.Equal(0, SystemCalls.Protect((nint)memory + 0x1000, 0x1000, MemoryProtection.Read));
        Assert.Equal(-Errno.EFAULT, gpu.Bind(Ops.MapUserptr(memory, Address, 0x2000)));
        Assert.Equal(-Errno.EFAULT, gpu.Bind(Ops.MapUserptr(DrmClient.BadPointer, Address, 0x1000)));
        Assert.Equal(-Errno.EFAULT, gpu.BindArray(gpu.Vm, Ops.MapNull(Address + 0x10000, 0x1000), Ops.MapUserptr(DrmClient.BadPointer, Address, 0x1000)));
        Assert.Equal(before, gpu.Areas(gpu.Vm));
        Assert.Equal(0, gpu.Bind(Ops.MapUserptr(memory, Address, 0x2000, DRM_XE_VM_BIND_FLAG_READONLY)));
        Assert.Equal(-Errno.EIO, gpu.Store(Address, 1));
        DrmClient.Unmap(memory, 0x2000);
    }

    [Theory]
    [Trait("Rule", "7.1.J")]
    [MemberData(nameof(VmKinds))]
    public void Memory_that_goes_round_the_end_of_the_address_space_is_EFAULT_and_changes_nothing(uint vmFlags)
    {
        using GpuClient gpu = Open(vmFlags);
        string before = gpu.Areas(gpu.Vm);
        Assert.Equal(-Errno.EFAULT, gpu.Bind(Ops.MapUserptr(ulong.MaxValue - 0xfff, Address, 0x1000)));
        Assert.Equal(-Errno.EFAULT, gpu.Bind(Ops.MapUserptr(ulong.MaxValue - 0xfff, Address, 0x2000)));
        Assert.Equal(-Errno.EFAULT, gpu.Bind(Ops.MapUserptr(ulong.MaxValue - 0x1fff, Address, 0x2000)));
        Assert.Equal(-Errno.EFAULT, gpu.Bind(Ops.MapUserptr(0x8000_0000_0000_0000, Address, 0x2000)));
        Assert.Equal(before, gpu.Areas(gpu.Vm));
    }

    [Fact]
    [Trait("Rule", "7.1.J")]
    public void A_hole_ends_the_look_at_client_memory_before_anything_is_made_for_the_blocks_behind_it()
    {
        using GpuClient gpu = Open(0);
        ulong memory = DrmClient.MapWithGuard();
        ulong size = gpu.Device.SystemMemoryTotal & ~0xffful;
        for (int round = 0; round < 2; round++)
        {
            // For each of these blocks there would be a piece of more than 64 bytes.
            long before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Equal(-Errno.EFAULT, gpu.Bind(Ops.MapUserptr(memory, Address, size)));
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(round == 0 || allocated < (long)(size / 0x200000) * 64, $"{allocated} bytes are allocated.");
        }

        Assert.Equal(0, gpu.Bind(Ops.MapUserptr(memory, Address, 0x1000)));
        Assert.Equal(0, gpu.Store(Address, 7));
        Assert.Equal(7u, *(uint*)memory);
        DrmClient.Unmap(memory, 0x2000);
    }

    [Theory]
    [Trait("Rule", "7.1.J")]
    [InlineData(1UL << 46)]
    [InlineData((1UL << 47) - 0x200000)]
    public void More_client_memory_than_the_machine_has_is_ENOMEM(ulong size)
    {
        using GpuClient gpu = Open(0);
        string before = gpu.Areas(gpu.Vm);
        ulong memory = DrmClient.Map(0x1000);
        Assert.Equal(-Errno.ENOMEM, gpu.Bind(Ops.MapUserptr(memory, Address, size)));
        Assert.Equal(before, gpu.Areas(gpu.Vm));
        DrmClient.Unmap(memory, 0x1000);
    }

    [Theory]
    [Trait("Rule", "7.6.userptr")]
    [InlineData(0u)]
    [InlineData(DrmClient.FaultMode)]
    public void Memory_that_the_client_has_replaced_is_found_at_the_next_access(uint vmFlags)
    {
        using GpuClient gpu = Open(vmFlags);
        ulong memory = DrmClient.Map(0x2000);
        Assert.Equal(0, gpu.Bind(Ops.MapUserptr(memory, Address, 0x2000)));
        Assert.Equal(0, gpu.Store(Address, 1));
        gpu.Software.Client.Notifiers.Invalidate(memory, memory + 0x1000, XeSvm.Simulation.Memory.MmuEvent.Unmap);
        Assert.Equal(Leaf.Nothing, gpu.Walk(gpu.Vm, Address));
        *(uint*)memory = 0;
        Assert.Equal(0, gpu.Store(Address + 4, 2));
        Assert.Equal((0u, 2u), (*(uint*)memory, *(uint*)(memory + 4)));
        DrmClient.Unmap(memory, 0x2000);
    }

    [Theory]
    [Trait("Rule", "7.6.userptr")]
    [InlineData(0u, -Errno.EIO)]
    [InlineData(DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE, 0)]
    [InlineData(DrmClient.FaultMode, -Errno.EIO)]
    public void Memory_that_the_client_has_unmapped_is_gone_for_the_GPU_too(uint vmFlags, int expected)
    {
        using GpuClient gpu = Open(vmFlags);
        ulong memory = DrmClient.Map(0x1000);
        Assert.Equal(0, gpu.Bind(Ops.MapUserptr(memory, Address, 0x1000)));
        Assert.Equal(0, gpu.Store(Address, 1));
        DrmClient.Unmap(memory, 0x1000);
        gpu.Software.Client.Notifiers.Invalidate(memory, memory + 0x1000, XeSvm.Simulation.Memory.MmuEvent.Unmap);
        Assert.Equal(expected, gpu.Store(Address, 2));
    }

    [Fact]
    [Trait("Rule", "7.2.MAP_USERPTR")]
    public void Unbinding_and_closing_leave_no_page_mapped_for_DMA()
    {
        using GpuClient gpu = Open(0);
        ulong memory = DrmClient.Map(Size);
        Assert.Equal(0, gpu.Bind(Ops.MapUserptr(memory, Address, Size)));
        Assert.Equal(0, gpu.Bind(Ops.MapUserptr(memory, Address + Size, Size)));
        Assert.Equal(0, gpu.UnbindRange(gpu.Vm, Address + 0x1000, 2 * Size));
        Assert.Equal(0, gpu.UnbindRange(gpu.Vm, Address, 0x1000));
        string audit = gpu.File.ReadDebugFile("dma_audit").Text!;
        Assert.Equal(0, gpu.Device.Frames.Forget(gpu.Software.Client));
        Assert.DoesNotContain("released", audit, StringComparison.Ordinal);
        DrmClient.Unmap(memory, Size);
    }

    [Fact]
    [Trait("Rule", "17.userptr-atomic")]
    public void An_atomic_that_would_have_to_move_the_memory_fails_and_the_device_policy_allows_it()
    {
        using GpuClient gpu = Open(DrmClient.FaultMode);
        ulong memory = DrmClient.Map(0x1000);
        Assert.Equal(0, gpu.Bind(Ops.MapUserptr(memory, Address, 0x1000)));
        Assert.Equal(0, gpu.AdviseAtomic(gpu.Vm, Address, 0x1000, DRM_XE_ATOMIC_DEVICE));
        Assert.Equal(0, gpu.Run(Commands.Increment(Address)));
        Assert.Equal(1u, *(uint*)memory);

        // A policy that a userptr has stays, as advice that it does not take changes nothing; a new area has none.
        Assert.Equal(0, gpu.AdviseAtomic(gpu.Vm, Address, 0x1000, DRM_XE_ATOMIC_CPU));
        Assert.Equal(0, gpu.Run(Commands.Increment(Address)));
        Assert.Equal(0, gpu.Bind(Ops.MapUserptr(memory, Address, 0x1000)));
        Assert.Equal(-Errno.EIO, gpu.Run(Commands.Increment(Address)));
        Assert.Equal(2u, *(uint*)memory);
        DrmClient.Unmap(memory, 0x1000);
    }

    private static string Userptrs(GpuClient gpu) =>
        string.Join(", ", gpu.Areas(gpu.Vm).Split(", ").Where(area => area.EndsWith("Userptr", StringComparison.Ordinal)));

    private static GpuClient Open(uint vmFlags) => new(new SoftwareBackendOptions { VramBytes = 16 << 20, CpuFaults = "coherent" }, vmFlags);
}
