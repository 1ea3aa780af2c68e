using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Gpu;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>What the GPU finds at an address: objects, NULL areas, the scratch page, or nothing, in VMs with and without faults.</summary>
public sealed unsafe class VmAccessTests
{
    private const uint Scratch = DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE;
    private const uint LongRunning = DRM_XE_VM_CREATE_FLAG_LR_MODE;
    private const ulong Address = 0x4020_0000;
    private const ulong Size = 0x4000;

    public static TheoryData<uint> AllModes => [0, LongRunning, DrmClient.FaultMode, Scratch, Scratch | LongRunning, Scratch | DrmClient.FaultMode];

    public static TheoryData<uint> ScratchModes => [Scratch, Scratch | LongRunning, Scratch | DrmClient.FaultMode];

    public static TheoryData<uint> ModesWithoutScratch => [0, LongRunning, DrmClient.FaultMode];

    public static TheoryData<uint, uint> Placements => new()
    {
        { 0, DrmClient.SystemMemory },
        { 0, DrmClient.VramMemory },
        { DrmClient.FaultMode, DrmClient.SystemMemory },
        { DrmClient.FaultMode, DrmClient.VramMemory },
    };

    [Theory]
    [MemberData(nameof(Placements))]
    public void A_store_by_the_GPU_is_seen_through_the_CPUs_mapping_and_the_other_way_round(uint vmFlags, uint placement)
    {
        using GpuClient gpu = Open(vmFlags);
        uint handle = gpu.CreateBo(Size, placement);
        byte* mapped = gpu.MapBo(handle, Size);
        Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, Address, Size));
        for (ulong at = 0; at < Size; at += 0x1000)
        {
            Assert.Equal(0, gpu.Store(Address + at + 0xffc, (uint)at + 1));
            Assert.Equal((uint)at + 1, *(uint*)(mapped + at + 0xffc));
            *(uint*)(mapped + at + 4) = (uint)at + 2;
            Assert.Equal((uint)at + 2, Load(gpu, Address + at + 4));
        }

        Assert.Equal(0, gpu.Run(Commands.Increment(Address + 4)));
        Assert.Equal(3u, *(uint*)(mapped + 4));
        gpu.UnmapBo(mapped, Size);
    }

    [Theory]
    [MemberData(nameof(Placements))]
    public void Copies_between_objects_move_every_byte_and_no_other(uint vmFlags, uint placement)
    {
        using GpuClient gpu = Open(vmFlags);
        foreach (uint other in (ReadOnlySpan<uint>)[DrmClient.SystemMemory, DrmClient.VramMemory])
        {
            const ulong size = 0x240000; // more than a 2M leaf
            const uint length = 0x230123;
            uint source = gpu.CreateBo(size, placement);
            uint destination = gpu.CreateBo(size, other);
            var from = new Span<byte>(gpu.MapBo(source, size), (int)size);
            var to = new Span<byte>(gpu.MapBo(destination, size), (int)size);
            new Random(7).NextBytes(from);
            Assert.Equal(0, gpu.BindBo(gpu.Vm, source, Address, size));
            Assert.Equal(0, gpu.BindBo(gpu.Vm, destination, Address + (4 << 20) + 0x1000, size));
            Assert.Equal(0, gpu.Run(Commands.Copy(Address + (4 << 20) + 0x1000 + 0x77, Address + 0x333, length)));
            Assert.True(from.Slice(0x333, (int)length).SequenceEqual(to.Slice(0x77, (int)length)));
            Assert.False(to[..0x77].ContainsAnyExcept((byte)0));
            Assert.False(to[(0x77 + (int)length)..].ContainsAnyExcept((byte)0));
            fixed (byte* mappedSource = from, mappedDestination = to)
            {
                gpu.UnmapBo(mappedSource, size);
                gpu.UnmapBo(mappedDestination, size);
            }

            Assert.Equal(0, gpu.UnbindRange(gpu.Vm, Address, 16 << 20));
        }
    }

    [Theory]
    [MemberData(nameof(Placements))]
    public void An_object_mapped_twice_is_one_memory(uint vmFlags, uint placement)
    {
        using GpuClient gpu = Open(vmFlags);
        uint handle = gpu.CreateBo(Size, placement);
        Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, Address, Size));
        Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, Address + Size, 0x1000, 0x2000));
        Assert.Equal(0, gpu.Store(Address + Size + 8, 5));
        Assert.Equal(5u, Load(gpu, Address + 0x2008));
    }

    [Theory]
    [MemberData(nameof(Placements))]
    [Trait("Rule", "7.6.lifetime")]
    public void A_mapped_object_outlives_its_handle(uint vmFlags, uint placement)
    {
        using GpuClient gpu = Open(vmFlags);
        (ulong system, ulong vram) = (gpu.Device.SystemMemoryUse, gpu.Device.Vram.Used);
        uint handle = gpu.CreateBo(Size, placement);
        byte* mapped = gpu.MapBo(handle, Size);
        Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, Address, Size));
        Assert.Equal(0, gpu.CloseBo(handle));
        Assert.Equal(0, gpu.Store(Address + 0x3000, 5));
        Assert.Equal(5u, *(uint*)(mapped + 0x3000));

        // The mapping of the one side alone keeps it, then that of the other.
        Assert.Equal(0, gpu.UnbindRange(gpu.Vm, Address + 0x1000, Size - 0x1000));
        gpu.UnmapBo(mapped, Size);
        uint next = gpu.CreateBo(Size, placement);
        Assert.Equal(0, gpu.BindBo(gpu.Vm, next, Address + Size, Size));
        Assert.Equal(0, gpu.Store(Address, 6));
        Assert.Equal((6u, 0u), (Load(gpu, Address), Load(gpu, Address + Size)));
        Assert.Equal(0, gpu.UnbindRange(gpu.Vm, Address, 2 * Size));
        Assert.Equal(0, gpu.CloseBo(next));
        Assert.Equal((system, vram), (gpu.Device.SystemMemoryUse, gpu.Device.Vram.Used));
    }

    [Theory]
    [MemberData(nameof(AllModes))]
    [Trait("Rule", "7.2.NULL")]
    public void A_NULL_area_reads_zeros_and_drops_writes(uint vmFlags)
    {
        using GpuClient gpu = Open(vmFlags);
        Assert.Equal(0, gpu.BindNull(gpu.Vm, Address, 1 << 30));
        Assert.Equal(0, gpu.Store(Address + 0x12345678, 5));
        Assert.Equal(0, gpu.Run(Commands.Increment(Address + 0x12345678)));
        Assert.Equal(0u, Load(gpu, Address + 0x12345678));
    }

    [Theory]
    [MemberData(nameof(AllModes))]
    [Trait("Rule", "7.2.READONLY")]
    [Trait("Rule", "17.readonly")]
    public void A_read_only_object_can_be_read_and_a_write_ends_the_queue(uint vmFlags)
    {
        using GpuClient gpu = Open(vmFlags);
        uint handle = gpu.CreateBo(Size);
        uint* mapped = (uint*)gpu.MapBo(handle, Size);
        *mapped = 7;
        Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, Address, Size, flags: DRM_XE_VM_BIND_FLAG_READONLY));
        Assert.Equal(7u, Load(gpu, Address));
        Assert.Equal(-Errno.EIO, gpu.Store(Address, 8));
        Assert.Equal(7u, *mapped);
        gpu.UnmapBo(mapped, Size);
    }

    [Theory]
    [MemberData(nameof(ModesWithoutScratch))]
    [Trait("Rule", "17.no-area")]
    public void Outside_any_mapping_a_read_and_a_write_end_the_queue(uint vmFlags)
    {
        using GpuClient gpu = Open(vmFlags);
        const ulong outside = 0xffff_0000_0000; // beyond the mirror too
        Assert.Equal(-Errno.EIO, gpu.Store(outside, 1));
        Assert.True(gpu.IsBanned(gpu.Queue));
        uint queue = gpu.CreateQueue(gpu.Vm);
        Assert.Equal(-Errno.EIO, gpu.Run(queue, gpu.Control, Commands.Copy(gpu.Control + 0x8000, outside, 4)));

        // As does what was mapped once.
        uint handle = gpu.CreateBo(Size);
        Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, outside, Size));
        queue = gpu.CreateQueue(gpu.Vm);
        Assert.Equal(0, gpu.Run(queue, gpu.Control, Commands.Store(outside, 1)));
        Assert.Equal(0, gpu.UnbindRange(gpu.Vm, outside + 0x1000, 0x1000));
        Assert.Equal(0, gpu.Run(queue, gpu.Control, Commands.Store(outside + 0x2000, 1)));
        Assert.Equal(-Errno.EIO, gpu.Run(queue, gpu.Control, Commands.Store(outside + 0x1000, 1)));
    }

    [Theory]
    [MemberData(nameof(ScratchModes))]
    [Trait("Rule", "5.SCRATCH_PAGE")]
    public void With_a_scratch_page_unmapped_addresses_read_zeros_and_drop_writes(uint vmFlags)
    {
        using GpuClient gpu = Open(vmFlags);
        const ulong outside = 0xffff_0000_0000;
        Assert.Equal(0, gpu.Store(outside, 5));
        Assert.Equal(0, gpu.Run(Commands.Increment(outside + 8)));
        Assert.Equal((0u, 0u), (Load(gpu, outside), Load(gpu, outside + 8)));
        Assert.False(gpu.IsBanned(gpu.Queue));
    }

    [Theory]
    [MemberData(nameof(ScratchModes))]
    public void What_is_mapped_where_the_scratch_page_was_met_is_reached_and_unmapping_brings_it_back(uint vmFlags)
    {
        using GpuClient gpu = Open(vmFlags);
        const ulong outside = 0xffff_0000_0000;
        uint handle = gpu.CreateBo(Size);
        uint* mapped = (uint*)gpu.MapBo(handle, Size);
        foreach (uint flags in (ReadOnlySpan<uint>)[0, DRM_XE_VM_BIND_FLAG_IMMEDIATE])
        {
            Assert.Equal(0, gpu.Store(outside + 0x1000, 5)); // the engine remembers the scratch page now
            Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, outside, Size, flags: flags));
            Assert.Equal(0, gpu.Store(outside + 0x1000, 6));
            Assert.Equal(6u, mapped[0x400]);
            Assert.Equal(0, gpu.UnbindRange(gpu.Vm, outside, Size));
            Assert.Equal(0u, Load(gpu, outside + 0x1000));
            mapped[0x400] = 0;
        }

        gpu.UnmapBo(mapped, Size);
    }

    [Theory]
    [MemberData(nameof(ScratchModes))]
    public void Scratch_pages_that_a_failed_bind_would_have_covered_stay(uint vmFlags)
    {
        using GpuClient gpu = Open(vmFlags);
        const ulong outside = 0xffff_0000_0000;
        Assert.Equal(0, gpu.Store(outside, 5));
        uint handle = gpu.CreateBo(Size);
        Assert.Equal(-Errno.EINVAL, gpu.BindArray(gpu.Vm, Ops.MapBo(handle, outside, Size), Ops.Prefetch(outside, Size, 1)));
        Assert.Equal(0u, Load(gpu, outside));
    }

    [Fact]
    public void Replacing_a_mapping_under_a_running_batch_never_ends_the_queue()
    {
        foreach (uint vmFlags in (ReadOnlySpan<uint>)[0, DrmClient.FaultMode])
        {
            using GpuClient gpu = Open(vmFlags);
            uint[] handles = [gpu.CreateBo(Size), gpu.CreateBo(Size, DrmClient.VramMemory)];
            Assert.Equal(0, gpu.BindBo(gpu.Vm, handles[0], Address, Size));
            ulong batch = gpu.Control + 0x2000;

            // Stores without end, until the jump is overwritten.
            uint[] commands = [.. Commands.Store(Address + 0x1008, 1), .. Commands.Jump(batch)];
            commands.CopyTo(new Span<uint>((void*)batch, commands.Length));
            var exec = new drm_xe_exec { exec_queue_id = gpu.Queue, num_batch_buffer = 1, address = batch };
            Assert.Equal(0, gpu.Ioctl(DRM_IOCTL_XE_EXEC, ref exec));
            for (int i = 0; i < 300; i++)
            {
                Assert.Equal(0, gpu.BindBo(gpu.Vm, handles[i & 1], Address, Size));
                Assert.Equal(0, gpu.AdviseAtomic(gpu.Vm, Address, Size, (i & 2) == 0 ? DRM_XE_ATOMIC_DEVICE : DRM_XE_ATOMIC_UNDEFINED));
            }

            Volatile.Write(ref *(uint*)(batch + 16), Commands.End);
            Assert.Equal(0, gpu.Run(0));
            Assert.False(gpu.IsBanned(gpu.Queue));
        }
    }

    [Fact]
    public void A_fault_on_a_page_that_is_mapped_by_the_time_it_is_served_is_replayed()
    {
        using GpuClient gpu = Open(0);
        uint handle = gpu.CreateBo(Size);
        Vm vm = gpu.Inspect(gpu.Vm);
        Gt gt = gpu.Device.PrimaryGt;
        Assert.Equal(-Errno.EINVAL, vm.HandleFault(Address, GpuAccess.Read, gt));
        Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, Address, Size));
        Assert.Equal(0, vm.HandleFault(Address, GpuAccess.Write, gt));
        Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, Address, Size, flags: DRM_XE_VM_BIND_FLAG_READONLY));
        Assert.Equal(0, vm.HandleFault(Address, GpuAccess.Read, gt));
        Assert.Equal(-Errno.EINVAL, vm.HandleFault(Address, GpuAccess.Write, gt));
    }

    [Fact]
    [Trait("Rule", "7.6.fault-bo")]
    public void A_fault_on_an_object_is_counted_once_and_binds_it_whole()
    {
        using GpuClient gpu = Open(DrmClient.FaultMode);
        uint handle = gpu.CreateBo(Size);
        Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, Address, Size));
        Assert.Equal(0, gpu.Store(Address, 1));
        Assert.Equal(0, gpu.Store(Address + 0x3000, 1));
        Assert.Equal(1, gpu.Counter("vma_pagefault_count"));
        Assert.Equal((long)Size >> 10, gpu.Counter("vma_pagefault_kb"));
    }

    private static GpuClient Open(uint vmFlags) => new(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = "coherent" }, vmFlags);

    /// <summary>A word as the GPU reads it.</summary>
    private static uint Load(GpuClient gpu, ulong address)
    {
        uint* word = (uint*)(gpu.Control + 0x8000);
        *word = 0xdead;
        Assert.Equal(0, gpu.Run(Commands.Copy((ulong)word, address, sizeof(uint))));
        return *word;
    }
}
