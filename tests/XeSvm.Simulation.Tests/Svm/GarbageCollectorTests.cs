using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Svm;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>What becomes of ranges and of advice when the client unmaps memory.</summary>
[Trait("Rule", "svm 7")]
public unsafe class GarbageCollectorTests
{
    private const ulong Block = 2 << 20;
    private const uint AutoReset = DrmXe.DRM_XE_VM_BIND_FLAG_MADVISE_AUTORESET;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private static GpuClient Open(uint mirrorFlags = 0)
    {
        var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20 });
        if (gpu.IsCoherent)
        {
            string reason = gpu.Backend;
            gpu.Dispose();
            Skip.If(true, $"The client's munmap is not noticed here: {reason}");
        }

        if (mirrorFlags != 0)
        {
            Assert.Equal(0, gpu.BindMirror(mirrorFlags));
        }

        return gpu;
    }

    private static SvmMirror MirrorOf(GpuClient gpu) => gpu.Inspect(gpu.Vm).Svm!;

    /// <summary>How many areas the VM has in a range.</summary>
    private static int AreasIn(GpuClient gpu, ulong start, ulong end)
    {
        int count = 0;
        Vm vm = gpu.Inspect(gpu.Vm);
        lock (vm.Lock)
        {
            for (Vma? vma = vm.Vmas.FirstOverlap(start, end); vma is not null && vma.Start < end; vma = vm.Vmas.FindAbove(vma.Start))
            {
                count++;
            }
        }

        return count;
    }

    /// <summary>Advice that lets memory migrate: the client's changes are noticed for memory that has been in VRAM.</summary>
    private static int Advise(GpuClient gpu, ulong address, ulong bytes) => gpu.AdviseAtomic(gpu.Vm, address, bytes, DrmXe.DRM_XE_ATOMIC_GLOBAL);

    /// <summary>Maps a block where one was unmapped; the kernel may give that address by itself.</summary>
    private static void MapAgainAt(ulong address)
    {
        ulong fresh = GpuClient.Map(Block, Block);
        Assert.Equal(0, fresh == address ? 0 : SystemCalls.MoveMapping((nint)fresh, (nuint)Block, (nint)address));
    }

    private static AtomicPolicy PolicyAt(GpuClient gpu, ulong address)
    {
        Vm vm = gpu.Inspect(gpu.Vm);
        lock (vm.Lock)
        {
            return vm.Vmas.Find(address)!.Attributes.Atomic;
        }
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Rule", "svm 7.gone")]
    public void A_range_goes_when_its_memory_is_unmapped_although_nobody_faults_or_binds(bool whole)
    {
        using GpuClient gpu = Open();
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Store(memory + 0x100008, 5));
        Assert.True(MirrorOf(gpu).TryFind(memory, out _));
        GpuClient.Unmap(memory, whole ? Block : 0x1000);
        Assert.True(SpinWait.SpinUntil(() => !MirrorOf(gpu).TryFind(memory + 0x100000, out _), s_patience), "The range stays.");
        if (!whole)
        {
            Assert.Equal(5u, *(uint*)(memory + 0x100008));
            Assert.Equal(0, gpu.Store(memory + 0x100010, 6));
            Assert.Equal(6u, *(uint*)(memory + 0x100010));
            Assert.Equal(511ul, *(ulong*)(memory + Block - 0x1000));
            GpuClient.Unmap(memory + 0x1000, Block - 0x1000);
        }
    }

    [SkippableFact]
    [Trait("Rule", "svm 1.notifier")]
    public void A_notifier_goes_with_its_last_range()
    {
        using GpuClient gpu = Open();
        Assert.Equal(0, gpu.Run());
        int before = MirrorOf(gpu).NotifierCount;
        ulong memory = GpuClient.Map(2 * SvmNotifier.Size, SvmNotifier.Size);
        Assert.Equal(0, gpu.Store(memory, 1));
        Assert.Equal(0, gpu.Store(memory + Block, 1));
        Assert.Equal(before + 1, MirrorOf(gpu).NotifierCount);
        Assert.Equal(0, gpu.Store(memory + SvmNotifier.Size, 1));
        Assert.Equal(before + 2, MirrorOf(gpu).NotifierCount);
        GpuClient.Unmap(memory, 2 * SvmNotifier.Size);
        Assert.True(SpinWait.SpinUntil(() => MirrorOf(gpu).NotifierCount == before, s_patience), "A notifier stays.");
    }

    [SkippableFact]
    [Trait("Rule", "svm 7.reset")]
    public void Advice_goes_with_unmapped_memory_that_the_GPU_used()
    {
        using GpuClient gpu = Open(AutoReset);
        ulong memory = GpuClient.Map(4 * Block, Block);
        GpuClient.Touch(memory, 4 * Block);
        Assert.Equal(0, Advise(gpu, memory + Block, Block));
        Assert.Equal(3, AreasIn(gpu, memory, memory + (4 * Block)));
        Assert.Equal(0, gpu.Store(memory + Block + 8, 1));
        GpuClient.Unmap(memory + Block, Block);
        Assert.True(SpinWait.SpinUntil(() => PolicyAt(gpu, memory + Block) == AtomicPolicy.Undefined, s_patience), "The advice stays.");

        // The area has become what its neighbours are, and is one with them.
        Assert.Equal(1, AreasIn(gpu, memory, memory + (4 * Block)));
        GpuClient.Unmap(memory, Block);
        GpuClient.Unmap(memory + (2 * Block), 2 * Block);
    }

    [SkippableFact]
    [Trait("Rule", "svm 7.reset")]
    public void A_reset_takes_the_whole_range_and_leaves_the_rest_of_the_area_as_it_was()
    {
        using GpuClient gpu = Open(AutoReset);
        ulong memory = GpuClient.Map(8 * Block, Block);
        GpuClient.Touch(memory, 8 * Block);
        Assert.Equal(0, Advise(gpu, memory + Block, 6 * Block));
        Assert.Equal(0, gpu.Store(memory + (3 * Block) + 8, 1));
        GpuClient.Unmap(memory + (3 * Block) + 0x40000, 0x10000);
        Assert.True(SpinWait.SpinUntil(() => PolicyAt(gpu, memory + (3 * Block)) == AtomicPolicy.Undefined, s_patience), "The advice stays.");
        uint[] policies = [.. Enumerable.Range(0, 8).Select(block => (uint)PolicyAt(gpu, memory + ((ulong)block * Block)))];
        Assert.Equal([0, 2, 2, 0, 2, 2, 2, 0], policies);
        GpuClient.Unmap(memory, 8 * Block);
    }

    [SkippableTheory]
    [InlineData(AutoReset, false)]
    [InlineData(0u, true)]
    [Trait("Rule", "svm 7.reset")]
    public void Advice_stays_for_memory_that_the_GPU_never_touched_and_without_AUTORESET(uint flags, bool touch)
    {
        using GpuClient gpu = Open(flags);
        ulong memory = GpuClient.Map(3 * Block, Block);
        GpuClient.Touch(memory, 3 * Block);
        Assert.Equal(0, Advise(gpu, memory + Block, Block));
        if (touch)
        {
            Assert.Equal(0, gpu.Store(memory + Block + 8, 1));
        }

        GpuClient.Unmap(memory + Block, Block);
        Assert.True(SpinWait.SpinUntil(() => !MirrorOf(gpu).TryFind(memory + Block, out _), s_patience), "The range stays.");
        Assert.Equal(AtomicPolicy.Global, PolicyAt(gpu, memory + Block));
        GpuClient.Unmap(memory, Block);
        GpuClient.Unmap(memory + (2 * Block), Block);
    }

    [SkippableFact]
    [Trait("Rule", "svm 3.again")]
    public void A_fault_that_collects_a_reset_looks_its_area_up_again()
    {
        using GpuClient gpu = Open(AutoReset);
        ulong memory = GpuClient.Map(2 * Block, Block);
        GpuClient.Touch(memory, 2 * Block);
        Assert.Equal(0, gpu.AdviseAtomic(gpu.Vm, memory, 2 * Block, DrmXe.DRM_XE_ATOMIC_CPU));
        Assert.Equal(0, gpu.Store(memory + 8, 1));
        long faults = gpu.Counter("svm_pagefault_count");
        Vm vm = gpu.Inspect(gpu.Vm);
        lock (vm.Lock)
        {
            // The collector cannot run before the fault: both need the VM lock.
            GpuClient.Unmap(memory, Block);
            MapAgainAt(memory);
            Assert.Equal(0, vm.HandleFault(memory, Simulation.Gpu.GpuAccess.Write, vm.Device.PrimaryGt));
        }

        // The first call of the handler ends with the reset, the second one serves the fault.
        Assert.Equal(2, gpu.Counter("svm_pagefault_count") - faults);
        Assert.Equal(AtomicPolicy.Undefined, PolicyAt(gpu, memory));
        Assert.Equal(AtomicPolicy.Cpu, PolicyAt(gpu, memory + Block));
        GpuClient.Unmap(memory, 2 * Block);
    }
}
