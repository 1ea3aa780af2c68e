using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Memory;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>VM_QUERY_MEM_RANGE_ATTRS, VM_GET_PROPERTY, PAT advice and MADVISE_AUTORESET.</summary>
public sealed unsafe class VmAttributeTests
{
    private const ulong Address = 0x10000000;
    private const ulong Block = 0x200000;
    private const ulong All = 1UL << 47;

    [Fact]
    [Trait("Rule", "13.records")]
    public void Areas_are_listed_whole_with_their_attributes_and_holes_are_not()
    {
        using var client = new DrmClient();
        uint vm = client.CreateVm(DrmClient.FaultMode);
        Assert.Equal(0, client.BindMirror(vm, Address, 4 * Block));
        Assert.Equal(0, client.BindBo(vm, client.CreateBo(0x10000), Address + (5 * Block), 0x10000));
        Assert.Equal(0, client.AdviseLocation(vm, Address + Block, Block, -1, policy: 1));
        Assert.Equal(0, client.AdviseAtomic(vm, Address + Block, Block, DRM_XE_ATOMIC_GLOBAL));
        Assert.Equal(0, AdvisePat(client, vm, Address + Block, Block, 7));
        drm_xe_mem_range_attr[] records = Query(client, vm, Address + Block - 0x1000, 5 * Block);
        Assert.Equal(
            [
                (Address, Address + Block, 0, 0u, 0u, 0u),
                (Address + Block, Address + (2 * Block), -1, 1u, 2u, 7u),
                (Address + (2 * Block), Address + (4 * Block), 0, 0u, 0u, 0u),
                (Address + (5 * Block), Address + (5 * Block) + 0x10000, 0, 0u, 0u, (uint)DrmClient.CoherentPat),
            ],
            records.Select(record => (record.start, record.end, (int)record.preferred_mem_loc.devmem_fd, record.preferred_mem_loc.migration_policy,
                record.atomic.val, record.pat_index.val)));
    }

    [Fact]
    [Trait("Rule", "13.checks")]
    public void Counts_sizes_and_pointers_must_fit()
    {
        using var client = new DrmClient();
        uint vm = client.CreateVm(DrmClient.FaultMode);
        Assert.Equal(0, client.BindMirror(vm, Address, Block));
        Assert.Equal(0, client.AdviseLocation(vm, Address, 0x1000, -1));
        drm_xe_mem_range_attr* records = stackalloc drm_xe_mem_range_attr[3];
        Assert.Equal(-Errno.EINVAL, Ask(client, new() { vm_id = 9, range = Block }).Result);
        Assert.Equal(-Errno.EINVAL, Ask(client, new() { vm_id = vm, range = Block, sizeof_mem_range_attr = 64 }).Result);
        Assert.Equal(-Errno.EINVAL, Ask(client, new() { vm_id = vm, range = Block, vector_of_mem_attr = (ulong)records }).Result);
        Assert.Equal(-Errno.EINVAL, Ask(client, Full(2, 0, 64)).Result);
        Assert.Equal(-Errno.EINVAL, Ask(client, Full(2, (ulong)records, 63)).Result);
        Assert.Equal((-Errno.ENOSPC, 1u), Ask(client, Full(1, (ulong)records, 64)));
        Assert.Equal((-Errno.ENOBUFS, uint.MaxValue), Ask(client, Full(uint.MaxValue, (ulong)records, 64)));
        Assert.Equal((-Errno.EFAULT, 2u), Ask(client, Full(2, DrmClient.BadPointer, 64)));
        Assert.Equal((0, 2u), Ask(client, Full(3, (ulong)records, 64)));
        Assert.Equal((Address, Address + 0x1000, Address + Block), (records[0].start, records[0].end, records[1].end));

        drm_xe_vm_query_mem_range_attr Full(uint count, ulong vector, ulong size) => new()
        {
            vm_id = vm,
            start = Address,
            range = Block,
            num_mem_ranges = count,
            vector_of_mem_attr = vector,
            sizeof_mem_range_attr = size,
        };
    }

    [Theory]
    [InlineData("lnl", 0u, -Errno.EINVAL)]
    [InlineData("lnl", 1u, 0)]
    [InlineData("bmg", 0u, 0)]
    [Trait("Rule", "12.PAT")]
    public void Integrated_devices_want_coherent_indices_for_cached_memory(string device, uint pat, int expected)
    {
        using var client = new DrmClient(new SoftwareBackendOptions { Device = device, VramBytes = 16 << 20, CpuFaults = "coherent" });
        uint vm = client.CreateVm(DrmClient.FaultMode);
        Assert.Equal(0, client.BindBo(vm, client.CreateBo(0x1000), Address, 0x1000));
        Assert.Equal(expected, AdvisePat(client, vm, Address, 0x1000, pat));
        Assert.Equal(0, client.Bind(vm, Ops.MapMirror(Address + Block, Block) with { pat_index = 2 }));
        Assert.Equal(expected, AdvisePat(client, vm, Address + Block, Block, pat));
    }

    [Fact]
    [Trait("Rule", "14.faults")]
    public void Faults_that_cannot_be_served_are_kept_in_order_and_reading_does_not_clear_them()
    {
        using GpuClient gpu = Open();
        uint readOnly = gpu.CreateBo(0x1000);
        Assert.Equal(0, gpu.BindBo(gpu.Vm, readOnly, All + 0x1000, 0x1000, flags: DRM_XE_VM_BIND_FLAG_READONLY));
        uint forbidden = gpu.CreateBo(0x1000);
        Assert.Equal(0, gpu.BindBo(gpu.Vm, forbidden, All + 0x2000, 0x1000, flags: DRM_XE_VM_BIND_FLAG_IMMEDIATE));
        Assert.Equal(0, gpu.AdviseAtomic(gpu.Vm, All + 0x2000, 0x1000, DRM_XE_ATOMIC_CPU));
        Assert.Equal((0, 0u), Property(gpu, default));
        Assert.Equal(-Errno.EIO, gpu.Store(All + 0x9004, 1)); // no area: the whole upper half is empty
        Assert.Equal(-Errno.EIO, gpu.Run(gpu.CreateQueue(gpu.Vm), gpu.Control, Commands.Store(All + 0x1000, 1)));
        Assert.Equal(-Errno.EIO, gpu.Run(gpu.CreateQueue(gpu.Vm), gpu.Control, Commands.Increment(All + 0x2000)));
        Assert.Equal((0, 3u * 48), Property(gpu, default));
        xe_vm_fault* faults = stackalloc xe_vm_fault[4];
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal((0, 144u), Property(gpu, new() { size = 144, data = (ulong)faults }));
            Assert.Equal((0xffff_8000_0000_9000, 4096u, 1), (faults[0].address, faults[0].address_precision, (int)faults[0].access_type));
            Assert.Equal((0, 1), (faults[1].fault_type, faults[1].access_type));
            Assert.Equal((0xffff_8000_0000_2000, 2), (faults[2].address, (int)faults[2].access_type));
        }

        Assert.Equal(0, Property(gpu, new() { size = 48, data = (ulong)faults }).Result);
    }

    [Fact]
    [Trait("Rule", "14.checks")]
    public void Properties_have_checks_in_order()
    {
        using GpuClient gpu = Open();
        Assert.Equal(-Errno.EIO, gpu.Store(All + 0x1000, 1));
        Assert.Equal(-Errno.EINVAL, Property(gpu, new() { extensions = 1, vm_id = 9 }).Result);
        Assert.Equal(-Errno.EINVAL, Property(gpu, new() { pad = 1 }).Result);
        Assert.Equal(-Errno.ENOENT, Property(gpu, new() { vm_id = 9, property = 1 }).Result);
        Assert.Equal(-Errno.EINVAL, Property(gpu, new() { property = 1 }).Result);
        Assert.Equal(-Errno.EINVAL, Property(gpu, new() { size = 47 }).Result);
        Assert.Equal(-Errno.EINVAL, Property(gpu, new() { size = 96 }).Result);
        Assert.Equal(-Errno.EFAULT, Property(gpu, new() { size = 48, data = DrmClient.BadPointer }).Result);
    }

    [Fact]
    [Trait("Rule", "14.faults")]
    [Trait("Rule", "20.faults")]
    public void No_more_than_50_faults_are_kept()
    {
        using var client = new DrmClient();
        Vm vm = client.Inspect(client.CreateVm(DrmClient.FaultMode));
        for (ulong i = 0; i < 60; i++)
        {
            Assert.Equal(-Errno.EINVAL, vm.HandleFault(i << 12, Simulation.Gpu.GpuAccess.Read, client.Device.PrimaryGt));
        }

        Assert.Equal((50, 0ul, 49ul << 12), (vm.FaultLog.Count, vm.FaultLog[0].Address, vm.FaultLog[49].Address));
        Assert.Equal(3, vm.FaultLog[0].Level);
    }

    [Theory]
    [InlineData(DRM_XE_VM_BIND_FLAG_MADVISE_AUTORESET, true)]
    [InlineData(0u, false)]
    [Trait("Rule", "7.2.AUTORESET")]
    public void Autoreset_forgets_advice_on_what_the_GPU_has_used_and_the_client_unmaps(uint flags, bool resets)
    {
        using GpuClient gpu = Open();
        Assert.Equal(0, gpu.BindMirror(gpu.Vm, 0, All, flags));
        ulong memory = DrmClient.Map(3 * Block, Block);
        Assert.Equal(0, gpu.Advise(memory, 3 * Block, -1));
        Assert.Equal(0, gpu.Store(memory + Block + 0x10, 1));
        gpu.Software.Client.Notifiers.Invalidate(memory + Block, memory + (2 * Block), MmuEvent.Unmap);
        Assert.Equal(0, gpu.Store(memory + 0x10, 2)); // any fault collects the garbage
        Vm vm = gpu.Inspect(gpu.Vm);
        Assert.Equal(-1, vm.Vmas.Find(memory)!.Attributes.PreferredDevmemFd);
        Assert.Equal(resets ? 0 : -1, vm.Vmas.Find(memory + Block + 0x10)!.Attributes.PreferredDevmemFd);
        Assert.Equal(-1, vm.Vmas.Find(memory + (2 * Block))!.Attributes.PreferredDevmemFd);
        DrmClient.Unmap(memory, 3 * Block);
    }

    [Fact]
    [Trait("Rule", "7.2.AUTORESET")]
    public void A_reset_area_joins_its_neighbours_without_advice()
    {
        using GpuClient gpu = Open();
        Assert.Equal(0, gpu.BindMirror(gpu.Vm, 0, All, DRM_XE_VM_BIND_FLAG_MADVISE_AUTORESET));
        string whole = gpu.Areas(gpu.Vm);
        ulong memory = DrmClient.Map(3 * Block, Block);
        DrmClient.Touch(memory, 3 * Block);
        Assert.Equal(0, gpu.Advise(memory + Block, Block, -1));
        Assert.Equal(3, gpu.Areas(gpu.Vm).Split(',').Length - whole.Split(',').Length + 1);
        Assert.Equal(0, gpu.Store(memory + Block + 0x10, 1));
        gpu.Software.Client.Notifiers.Invalidate(memory + Block, memory + (2 * Block), MmuEvent.Unmap);
        Assert.Equal(0, gpu.Store(memory + Block + 0x10, 2));
        Assert.Equal(2u, *(uint*)(memory + Block + 0x10));
        Assert.Equal(whole, gpu.Areas(gpu.Vm));
        DrmClient.Unmap(memory, 3 * Block);
    }

    [Fact]
    [Trait("Rule", "7.5.pieces")]
    public void Pieces_inherit_the_flags_of_the_whole()
    {
        using var client = new DrmClient();
        uint vm = client.CreateVm(DrmClient.FaultMode);
        Assert.Equal(0, client.Bind(vm, Ops.MapNull(Address, 0x10000, DRM_XE_VM_BIND_FLAG_DUMPABLE | DRM_XE_VM_BIND_FLAG_READONLY)));
        Assert.Equal(0, client.UnbindRange(vm, Address + 0x4000, 0x1000));
        Assert.All([Address, Address + 0x5000], address =>
        {
            Vma piece = client.Inspect(vm).Vmas.Find(address)!;
            Assert.Equal((true, true, VmaKind.Null), (piece.IsDumpable, piece.IsReadOnly, piece.Kind));
        });
    }

    private static int AdvisePat(DrmClient client, uint vm, ulong address, ulong range, uint index)
    {
        var advice = new drm_xe_madvise { vm_id = vm, start = address, range = range, type = DRM_XE_MEM_RANGE_ATTR_PAT };
        advice.pat_index.val = index;
        return client.Ioctl(DRM_IOCTL_XE_MADVISE, ref advice);
    }

    private static drm_xe_mem_range_attr[] Query(DrmClient client, uint vm, ulong start, ulong range)
    {
        var args = new drm_xe_vm_query_mem_range_attr { vm_id = vm, start = start, range = range };
        Assert.Equal(0, client.Ioctl(DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS, ref args));
        Assert.Equal(64ul, args.sizeof_mem_range_attr);
        var records = new drm_xe_mem_range_attr[args.num_mem_ranges];
        fixed (drm_xe_mem_range_attr* first = records)
        {
            args.vector_of_mem_attr = (ulong)first;
            Assert.Equal(0, client.Ioctl(DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS, ref args));
        }

        return records;
    }

    private static (int Result, uint Count) Ask(DrmClient client, drm_xe_vm_query_mem_range_attr args)
    {
        int result = client.Ioctl(DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS, ref args);
        return (result, args.num_mem_ranges);
    }

    private static (int Result, uint Size) Property(GpuClient gpu, drm_xe_vm_get_property args)
    {
        args.vm_id = args.vm_id == 0 ? gpu.Vm : args.vm_id;
        int result = gpu.Ioctl(DRM_IOCTL_XE_VM_GET_PROPERTY, ref args);
        return (result, args.size);
    }

    private static GpuClient Open() => new(new SoftwareBackendOptions { VramBytes = 16 << 20, CpuFaults = "coherent" });
}
