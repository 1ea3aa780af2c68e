using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>The fault handler's decisions: budgets, retries, policies, swallowed errors, leaf sizes.</summary>
[Trait("Rule", "svm 3")]
public unsafe class FaultHandlerTests
{
    private const ulong Block = 2 << 20;
    private const int LeafOf2M = 21;
    private const int LeafOf4K = 12;

    private static GpuClient Open(string strategy = "iova", string layout = "scattered") =>
        new(new SoftwareBackendOptions { VramBytes = 64 << 20, Strategy = strategy, Layout = layout });

    private static int Fault(GpuClient gpu, ulong address, GpuAccess access)
    {
        Vm vm = gpu.Inspect(gpu.Vm);
        return vm.HandleFault(address, access, vm.Device.PrimaryGt);
    }

    private static ulong MapTouched(ulong bytes = Block)
    {
        ulong memory = GpuClient.Map(bytes, Block);
        GpuClient.Touch(memory, bytes);
        return memory;
    }

    [Theory]
    [InlineData(AtomicPolicy.Undefined, 0, true)]
    [InlineData(AtomicPolicy.Global, 0, true)]
    [InlineData(AtomicPolicy.Device, 0, false)]
    [InlineData(AtomicPolicy.Cpu, -Errno.EACCES, false)]
    [Trait("Rule", "svm 3.policy")]
    public void An_atomic_goes_by_its_policy_and_not_by_the_preferred_location(object policy, int expected, bool migrates)
    {
        using GpuClient gpu = Open();
        ulong memory = MapTouched();
        Assert.Equal(0, gpu.Advise(memory, Block, -1));
        Assert.Equal(0, gpu.AdviseAtomic(gpu.Vm, memory, Block, (uint)(AtomicPolicy)policy));
        Assert.Equal(expected, Fault(gpu, memory, GpuAccess.Atomic));
        Assert.Equal(migrates ? 1 : 0, gpu.Counter("svm_2M_migrate_count"));
        GpuClient.Unmap(memory, Block);
    }

    [Fact]
    [Trait("Rule", "svm 3.f")]
    public void An_ordinary_fault_has_one_attempt_at_migration_and_an_atomic_three()
    {
        using GpuClient gpu = Open();
        gpu.Device.Options.Faults.Add(new FaultRule(FaultPoint.Vram) { At = 1, Times = 1000 });
        ulong memory = MapTouched();
        Assert.Equal(0, Fault(gpu, memory, GpuAccess.Write));
        Assert.Equal(1, gpu.Counter("svm_2M_migrate_count"));

        ulong other = MapTouched();
        Assert.Equal(-Errno.ENOMEM, Fault(gpu, other, GpuAccess.Atomic));
        Assert.Equal(4, gpu.Counter("svm_2M_migrate_count"));
        GpuClient.Unmap(memory, Block);
        GpuClient.Unmap(other, Block);
    }

    [Fact]
    [Trait("Rule", "svm 3.f")]
    public void An_atomic_whose_third_attempt_succeeds_is_served()
    {
        using GpuClient gpu = Open();
        gpu.Device.Options.Faults.Add(new FaultRule(FaultPoint.Copy) { At = 1, Times = 2 });
        ulong memory = MapTouched();
        Assert.Equal(0, Fault(gpu, memory, GpuAccess.Atomic));
        Assert.Equal(3, gpu.Counter("svm_2M_migrate_count"));
        Assert.Equal(1, gpu.Counter("device_allocations", "backend"));
        GpuClient.Unmap(memory, Block);
    }

    [Fact]
    [Trait("Rule", "svm 3.g")]
    public void An_error_of_get_pages_is_swallowed_and_the_replay_succeeds()
    {
        using GpuClient gpu = Open();
        ulong memory = MapTouched();
        Assert.Equal(0, gpu.Advise(memory, Block, -1));
        gpu.Device.Options.Faults.Add(new FaultRule(FaultPoint.Sync) { At = 1 });
        Assert.Equal(0, Fault(gpu, memory, GpuAccess.Write));
        Assert.False(gpu.Inspect(gpu.Vm).PageTable.TryWalk(memory, out _, out _));
        Assert.Equal(0, Fault(gpu, memory, GpuAccess.Write));
        Assert.True(gpu.Inspect(gpu.Vm).PageTable.TryWalk(memory, out _, out _));
        GpuClient.Unmap(memory, Block);
    }

    [Fact]
    [Trait("Rule", "svm 3.e")]
    public void Valid_system_memory_is_not_pulled_to_VRAM_by_later_faults()
    {
        using GpuClient gpu = Open();
        ulong memory = MapTouched();
        gpu.Device.Options.Faults.Add(new FaultRule(FaultPoint.Vram) { At = 1 });
        Assert.Equal(0, Fault(gpu, memory, GpuAccess.Write));
        Assert.Equal(0, Fault(gpu, memory, GpuAccess.Write));
        Assert.Equal(0, gpu.Counter("device_allocations", "backend"));

        // An atomic does pull it.
        Assert.Equal(0, Fault(gpu, memory, GpuAccess.Atomic));
        Assert.Equal(1, gpu.Counter("device_allocations", "backend"));
        GpuClient.Unmap(memory, Block);
    }

    [Fact]
    [Trait("Rule", "svm 3.h")]
    public void Several_queues_that_fault_on_one_range_cause_one_migration()
    {
        const int Queues = 4;
        using GpuClient gpu = Open();
        ulong memory = MapTouched();
        using var start = new Barrier(Queues);
        int[] results = new int[Queues];
        Thread[] threads = [.. Enumerable.Range(0, Queues).Select(index => new Thread(() =>
        {
            uint queue = gpu.CreateQueue(gpu.Vm);
            ulong control = GpuClient.Map(64 << 10);
            results[index] = gpu.Advise(control, 64 << 10, -1);
            start.SignalAndWait();
            results[index] |= gpu.Run(queue, control, Commands.Store(memory + ((ulong)index * 64) + 8, (uint)index + 1));
            GpuClient.Unmap(control, 64 << 10);
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Assert.All(threads, thread => Assert.True(thread.Join(TimeSpan.FromMinutes(10)), "A thread hangs."));
        Assert.All(results, result => Assert.Equal(0, result));
        Assert.Equal(2048, gpu.Counter("svm_device_copy_kb"));
        Assert.All(Enumerable.Range(0, Queues), index => Assert.Equal((uint)index + 1, *(uint*)(memory + ((ulong)index * 64) + 8)));
        GpuClient.Unmap(memory, Block);
    }

    [Theory]
    [InlineData("iova", "scattered", -1, LeafOf2M)]
    [InlineData("per-page", "scattered", -1, LeafOf4K)]
    [InlineData("per-page", "scattered", 0, LeafOf2M)]
    [Trait("Rule", "svm 3.leaf")]
    public void The_GPU_leaf_is_as_large_as_the_run_of_device_addresses(string strategy, string layout, int location, int shift)
    {
        using GpuClient gpu = Open(strategy, layout);
        ulong memory = MapTouched();
        Assert.Equal(0, gpu.Advise(memory, Block, location));
        Assert.Equal(0, Fault(gpu, memory, GpuAccess.Write));
        Assert.True(gpu.Inspect(gpu.Vm).PageTable.TryWalk(memory + 0x3000, out _, out int found));
        Assert.Equal(shift, found);
        GpuClient.Unmap(memory, Block);
    }

    [Fact]
    [Trait("Rule", "svm 7.gone")]
    public void Dropped_content_keeps_the_range_and_unmapped_memory_ends_it()
    {
        using GpuClient gpu = Open();
        ulong memory = MapTouched();
        Assert.Equal(0, Fault(gpu, memory, GpuAccess.Write));
        Vm vm = gpu.Inspect(gpu.Vm);
        lock (vm.Lock)
        {
            vm.Svm!.Invalidate(memory, memory + Block, MmuEvent.Clear);
            vm.Svm.CollectGarbage();
            Assert.True(vm.Svm.TryFind(memory, out _));
            vm.Svm.Invalidate(memory, memory + 4096, MmuEvent.Unmap);
            vm.Svm.CollectGarbage();
            Assert.False(vm.Svm.TryFind(memory, out _));
        }

        GpuClient.Unmap(memory, Block);
    }
}
