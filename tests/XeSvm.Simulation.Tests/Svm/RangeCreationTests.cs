using CsCheck;

using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Svm;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>Which chunk a fault makes a range of, against the rules spelt out one by one.</summary>
[Trait("Rule", "svm 4")]
public unsafe class RangeCreationTests
{
    private const ulong Block = 2 << 20;
    private const ulong Page = 4096;
    private const ulong Chunk = 64 << 10;
    private const ulong Blocks = 4;

    private static readonly Gen<(ulong Start, ulong Pages)> s_piece = Gen.Select(Gen.ULong[0, (Blocks * 512) - 1], Gen.ULong[1, 600]);

    /// <summary>Holes in the CPU's mappings, pages that the CPU has touched, where advice cuts the mirror, and where faults are.</summary>
    private static readonly Gen<((ulong Start, ulong Pages)[] Holes, (ulong Start, ulong Pages)[] Touched, ulong[] Cuts, ulong[] Faults)> s_case =
        Gen.Select(s_piece.Array[0, 3], s_piece.Array[0, 4], Gen.ULong[1, (Blocks * 512) - 1].Array[0, 2], Gen.ULong[0, (Blocks * 512) - 1].Array[1, 20]);

    [Fact]
    [Trait("Rule", "svm 4.chunk")]
    public void Every_chunk_is_the_one_that_the_rules_name()
    {
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = "coherent" });
        Vm vm = gpu.Inspect(gpu.Vm);
        s_case.Sample(sample =>
        {
            // A page of another kind on both sides, so that the mapping's own bounds are known.
            ulong area = GpuClient.Map((Blocks + 2) * Block, Block);
            ulong memory = area + Block;
            GpuClient.Unmap(area, Block);
            GpuClient.Unmap(memory + (Blocks * Block), Block);
            var mapped = new bool[Blocks * 512];
            var touched = new bool[Blocks * 512];
            mapped.AsSpan().Fill(true);
            foreach ((ulong start, ulong pages) in sample.Holes)
            {
                ulong count = Math.Min(pages, (Blocks * 512) - start);
                GpuClient.Unmap(memory + (start * Page), count * Page);
                mapped.AsSpan((int)start, (int)count).Clear();
            }

            foreach ((ulong start, ulong pages) in sample.Touched)
            {
                for (ulong page = start; page < Math.Min(start + pages, Blocks * 512); page++)
                {
                    if (mapped[page])
                    {
                        *(byte*)(memory + (page * Page)) = 1;
                        touched[page] = true;
                    }
                }
            }

            foreach (ulong cut in sample.Cuts)
            {
                Assert.Equal(0, gpu.Advise(memory + (cut * Page), Page, -1));
            }

            lock (vm.Lock)
            {
                Check(vm, memory, sample.Faults, mapped, touched);
                vm.Svm!.RemoveRanges(memory, memory + (Blocks * Block));
            }

            Assert.Equal(0, gpu.BindMirror());
            for (ulong page = 0; page < Blocks * 512; page++)
            {
                if (mapped[page])
                {
                    GpuClient.Unmap(memory + (page * Page), Page);
                }
            }
        }, iter: 60);
    }

    private static void Check(Vm vm, ulong memory, ulong[] faults, bool[] mapped, bool[] touched)
    {
        var model = new List<(ulong Start, ulong End)>();
        foreach (ulong fault in faults)
        {
            ulong address = memory + (fault * Page);
            Vma vma = vm.Vmas.Find(address)!;
            int result = vm.Svm!.FindOrInsert(address, vma, Chunk, devmemPossible: true, out SvmRange range);
            if (!mapped[fault])
            {
                Assert.Equal(-Errno.ENOENT, result);
                continue;
            }

            Assert.Equal(0, result);
            (ulong Start, ulong End) expected = model.Find(chunk => chunk.Start <= address && address < chunk.End);
            if (expected.End == 0)
            {
                expected = Choose(address);
                model.Add(expected);
            }

            Assert.Equal(expected, (range.Start, range.End));
            Assert.True(range.MigrateDevmem);

            (ulong Start, ulong End) Choose(ulong at)
            {
                foreach (ulong size in (ReadOnlySpan<ulong>)[Block, Chunk])
                {
                    ulong start = at & ~(size - 1);
                    bool fits = start >= vma.Start && start + size <= vma.End && Pages(start, size).All(page => mapped[page])
                        && !model.Exists(chunk => chunk.Start < start + size && start < chunk.End)
                        && (size != Chunk || Pages(start, size).All(page => touched[page]));
                    if (fits)
                    {
                        return (start, start + size);
                    }
                }

                return (at, at + Page);
            }
        }

        IEnumerable<int> Pages(ulong start, ulong size) => Enumerable.Range((int)((start - memory) / Page), (int)(size / Page));
    }

    [Fact]
    [Trait("Rule", "svm 4.prefetch")]
    public void A_prefetch_takes_64K_of_untouched_memory_and_a_fault_does_not()
    {
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = "coherent" });
        ulong area = GpuClient.Map(2 * Block, Block);
        ulong memory = area + Chunk;
        GpuClient.Unmap(area, Chunk);
        Assert.Equal(0, gpu.Prefetch(memory, Chunk, region: 1));
        SvmMirror mirror = gpu.Inspect(gpu.Vm).Svm!;
        Assert.True(mirror.TryFind(memory, out SvmRange? prefetched));
        Assert.Equal(Chunk, prefetched.Size);
        Assert.Equal(0, gpu.Store(memory + Chunk + 8, 1));
        Assert.True(mirror.TryFind(memory + Chunk, out SvmRange? faulted));
        Assert.Equal(Page, faulted.Size);
        GpuClient.Unmap(memory, (2 * Block) - Chunk);
    }

    [Fact]
    [Trait("Rule", "svm 4.checks")]
    public void An_address_outside_the_VM_is_EINVAL()
    {
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = "coherent" });
        Vm vm = gpu.Inspect(gpu.Vm);
        lock (vm.Lock)
        {
            Vma vma = vm.Vmas.Find(gpu.Control)!;
            Assert.Equal(-Errno.EINVAL, vm.Svm!.FindOrInsert(vm.Size, vma, Chunk, devmemPossible: true, out _));
        }
    }
}
