using CsCheck;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Tests.Gpu;

/// <summary>What a change would write to tables that are there, told beforehand.</summary>
public sealed class GpuPageTablePlanTests
{
    private const ulong Page = 4096;
    private const ulong TwoMiB = 2UL << 20;
    private const ulong OneGiB = 1UL << 30;
    private const ulong Base = OneGiB * 600;

    [Theory]
    [InlineData(0UL, Page, 3, 6UL)] // nothing is there but the root
    [InlineData(Base, Page, 0, 6UL)]
    [InlineData(Base + TwoMiB, Page, 1, 6UL)]
    [InlineData(Base + OneGiB, Page, 2, 6UL)]
    [InlineData(Base + (8 * Page), 504 * Page, 0, 4UL + (504 * 2))]
    [InlineData(Base + Page, 511 * Page, 0, 8UL + (511 * 2))] // one command writes 510 entries
    [InlineData(Base + (511 * Page), 2 * Page, 1, 12UL)] // the last entry of one table, and the entry for the next
    public void Mapping_writes_to_the_lowest_tables_that_are_there(ulong start, ulong length, int level, ulong dwords)
    {
        using GpuPageTable table = Create();
        table.Map(Base, 4 * Page, Vram());
        GpuTableUpdate update = table.PlanMap(start, start + length, start);
        Assert.Equal((level, dwords), (update.Level, update.Dwords));
    }

    [Fact]
    public void A_table_that_an_earlier_range_of_the_run_makes_counts_as_there()
    {
        using GpuPageTable table = Create();
        table.Map(Base, Page, Vram());
        const ulong start = Base + TwoMiB + (100 * Page);
        Assert.Equal(1, table.PlanMap(start, start + (10 * Page), start).Level);
        GpuTableUpdate update = table.PlanMap(start, start + (10 * Page), start - Page);
        Assert.Equal((0, 24ul), (update.Level, update.Dwords));
    }

    [Fact]
    public void Clearing_the_last_entry_of_a_table_takes_the_table_out_of_the_one_above()
    {
        using GpuPageTable table = Create();
        table.Map(Base, 4 * Page, Vram());
        table.Map(Base + TwoMiB, 4 * Page, Vram());
        Assert.Equal((0, 8ul), Plan(Base, 2 * Page, 0));
        Assert.Equal((1, 6ul), Plan(Base, 4 * Page, 0));
        Assert.Equal((1, 6ul), Plan(Base + (2 * Page), 2 * Page, 2 * Page)); // what is left after the run before it
        Assert.Equal((3, 6ul), Plan(Base, TwoMiB + (4 * Page), 0)); // all that there is
        Assert.Equal((0, 0ul), Plan(Base + (16 * Page), 16 * Page, 0)); // a hole

        (int Level, ulong Dwords) Plan(ulong start, ulong length, ulong run)
        {
            GpuTableUpdate update = table.PlanClear(start, start + length, start - run);
            return (update.Level, update.Dwords);
        }
    }

    [Fact]
    public void Whatever_is_planned_changes_nothing_and_a_hole_has_nothing_to_clear()
    {
        Gen.Select(Gen.Int[0, 1535], Gen.Int[1, 512], Gen.Bool).List[1, 20].Sample(steps =>
        {
            using GpuPageTable table = Create();
            var mapped = new HashSet<int>();
            foreach ((int first, int count, bool map) in steps)
            {
                ulong start = Base + ((ulong)first * Page);
                ulong end = start + ((ulong)count * Page);
                (long written, long cleared) = (table.EntriesWritten, table.EntriesCleared);
                bool any = Enumerable.Range(first, count).Any(mapped.Contains);
                Assert.Equal(any, table.PlanClear(start, end, start).Dwords != 0);
                Assert.NotEqual(0ul, table.PlanMap(start, end, start).Dwords);
                Assert.Equal((written, cleared), (table.EntriesWritten, table.EntriesCleared));
                if (map)
                {
                    table.Map(start, end - start, Vram());
                    mapped.UnionWith(Enumerable.Range(first, count));
                }
                else
                {
                    table.Zap(start, end);
                    mapped.ExceptWith(Enumerable.Range(first, count));
                }
            }
        }, iter: 200);
    }

    private static GpuPageTable Create() => new(new TlbGate(), 48);

    // Odd pages, so that leaves are of 4 KiB.
    private static GpuPte Vram() => new(GpuPteKind.Vram, Page, writable: true, atomic: false, svm: false);
}
