using CsCheck;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Tests.Gpu;

public sealed class GpuPageTableTests
{
    private const ulong Page = 4096;
    private const ulong TwoMiB = 2UL << 20;
    private const ulong OneGiB = 1UL << 30;

    [Theory]
    [InlineData(0UL, 0UL, Page, 12)]
    [InlineData(0UL, 0UL, 64UL << 10, 16)]
    [InlineData(0UL, Page, 64UL << 10, 12)]
    [InlineData(64UL << 10, 128UL << 10, 64UL << 10, 16)]
    [InlineData(0UL, 0UL, TwoMiB, 21)]
    [InlineData(0UL, 64UL << 10, TwoMiB, 16)]
    [InlineData(TwoMiB, TwoMiB, TwoMiB, 21)]
    [InlineData(0UL, 0UL, OneGiB, 30)]
    [InlineData(0UL, TwoMiB, OneGiB, 21)]
    public void The_largest_leaf_that_the_addresses_allow_is_used(ulong va, ulong address, ulong length, int expected)
    {
        using var table = new GpuPageTable(new TlbGate(), 48);
        table.Map(va, length, Vram(address));
        Assert.True(table.TryWalk(va, out GpuPte pte, out int shift));
        Assert.Equal(expected, shift);
        Assert.Equal(Vram(address), pte);
        Assert.True(table.TryWalk(va + length - 1, out _, out _));
        Assert.False(table.TryWalk(va + length, out _, out _));
    }

    [Fact]
    public void Flags_and_kind_come_back()
    {
        using var table = new GpuPageTable(new TlbGate(), 57);
        ulong top = (1UL << 57) - Page;
        table.Map(top, Page, new GpuPte(GpuPteKind.Host, 0xf_ffff_ffff_f000, writable: false, atomic: true, svm: true));
        Assert.True(table.TryWalk(top, out GpuPte pte, out _));
        Assert.Equal(GpuPteKind.Host, pte.Kind);
        Assert.Equal(0xf_ffff_ffff_f000UL, pte.Address);
        Assert.True(pte.IsSvm && pte.AllowsAtomics && !pte.IsWritable);
        Assert.True(pte.Allows(GpuAccess.Read));
        Assert.False(pte.Allows(GpuAccess.Write));
        Assert.False(pte.Allows(GpuAccess.Atomic));
    }

    [Fact]
    public void Random_maps_and_zaps_agree_with_a_dictionary_of_pages()
    {
        const int pages = 3 * 512;
        Gen<(int Start, int Count)> range = Gen.Select(Gen.Int[0, pages - 1], Gen.Int[1, pages], Gen.Int[0, 9]).Select((start, count, align) =>
        {
            // Half of the ranges are aligned, so that large leaves are made and then cut.
            int unit = align < 3 ? 512 : align < 5 ? 16 : 1;
            int from = start / unit * unit;
            int length = Math.Max(count / unit * unit, unit);
            return (from, Math.Min(length, pages - from));
        });
        Gen.Select(range, Gen.Int[0, 3], Gen.Int[0, 5000]).List[1, 40].Sample(steps =>
        {
            const ulong baseVa = (OneGiB * 511) - TwoMiB;
            using var table = new GpuPageTable(new TlbGate(), 48);
            var model = new Dictionary<ulong, GpuPte>();
            foreach (((int start, int count), int action, int at) in steps)
            {
                ulong va = baseVa + ((ulong)start * Page);
                ulong end = va + ((ulong)count * Page);
                if (action == 0)
                {
                    bool expected = false;
                    for (ulong page = va; page < end; page += Page)
                    {
                        expected |= model.Remove(page);
                    }

                    Assert.Equal(expected, table.Zap(va, end));
                    continue;
                }

                ulong address = action == 1 ? (ulong)at * Page : (ulong)(at / 512 * 512 + (start % 512)) * Page;
                GpuPteKind kind = action == 3 && at % 3 == 0 ? GpuPteKind.Null : GpuPteKind.Vram;
                var entry = new GpuPte(kind, kind == GpuPteKind.Null ? 0 : address, at % 2 == 0, at % 5 == 0, svm: false);
                table.Map(va, end - va, entry);
                for (ulong page = va; page < end; page += Page)
                {
                    model[page] = entry.Advance(page - va);
                }
            }

            CheckAgainst(model, table, baseVa, pages);
            Assert.Equal(model.Count > 0, table.Zap(0, 1UL << 48));
            model.Clear();
            CheckAgainst(model, table, baseVa, pages);
        }, iter: 150);
    }

    [Fact]
    public void Neighbouring_pages_of_one_piece_of_memory_translate_together()
    {
        using var table = new GpuPageTable(new TlbGate(), 48);
        table.Map(Page, 20 * Page, Vram(0));
        Assert.True(table.TryTranslate((2 * Page) + 7, out GpuTranslation run));
        Assert.Equal((2 * Page, 16 * Page, Page), (run.Start, run.Length, run.Pte.Address));
        table.Map(5 * Page, Page, new GpuPte(GpuPteKind.Vram, 4 * Page, writable: false, atomic: true, svm: false));
        Assert.True(table.TryTranslate(2 * Page, out run));
        Assert.Equal(3 * Page, run.Length);
        table.Map(Page, 20 * Page, new GpuPte(GpuPteKind.Vram, 0, writable: true, atomic: true, svm: true));
        Assert.True(table.TryTranslate(2 * Page, out run));
        Assert.Equal(Page, run.Length);
    }

    [Fact]
    public void Zapping_inside_a_gibibyte_leaf_splits_it_down_to_pages()
    {
        using var table = new GpuPageTable(new TlbGate(), 48);
        table.Map(OneGiB, OneGiB, Vram(4 * OneGiB));
        ulong hole = OneGiB + (300 * TwoMiB) + (5 * Page);
        Assert.True(table.Zap(hole, hole + Page));
        Assert.False(table.TryWalk(hole, out _, out _));
        Assert.True(table.TryWalk(hole - Page, out GpuPte before, out int smallShift));
        Assert.Equal(12, smallShift);
        Assert.Equal((3 * OneGiB) + hole - Page, before.Address);
        Assert.True(table.TryWalk(hole + (16 * Page), out _, out int mediumShift));
        Assert.Equal(16, mediumShift);
        Assert.True(table.TryWalk(OneGiB, out _, out int largeShift));
        Assert.Equal(21, largeShift);
    }

    [Fact]
    public void An_unaligned_or_too_high_range_is_refused_and_changes_nothing()
    {
        using var table = new GpuPageTable(new TlbGate(), 48);
        Assert.Throws<ArgumentOutOfRangeException>(() => table.Map(1, Page, Vram(0)));
        Assert.Throws<ArgumentOutOfRangeException>(() => table.Map(0, 0, Vram(0)));
        Assert.Throws<ArgumentOutOfRangeException>(() => table.Map(1UL << 48, Page, Vram(0)));
        Assert.Throws<ArgumentOutOfRangeException>(() => table.Map((1UL << 48) - Page, 2 * Page, Vram(0)));
        Assert.Throws<ArgumentOutOfRangeException>(() => table.Zap(Page, 0));
        Assert.Throws<ArgumentException>(() => table.Map(0, Page, default));
        Assert.Throws<ArgumentOutOfRangeException>(() => new GpuPte(GpuPteKind.Dma, 5, true, true, false));
        Assert.Throws<ArgumentOutOfRangeException>(() => new GpuPte(GpuPteKind.Dma, 1UL << 52, true, true, false));
        Assert.Throws<ArgumentOutOfRangeException>(() => new GpuPageTable(new TlbGate(), 58));
        Assert.Equal(0, table.EntriesWritten);
        Assert.False(table.TryWalk(ulong.MaxValue, out _, out _));
    }

    [Fact]
    public void Written_and_cleared_entries_are_counted()
    {
        using var table = new GpuPageTable(new TlbGate(), 48);
        table.Map(0, TwoMiB, Vram(0));
        Assert.Equal(3, table.EntriesWritten);
        table.Map(TwoMiB, 3 * Page, Vram(Page));
        Assert.Equal(3 + 4, table.EntriesWritten);
        Assert.True(table.Zap(0, 2 * TwoMiB));
        Assert.Equal(4, table.EntriesCleared);
        Assert.False(table.Zap(0, 2 * TwoMiB));
    }

    [Fact]
    public void Mapping_and_zapping_the_same_range_again_and_again_allocates_nothing()
    {
        var gate = new TlbGate();
        using var table = new GpuPageTable(gate, 48);
        Support.Allocations.AssertNone(() =>
        {
            table.Map(Page, TwoMiB, Vram(0));
            table.Zap(0, 2 * TwoMiB);
            gate.InvalidateAndWait();
        });
    }

    private static GpuPte Vram(ulong address) => new(GpuPteKind.Vram, address, writable: true, atomic: true, svm: false);

    private static void CheckAgainst(Dictionary<ulong, GpuPte> model, GpuPageTable table, ulong baseVa, int pages)
    {
        for (ulong va = baseVa - TwoMiB; va < baseVa + ((ulong)pages * Page) + TwoMiB; va += Page)
        {
            bool present = table.TryWalk(va, out GpuPte pte, out int shift);
            Assert.Equal(model.TryGetValue(va, out GpuPte expected), present);
            if (present)
            {
                ulong offset = va & ((1UL << shift) - 1);
                Assert.Equal(expected, pte.Advance(offset));

                // All that a TLB would be told must be as the entry says, or it would serve pages that were cut out.
                Assert.True(table.TryTranslate(va, out GpuTranslation run) && run.Maps(va));
                Assert.True(run.Length >= 1UL << shift);
                foreach (ulong at in (ulong[])[run.Start, run.Start + run.Length - Page, run.Start + (run.Length / 2 / Page * Page)])
                {
                    Assert.True(model.TryGetValue(at, out GpuPte there) && there == run.Pte.Advance(at - run.Start), "A page of the run is mapped otherwise.");
                }
            }
        }
    }
}
