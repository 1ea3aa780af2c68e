using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Gpu;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>Where buffer objects are: small BAR, eviction, prefetch and atomics that move them, purgeable content.</summary>
public sealed unsafe class GemPlacementTests
{
    private const ulong Vram = 16 << 20;
    private const ulong Address = 0x1000000;
    private const ulong Size = 0x100000;

    [Fact]
    [Trait("Rule", "3.NEEDS_VISIBLE_VRAM")]
    public void On_a_small_BAR_only_what_needs_it_takes_the_visible_part()
    {
        using var client = new DrmClient(Options("bmg-smallbar"));
        ulong visible = client.Device.Vram.VisibleTotal;
        uint hidden = client.CreateBo(Size, DrmClient.VramMemory);
        Assert.Equal(0ul, client.Device.Vram.VisibleUsed);
        uint shown = client.CreateBo(visible, DrmClient.VramMemory, DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM);
        Assert.Equal((visible, visible + Size), (client.Device.Vram.VisibleUsed, client.Device.Vram.Used));
        Assert.Equal(-Errno.ENOMEM, client.TryCreateBo(visible + 0x200000, DrmClient.VramMemory, out _, DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM));

        // The CPU reaches the one, and gets SIGBUS, which a system call reports as EFAULT, from the other.
        byte* reachable = client.MapBo(shown, Size);
        reachable[Size - 1] = 7;
        byte* unreachable = client.MapBo(hidden, Size);
        byte value;
        Assert.Equal(0, client.Software.Client.Read((ulong)reachable + Size - 1, &value, 1));
        Assert.Equal(7, value);
        Assert.Equal(-Errno.EFAULT, client.Software.Client.Read((ulong)unreachable, &value, 1));
        client.UnmapBo(reachable, Size);
        client.UnmapBo(unreachable, Size);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(DRM_XE_VM_CREATE_FLAG_LR_MODE)]
    [InlineData(DrmClient.FaultMode)]
    [Trait("Rule", "7.6.evict-fence")]
    public void An_evicted_object_keeps_its_content_its_CPU_mapping_and_its_GPU_mapping(uint vmFlags)
    {
        using var gpu = new GpuClient(Options("bmg"), vmFlags);
        uint handle = gpu.CreateBo(Size, DrmClient.VramMemory | DrmClient.SystemMemory);
        uint* mapped = (uint*)gpu.MapBo(handle, Size);
        Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, Address, Size));
        Assert.Equal(0, gpu.Store(Address + 0x5000, 0x1234));
        Assert.True(gpu.InspectBo(handle).IsInVram);
        ulong formerOffset = gpu.VramOffset(handle);

        uint other = gpu.CreateBo(Vram, DrmClient.VramMemory);
        Assert.False(gpu.InspectBo(handle).IsInVram);
        Assert.Equal(0x1234u, mapped[0x5000 / 4]);
        mapped[0x6000 / 4] = 0x77;

        // The new owner of the VRAM sees none of it, and the GPU finds the object where it is now.
        Assert.Equal(0, *(gpu.Device.VramBase + formerOffset + 0x5000));
        Assert.Equal(0, gpu.Run(Commands.Increment(Address + 0x6000)));
        Assert.Equal(0, gpu.Store(Address + 0x5000, 0x4321));
        Assert.Equal((0x78u, 0x4321u), (mapped[0x6000 / 4], mapped[0x5000 / 4]));
        Assert.Equal(0, gpu.CloseBo(other));
        gpu.UnmapBo(mapped, Size);
    }

    [Fact]
    [Trait("Rule", "7.6.evict-fence")]
    public void The_object_that_was_not_used_for_longest_goes_first()
    {
        using var client = new DrmClient(Options("bmg"));
        uint vm = client.CreateVm(0);
        uint[] handles = [.. Enumerable.Range(0, 4).Select(_ => client.CreateBo(Vram / 4, DrmClient.VramMemory))];
        Assert.Equal(0, client.BindBo(vm, handles[0], Address, Vram / 4)); // used again
        client.CreateBo(Vram / 4, DrmClient.VramMemory);
        Assert.Equal([true, false, true, true], handles.Select(handle => client.InspectBo(handle).IsInVram));
    }

    [Theory]
    [InlineData(DRM_XE_VM_CREATE_FLAG_LR_MODE, true)]
    [InlineData(DRM_XE_VM_CREATE_FLAG_LR_MODE | DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE, true)]
    [InlineData(0u, false)]
    [Trait("Rule", "7.6.preempt")]
    public void A_preempt_VM_whose_evicted_object_cannot_come_back_is_given_up_and_another_is_not(uint vmFlags, bool banned)
    {
        using var gpu = new GpuClient(Options("bmg"), vmFlags);
        uint handle = gpu.CreateBo(Vram / 2, DrmClient.VramMemory);
        Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, Address, Vram / 2));
        Assert.Equal(0, gpu.Store(Address, 1));
        uint second = gpu.CreateQueue(gpu.Vm);
        uint large = gpu.CreateBo(Vram, DrmClient.VramMemory);
        Assert.False(gpu.InspectBo(handle).IsInVram);
        gpu.Device.Options.Faults.Add(new FaultRule(FaultPoint.Vram) { Probability = 1 });
        Assert.Equal(-Errno.EIO, gpu.Store(Address, 2));
        Assert.Equal(-Errno.ECANCELED, gpu.Store(Address, 3));
        gpu.Device.Options.Faults.Clear(FaultPoint.Vram);
        Assert.Equal(banned, gpu.IsBanned(second));
        Assert.Equal(banned ? -Errno.ENOENT : 0, gpu.Bind(Ops.MapNull(0x10000, 0x1000)));
        Assert.Equal(banned ? -Errno.ENOENT : 0, gpu.AdviseAtomic(gpu.Vm, Address, 0x1000, DRM_XE_ATOMIC_DEVICE));
        Assert.Equal(banned ? -Errno.EBUSY : 0, gpu.DestroyVm(gpu.Vm));
        Assert.Equal(0, gpu.CloseBo(large));
    }

    [Fact]
    [Trait("Rule", "7.3.array")]
    [Trait("Rule", "5.NO_VM_OVERCOMMIT")]
    public void An_array_of_binds_does_not_evict_objects_of_its_own_VM()
    {
        using var client = new DrmClient(Options("bmg"));
        uint vm = client.CreateVm(0);
        uint Private(ulong size, uint flags = 0)
        {
            var create = new drm_xe_gem_create { size = size, placement = DrmClient.VramMemory, flags = flags, cpu_caching = DrmClient.WriteCombining, vm_id = vm };
            Assert.Equal(0, client.Ioctl(DRM_IOCTL_XE_GEM_CREATE, ref create));
            return create.handle;
        }

        uint first = Private(Vram);
        uint second = Private(Vram, DRM_XE_GEM_CREATE_FLAG_DEFER_BACKING);
        Assert.Equal(-Errno.ENOMEM, client.BindArray(vm, Ops.MapBo(first, Address, Vram), Ops.MapBo(second, Address + Vram, Vram)));
        Assert.Equal("", client.Areas(vm));
        Assert.Equal(Leaf.Nothing, client.Walk(vm, Address));
        Assert.Equal(0, client.BindBo(vm, first, Address, Vram));
        Assert.Equal(0, client.BindBo(vm, second, Address + Vram, Vram));
        Assert.Equal((false, true), (client.InspectBo(first).IsInVram, client.InspectBo(second).IsInVram));
    }

    [Theory]
    [InlineData(0u, 0u, true)]
    [InlineData(DRM_XE_VM_CREATE_FLAG_LR_MODE, 0u, false)]
    [InlineData(DrmClient.FaultMode, DRM_XE_VM_BIND_FLAG_IMMEDIATE, true)]
    [InlineData(DrmClient.FaultMode | DRM_XE_VM_CREATE_FLAG_NO_VM_OVERCOMMIT, DRM_XE_VM_BIND_FLAG_IMMEDIATE, false)]
    public void A_bind_evicts_objects_of_its_own_VM_unless_the_VM_needs_all_of_them_at_once(uint vmFlags, uint bindFlags, bool evicts)
    {
        using var client = new DrmClient(Options("bmg"));
        uint vm = client.CreateVm(vmFlags);
        uint[] handles = new uint[2];
        for (int i = 0; i < handles.Length; i++)
        {
            var create = new drm_xe_gem_create
            {
                size = Vram,
                placement = DrmClient.VramMemory,
                flags = DRM_XE_GEM_CREATE_FLAG_DEFER_BACKING,
                cpu_caching = DrmClient.WriteCombining,
                vm_id = vm,
            };
            Assert.Equal(0, client.Ioctl(DRM_IOCTL_XE_GEM_CREATE, ref create));
            handles[i] = create.handle;
        }

        Assert.Equal(0, client.BindBo(vm, handles[0], Address, Vram, flags: bindFlags));
        Assert.Equal(evicts ? 0 : -Errno.ENOMEM, client.BindBo(vm, handles[1], Address + Vram, Vram, flags: bindFlags));
        Assert.Equal((!evicts, evicts), (client.InspectBo(handles[0]).IsInVram, client.InspectBo(handles[1]).IsInVram));
    }

    [Theory]
    [InlineData(0u, false)]
    [InlineData(1u, true)]
    [InlineData(DRM_XE_CONSULT_MEM_ADVISE_PREF_LOC, true)]
    [Trait("Rule", "7.2.PREFETCH-bo")]
    public void A_prefetch_moves_the_whole_object_and_binds_it(uint region, bool inVram)
    {
        using var client = new DrmClient(Options("bmg"));
        uint vm = client.CreateVm(DrmClient.FaultMode);
        uint handle = client.CreateBo(Size, DrmClient.VramMemory | DrmClient.SystemMemory);
        Assert.Equal(0, client.InspectBo(handle).Migrate(inVram ? 0u : 1, keep: null));
        Assert.Equal(0, client.BindBo(vm, handle, Address, Size));
        Assert.Equal(Leaf.Nothing, client.Walk(vm, Address));
        Assert.Equal(0, client.Bind(vm, Ops.Prefetch(Address, 0x1000, region)));
        Assert.Equal((inVram, Size), (client.InspectBo(handle).IsInVram, inVram ? client.Device.Vram.Used : client.Device.SystemMemoryUse));
        Assert.Equal(inVram ? GpuPteKind.Vram : GpuPteKind.Host, client.Walk(vm, Address + Size - 0x1000).Kind!.Value);
    }

    [Fact]
    [Trait("Rule", "7.6.fault-bo")]
    public void An_atomic_of_the_GPU_brings_an_object_from_system_memory_to_VRAM()
    {
        using var gpu = new GpuClient(Options("bmg"));
        uint handle = gpu.CreateBo(Size, DrmClient.VramMemory | DrmClient.SystemMemory);
        Assert.Equal(0, gpu.InspectBo(handle).Migrate(0, keep: null));
        uint* mapped = (uint*)gpu.MapBo(handle, Size);
        *mapped = 41;
        Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, Address, Size));
        Assert.Equal(0, gpu.Store(Address + 8, 1));
        Assert.False(gpu.InspectBo(handle).IsInVram);
        Assert.Equal(0, gpu.Run(Commands.Increment(Address)));
        Assert.Equal((true, 42u), (gpu.InspectBo(handle).IsInVram, *mapped));
        gpu.UnmapBo(mapped, Size);
    }

    [Fact]
    [Trait("Rule", "7.6.fault-bo")]
    public void A_fault_binds_the_faulting_tile_only_and_a_prefetch_all_tiles()
    {
        using var client = new DrmClient(new SoftwareBackendOptions { Device = "pvc2", VramBytes = Vram, CpuFaults = "coherent" });
        uint vm = client.CreateVm(DrmClient.FaultMode);
        uint handle = client.CreateBo(Size, 4);
        Assert.Equal(0, client.Bind(vm, Ops.MapBo(handle, Address, Size) with { pat_index = 3 }));
        Vm inspected = client.Inspect(vm);
        Assert.Equal(0, inspected.HandleFault(Address, GpuAccess.Write, client.Device.Gts[1]));
        Assert.False(inspected.PageTableOf(0).TryWalk(Address, out _, out _));
        Assert.True(inspected.PageTableOf(1).TryWalk(Address, out GpuPte pte, out _));
        Assert.Equal(Vram, pte.Address); // the second tile's VRAM begins where the first one's ends
        Assert.Equal(0, client.Bind(vm, Ops.Prefetch(Address, Size, 2)));
        Assert.True(inspected.PageTableOf(0).TryWalk(Address, out pte, out _));
        Assert.Equal(Vram, pte.Address);
    }

    [Fact]
    [Trait("Rule", "7.2.PREFETCH-mirror")]
    public void A_prefetch_binds_what_one_tile_has_already_on_the_others()
    {
        using var gpu = new GpuClient(new SoftwareBackendOptions { Device = "pvc2", VramBytes = Vram, CpuFaults = "coherent" });
        Vm inspected = gpu.Inspect(gpu.Vm);
        ulong memory = DrmClient.Map(0x10000, 0x10000);
        DrmClient.Touch(memory, 0x10000);
        Assert.Equal(0, gpu.Advise(memory, 0x10000, -1));
        Assert.Equal(0, inspected.HandleFault(memory, GpuAccess.Write, gpu.Device.Gts[0]));
        Assert.False(inspected.PageTableOf(1).TryWalk(memory, out _, out _));
        Assert.Equal(0, gpu.Prefetch(memory, 0x10000, region: 0));
        Assert.True(inspected.PageTableOf(1).TryWalk(memory, out _, out _));
        DrmClient.Unmap(memory, 0x10000);
    }

    [Fact]
    [Trait("Rule", "12.PURGEABLE")]
    public void Content_that_is_not_needed_survives_without_pressure_and_WILLNEED_takes_it_back()
    {
        using var client = new DrmClient(Options("bmg"));
        uint vm = client.CreateVm(0);
        uint handle = client.CreateBo(Size, DrmClient.VramMemory);
        byte* mapped = client.MapBo(handle, Size);
        mapped[9] = 9;
        Assert.Equal(0, client.BindBo(vm, handle, Address, Size));
        Assert.Equal(0, client.AdvisePurgeable(vm, Address, Size, dontNeed: true));
        Assert.Equal(-Errno.EBUSY, client.File.Map(client.OffsetOf(handle), 0x1000, DrmMapProtection.Read, out _));
        Assert.Equal(-Errno.EBUSY, client.BindBo(vm, handle, Address + Size, Size));
        Assert.Equal(-Errno.EBUSY, client.Export(handle));
        Assert.Equal(-Errno.EBUSY, client.Bind(vm, Ops.Prefetch(Address, Size, 1)));
        uint retained = 0;
        Assert.Equal(0, client.AdvisePurgeable(vm, Address, Size, dontNeed: false, &retained));
        Assert.Equal((1u, 9), (retained, mapped[9]));
        Assert.Equal(0, client.BindBo(vm, handle, Address + Size, Size));
        client.UnmapBo(mapped, Size);
    }

    [Theory]
    [InlineData(DrmClient.FaultMode, -Errno.EIO)]
    [InlineData(DrmClient.FaultMode | DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE, 0)]
    [Trait("Rule", "12.PURGEABLE")]
    [Trait("Rule", "4.mmap-purgeable")]
    [Trait("Rule", "17.purged")]
    public void Pressure_discards_content_that_is_not_needed_for_good(uint vmFlags, int access)
    {
        using var gpu = new GpuClient(Options("bmg"), vmFlags);
        uint handle = gpu.CreateBo(Size, DrmClient.VramMemory);
        byte* mapped = gpu.MapBo(handle, Size);
        mapped[9] = 9;
        Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, Address, Size));
        Assert.Equal(0, gpu.Store(Address, 1));
        Assert.Equal(0, gpu.AdvisePurgeable(gpu.Vm, Address, Size, dontNeed: true));
        uint other = gpu.CreateBo(Vram, DrmClient.VramMemory);
        Assert.Equal((Vram, PurgeState.Purged), (gpu.Device.Vram.Used, gpu.InspectBo(handle).Purge));

        byte value;
        Assert.Equal(-Errno.EFAULT, gpu.Software.Client.Read((ulong)mapped + 9, &value, 1)); // SIGBUS
        uint retained = 0;
        Assert.Equal(0, gpu.AdvisePurgeable(gpu.Vm, Address, Size, dontNeed: false, &retained));
        Assert.Equal(0u, retained);
        Assert.Equal(-Errno.EINVAL, gpu.File.Map(gpu.OffsetOf(handle), 0x1000, DrmMapProtection.Read, out _));
        Assert.Equal(-Errno.EINVAL, gpu.BindBo(gpu.Vm, handle, Address + Size, Size));
        Assert.Equal(-Errno.EINVAL, gpu.Export(handle));
        Assert.Equal(access, gpu.Store(Address, 2));
        gpu.UnmapBo(mapped, Size);
        Assert.Equal(0, gpu.CloseBo(other));
    }

    [Fact]
    [Trait("Rule", "12.PURGEABLE")]
    public void One_area_that_needs_the_content_keeps_it()
    {
        using var client = new DrmClient(Options("bmg"));
        uint vm = client.CreateVm(0);
        uint handle = client.CreateBo(Size, DrmClient.VramMemory);
        Assert.Equal(0, client.BindBo(vm, handle, Address, Size));
        Assert.Equal(0, client.BindBo(vm, handle, Address + Size, Size));
        Assert.Equal(0, client.AdvisePurgeable(vm, Address, Size, dontNeed: true));
        Assert.Equal(PurgeState.WillNeed, client.InspectBo(handle).Purge);
        Assert.Equal(0, client.UnbindRange(vm, Address + Size, Size));
        Assert.Equal(PurgeState.DontNeed, client.InspectBo(handle).Purge);
    }

    [Theory]
    [InlineData(1u, -Errno.EINVAL)]
    [InlineData(0u, 0)]
    [Trait("Rule", "12.PURGEABLE")]
    public void The_answers_place_must_hold_0(uint before, int expected)
    {
        using var client = new DrmClient(Options("bmg"));
        uint vm = client.CreateVm(0);
        uint retained = before;
        Assert.Equal(expected, client.AdvisePurgeable(vm, Address, Size, dontNeed: true, &retained));
        Assert.Equal(1u, retained);
    }

    [Fact]
    [Trait("Rule", "4.barrier")]
    public void The_barrier_page_is_one_page_for_writing_only()
    {
        using var client = new DrmClient(Options("bmg"));
        var args = new drm_xe_gem_mmap_offset { flags = DRM_XE_MMAP_OFFSET_FLAG_PCI_BARRIER };
        Assert.Equal(0, client.Ioctl(DRM_IOCTL_XE_GEM_MMAP_OFFSET, ref args));
        Assert.Equal(0x50000ul, args.offset);
        Assert.Equal(-Errno.EINVAL, client.File.Map(args.offset, 0x2000, DrmMapProtection.Write, out _));
        Assert.Equal(-Errno.EINVAL, client.File.Map(args.offset, 0x1000, DrmMapProtection.Read, out _));
        Assert.Equal(-Errno.EINVAL, client.File.Map(args.offset, 0x1000, DrmMapProtection.Read | DrmMapProtection.Write, out _));
        Assert.Equal(0, client.File.Map(args.offset, 0x1000, DrmMapProtection.Write, out nint page));
        *(uint*)page = 1;
        Assert.Equal(0, client.File.Unmap(page, 0x1000));
    }

    private static SoftwareBackendOptions Options(string device) => new() { Device = device, VramBytes = Vram, CpuFaults = "coherent" };
}
