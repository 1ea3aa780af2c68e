using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>Placement with CPU faults by userfaultfd.</summary>
public class PlacementTests : PlacementBehaviour
{
    protected override string CpuFaults => "auto";
}

/// <summary>The same without userfaultfd.</summary>
public class CoherentPlacementTests : PlacementBehaviour
{
    protected override string CpuFaults => "coherent";
}

/// <summary>Which memory may live in VRAM, and which GPU accesses ask for it.</summary>
public abstract unsafe class PlacementBehaviour
{
    private const ulong Block = 2 << 20;
    private const uint AtomicIncrement = 0x17800501;

    protected abstract string CpuFaults { get; }

    private GpuClient Open() => new(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = CpuFaults });

    [Fact]
    [Trait("Rule", "svm 4.migratable")]
    public void Shared_memory_is_mapped_in_place()
    {
        using GpuClient gpu = Open();
        Assert.Equal(0, SystemCalls.MemfdCreate("test", out FileDescriptorHandle? file));
        Assert.Equal(0, SystemCalls.SetLength(file!, Block));
        Assert.Equal(0, SystemCalls.MapShared(file!, 0, (nuint)Block, MemoryProtection.ReadWrite, 0, out nint mapping));
        ulong memory = (ulong)mapping;
        Assert.Equal(0, gpu.Store(memory + 0x2008, 5));
        Assert.Equal(5u, *(uint*)(memory + 0x2008));
        Assert.Equal(0, gpu.Counter("svm_device_copy_kb"));
        GpuClient.Unmap(memory, Block);
        file!.Dispose();
    }

    [SkippableFact]
    [Trait("Rule", "svm 3.d")]
    [Trait("Rule", "svm 4.migratable")]
    public void Hugetlb_memory_is_mapped_in_place_stays_there_and_is_refused_where_VRAM_is_needed()
    {
        using GpuClient gpu = Open();
        using HugetlbPool pool = HugetlbPool.MapPage();
        ulong memory = pool.Address;
        *(uint*)(memory + 0x40) = 41;
        Assert.Equal(0, gpu.Store(memory + 0x2008, 5));
        Assert.Equal(5u, *(uint*)(memory + 0x2008));

        // A prefetch to VRAM succeeds, as user space is not to assume anything of it, and moves nothing.
        Assert.Equal(0, gpu.Prefetch(memory, Block, 1));
        Assert.Equal((0, 0), (gpu.Counter("svm_2M_migrate_count"), gpu.Counter("svm_device_copy_kb")));
        Assert.Equal(0, gpu.Counter("device_allocations", "backend"));
        Assert.Equal(-Errno.EIO, gpu.Run(AtomicIncrement, (uint)(memory + 0x40), (uint)(memory >> 32)));
        Assert.Equal((41u, 5u), (*(uint*)(memory + 0x40), *(uint*)(memory + 0x2008)));
        Assert.Equal("clean\n", gpu.File.ReadDebugFile("dma_audit").Text);
    }

    [Fact]
    [Trait("Rule", "svm 2.serve")]
    [Trait("Rule", "svm 4.checks")]
    public void Memory_that_the_CPU_may_not_write_is_refused_even_to_a_GPU_read()
    {
        using GpuClient gpu = Open();
        ulong memory = GpuClient.Map(2 * Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, SystemCalls.Protect((nint)memory, (nuint)Block, MemoryProtection.Read));
        Assert.Equal(-Errno.EIO, gpu.Run(
            0x56800008, 0xff, 0, 0, 0, (uint)memory, (uint)(memory >> 32), (uint)(memory + Block), (uint)((memory + Block) >> 32), 0));
        GpuClient.Unmap(memory, 2 * Block);
    }

    [Fact]
    [Trait("Rule", "svm 3.b")]
    public void An_atomic_brings_the_data_to_VRAM_whatever_the_advice()
    {
        using GpuClient gpu = Open();
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        *(uint*)(memory + 0x40) = 41;
        Assert.Equal(0, gpu.Advise(memory, Block, -1));
        Assert.Equal(0, gpu.Run(AtomicIncrement, (uint)(memory + 0x40), (uint)(memory >> 32)));
        Assert.Equal(1, gpu.Counter("svm_2M_migrate_count"));
        Assert.Equal(42u, *(uint*)(memory + 0x40));
        GpuClient.Unmap(memory, Block);
    }

    [Fact]
    [Trait("Rule", "svm 3.policy")]
    public void With_the_DEVICE_policy_an_atomic_works_on_system_memory()
    {
        using GpuClient gpu = Open();
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        *(uint*)(memory + 0x40) = 41;
        Assert.Equal(0, gpu.Advise(memory, Block, -1));
        Assert.Equal(0, AdviseAtomic(gpu, memory, DrmXe.DRM_XE_ATOMIC_DEVICE));
        Assert.Equal(0, gpu.Run(AtomicIncrement, (uint)(memory + 0x40), (uint)(memory >> 32)));
        Assert.Equal(0, gpu.Counter("svm_2M_migrate_count"));
        Assert.Equal(42u, *(uint*)(memory + 0x40));
        GpuClient.Unmap(memory, Block);
    }

    [Fact]
    public void On_system_memory_atomics_of_8_bytes_and_large_operands_work_where_CPU_faults_do()
    {
        using GpuClient gpu = Open();
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        *(ulong*)(memory + 0x40) = uint.MaxValue;
        *(uint*)(memory + 0x1000) = 0xf0f0;
        Assert.Equal(0, gpu.Advise(memory, Block, -1));
        Assert.Equal(0, AdviseAtomic(gpu, memory, DrmXe.DRM_XE_ATOMIC_DEVICE));
        int result = gpu.Run(
            0x178c2709, (uint)(memory + 0x40), (uint)(memory >> 32), 1, 0, 0x55, 0, 0, 0, 0, 0,
            0x17840309, (uint)(memory + 0x1000), (uint)(memory >> 32), 0xffff, 0, 0, 0, 0, 0, 0, 0);
        Assert.Equal(0, gpu.Counter("svm_2M_migrate_count"));

        // Without userfaultfd nothing can take the page away from the CPU for the moment of the operation.
        Assert.Equal(gpu.IsCoherent ? -Errno.EIO : 0, result);
        Assert.Equal(gpu.IsCoherent ? uint.MaxValue : 0x56_0000_0000UL, *(ulong*)(memory + 0x40));
        Assert.Equal(gpu.IsCoherent ? 0xf0f0U : 0x0f0fU, *(uint*)(memory + 0x1000));
        GpuClient.Unmap(memory, Block);
    }

    [Fact]
    public void On_shared_memory_atomics_that_need_the_page_taken_away_ban_the_queue()
    {
        using GpuClient gpu = Open();
        Assert.Equal(0, SystemCalls.MemfdCreate("test", out FileDescriptorHandle? file));
        Assert.Equal(0, SystemCalls.SetLength(file!, Block));
        Assert.Equal(0, SystemCalls.MapShared(file!, 0, (nuint)Block, MemoryProtection.ReadWrite, 0, out nint mapping));
        ulong memory = (ulong)mapping;
        Assert.Equal(0, AdviseAtomic(gpu, memory, DrmXe.DRM_XE_ATOMIC_DEVICE));
        Assert.Equal(0, gpu.Run(AtomicIncrement, (uint)memory, (uint)(memory >> 32)));
        Assert.Equal(-Errno.EIO, gpu.Run(0x17882501, (uint)memory, (uint)(memory >> 32)));
        Assert.Equal(1u, *(uint*)memory);
        GpuClient.Unmap(memory, Block);
        file!.Dispose();
    }

    [Fact]
    [Trait("Rule", "svm 3.policy")]
    public void With_the_CPU_policy_an_atomic_is_refused()
    {
        using GpuClient gpu = Open();
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, AdviseAtomic(gpu, memory, DrmXe.DRM_XE_ATOMIC_CPU));
        Assert.Equal(-Errno.EIO, gpu.Run(AtomicIncrement, (uint)(memory + 0x40), (uint)(memory >> 32)));
        GpuClient.Unmap(memory, Block);
    }

    [Fact]
    [Trait("Rule", "svm 8.explicit")]
    public void Advice_on_a_part_cuts_a_range_in_VRAM_and_loses_nothing()
    {
        using GpuClient gpu = Open();
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Store(memory + 8, 1));
        Assert.Equal(0, gpu.Advise(memory + 0x80000, 0x80000, -1));
        Assert.Equal(0, gpu.Counter("device_allocations", "backend"));
        Assert.Equal(0, gpu.Store(memory + 0x80008, 2));
        Assert.Equal(0, gpu.Store(memory + 0x10, 3));
        Assert.Equal((1u, 2u, 3u), (*(uint*)(memory + 8), *(uint*)(memory + 0x80008), *(uint*)(memory + 0x10)));
        Assert.Equal(511ul, *(ulong*)(memory + Block - 4096));
        GpuClient.Unmap(memory, Block);
    }

    private static int AdviseAtomic(GpuClient gpu, ulong memory, uint policy)
    {
        var advice = new drm_xe_madvise { vm_id = gpu.Vm, start = memory, range = Block, type = DrmXe.DRM_XE_MEM_RANGE_ATTR_ATOMIC };
        advice.atomic.val = policy;
        return gpu.Ioctl(DrmXe.DRM_IOCTL_XE_MADVISE, ref advice);
    }
}
