using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Tests.Gpu.Support;
using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Gpu;

[Collection(ConcurrencyCollection.Name)]
public sealed unsafe class TlbGateTests(ITestOutputHelper output)
{
    private const ulong Page = 4096;
    private const ulong TwoMiB = 2UL << 20;

    [Fact]
    public void An_invalidation_waits_for_the_section_that_is_open_and_for_no_other()
    {
        var gate = new TlbGate();
        GpuAccessSlot open = gate.Register();
        GpuAccessSlot idle = gate.Register();
        idle.Enter();
        idle.Exit();
        open.Enter();
        using var done = new ManualResetEventSlim();
        var invalidation = new Thread(() =>
        {
            gate.InvalidateAndWait();
            done.Set();
        });
        invalidation.Start();
        SpinWait.SpinUntil(() => gate.Generation == 1);
        Assert.False(done.Wait(20));
        Assert.Equal(0, gate.Completed);
        open.Exit();
        invalidation.Join();
        Assert.Equal(1, gate.Completed);
    }

    [Fact]
    public void A_slot_forgets_its_translations_at_the_next_section_after_an_invalidation()
    {
        var gate = new TlbGate();
        GpuAccessSlot slot = gate.Register();
        slot.Enter();
        slot.Tlb.Insert(Page, Translation(Page, Page));
        slot.Tlb.Insert(TwoMiB, Translation(TwoMiB, TwoMiB));
        slot.Exit();
        slot.Enter();
        Assert.True(slot.Tlb.TryFind(Page + 5, out _));
        Assert.True(slot.Tlb.TryFind((2 * TwoMiB) - 1, out GpuTranslation found));
        Assert.Equal(TwoMiB, found.Start);
        Assert.False(slot.Tlb.TryFind(2 * Page, out _));
        slot.Exit();
        gate.InvalidateAndWait();
        slot.Enter();
        Assert.False(slot.Tlb.TryFind(Page, out _));
        Assert.False(slot.Tlb.TryFind(TwoMiB, out _));
        slot.Exit();
    }

    [Fact]
    public void A_forgotten_slot_is_not_waited_for()
    {
        var gate = new TlbGate();
        GpuAccessSlot slot = gate.Register();
        slot.Enter();
        gate.Unregister(slot);
        gate.InvalidateAndWait();
        Assert.Equal(1, gate.Completed);
    }

    [Fact]
    public void Sections_and_invalidations_allocate_nothing()
    {
        var gate = new TlbGate();
        GpuAccessSlot slot = gate.Register();
        Allocations.AssertNone(() =>
        {
            slot.Enter();
            slot.Exit();
            gate.InvalidateAndWait();
        });
    }

    /// <summary>
    /// Threads write through one GPU address while its mapping moves between two pages. Once the invalidation has returned, the old page must
    /// be quiet: it is then filled with a pattern that no writer may disturb.
    /// </summary>
    [Fact]
    public void After_an_invalidation_no_write_reaches_the_old_page()
    {
        int seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        using var machine = new GpuMachine();
        const ulong va = GpuMachine.VramVa + (TwoMiB * 3);
        int current = 0;
        int faults = 0;
        machine.Map(va, Page, GpuMachine.Entry(GpuPteKind.Vram, 0));
        machine.Faults.Service = (address, _) =>
        {
            machine.Map(address, Page, () => GpuMachine.Entry(GpuPteKind.Vram, (ulong)Volatile.Read(ref current) * Page));
            Interlocked.Increment(ref faults);
            return 0;
        };
        var errors = new int[2];
        using var writers = new RepeatingThreads(2, (index, keepOn) =>
        {
            GpuMemoryView view = machine.CreateView();
            var random = new Random(seed + index);
            ulong value = 1;
            while (keepOn())
            {
                ulong offset = (ulong)random.Next(0, 512) * 8;
                errors[index] |= random.Next(3) switch
                {
                    0 => view.Write(va + offset, &value, 8),
                    1 => view.Atomic(va + offset, AtomicOperation.Add(1, 8)),
                    _ => view.Fill(va, 0x55, Page),
                };
            }
        });
        var chooser = new Random(seed);
        for (int round = 0; round < 1000; round++)
        {
            int old = current;
            int faultsBefore = Volatile.Read(ref faults);
            Volatile.Write(ref current, 1 - old);
            machine.ZapAndInvalidate(va, va + Page);
            var page = new Span<ulong>(machine.Vram + ((ulong)old * Page), 512);
            const ulong pattern = 0xdead_beef_dead_beef;
            page.Fill(pattern);
            Thread.SpinWait(chooser.Next(200));
            Assert.Equal(-1, page.IndexOfAnyExcept(pattern));
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref faults) != faultsBefore, 120_000), "The new mapping is not used.");
            Thread.SpinWait(chooser.Next(500));
        }

        writers.Dispose();
        Assert.Equal([0, 0], errors);
    }

    /// <summary>
    /// Readers walk while the writer splits and joins leaves and throws whole tables away. Every translation must be one that was mapped: the
    /// address of a page is a function of its place, whatever the leaf.
    /// </summary>
    [Fact]
    public void Walkers_never_meet_a_table_that_was_recycled_under_them()
    {
        int seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var gate = new TlbGate();
        using var table = new GpuPageTable(gate, 48);
        const ulong baseVa = 1UL << 40;
        const ulong size = 4 * TwoMiB;
        var hits = new long[2];
        var wrong = new ulong[2];
        using var readers = new RepeatingThreads(2, (index, keepOn) =>
        {
            GpuAccessSlot slot = gate.Register();
            var random = new Random(seed + index);
            while (keepOn())
            {
                slot.Enter();
                for (int walk = 0; walk < 20; walk++)
                {
                    ulong va = baseVa + ((ulong)random.Next((int)(size / Page)) * Page);
                    if (table.TryWalk(va, out GpuPte pte, out int shift))
                    {
                        hits[index]++;
                        ulong address = pte.Advance(va & ((1UL << shift) - 1)).Address;
                        wrong[index] = address == va - baseVa + TwoMiB ? wrong[index] : va;
                    }
                }

                slot.Exit();
            }
        });
        var chooser = new Random(seed);
        for (int round = 0; round < 200; round++)
        {
            ulong start = (ulong)chooser.Next((int)(size / Page)) * Page;
            ulong end = Math.Min(size, start + ((ulong)chooser.Next(1, 1200) * Page));
            start = chooser.Next(2) == 0 ? start / TwoMiB * TwoMiB : start;
            if (chooser.Next(2) == 0)
            {
                table.Map(baseVa + start, end - start, GpuMachine.Entry(GpuPteKind.Vram, start + TwoMiB));
            }
            else
            {
                table.Zap(baseVa + start, baseVa + end);
                gate.InvalidateAndWait();
            }
        }

        // A loaded machine may have kept a reader away until now.
        table.Map(baseVa, size, GpuMachine.Entry(GpuPteKind.Vram, TwoMiB));
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref hits[0]) != 0 && Volatile.Read(ref hits[1]) != 0, 60_000), "A reader never ran.");
        readers.Dispose();
        Assert.Equal([0UL, 0UL], wrong);
    }

    private static GpuTranslation Translation(ulong start, ulong length) =>
        new() { Pte = GpuMachine.Entry(GpuPteKind.Vram, 0), Start = start, Length = length };
}
