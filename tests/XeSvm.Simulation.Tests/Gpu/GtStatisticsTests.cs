using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Tests.Gpu.Support;

namespace XeSvm.Simulation.Tests.Gpu;

public sealed class GtStatisticsTests
{
    [Fact]
    public void The_counters_are_the_54_of_the_kernel_and_the_enum_is_in_the_order_of_the_names()
    {
        GtCounter[] counters = Enum.GetValues<GtCounter>();
        Assert.Equal(54, counters.Length);
        Assert.Equal(54, GtCounterNames.Count);
        foreach (GtCounter counter in counters)
        {
            Assert.Equal(GtCounterNames.Of(counter).Replace("_", "", StringComparison.Ordinal), counter.ToString(), ignoreCase: true);
        }

        Assert.Equal("svm_pagefault_count", GtCounterNames.Of(0));
        Assert.Equal("svm_2M_device_copy_us", GtCounterNames.Of(GtCounter.Svm2MDeviceCopyUs));
        Assert.Equal("prl_aborted_count", GtCounterNames.Of((GtCounter)53));
    }

    [Fact]
    public void The_text_has_one_line_per_counter_in_order()
    {
        var statistics = new GtStatistics();
        statistics.Add(GtCounter.TlbInvalCount, 7);
        statistics.Add(GtCounter.Svm2MMigrateUs, 1L << 40);
        string[] lines = statistics.Format().Split('\n');
        Assert.Equal(55, lines.Length);
        Assert.Equal("svm_pagefault_count: 0", lines[0]);
        Assert.Equal("tlb_inval_count: 7", lines[1]);
        Assert.Equal("svm_2M_migrate_us: 1099511627776", lines[(int)GtCounter.Svm2MMigrateUs]);
        Assert.Equal("", lines[54]);
    }

    /// <summary>IGT takes the first line that contains the name, so a name must not be part of one that comes before it.</summary>
    [Fact]
    public void The_first_line_that_contains_tlb_inval_count_is_its_own()
    {
        string first = new GtStatistics().Format().Split('\n').First(line => line.Contains("tlb_inval_count", StringComparison.Ordinal));
        Assert.Equal("tlb_inval_count: 0", first);
    }

    [Theory]
    [InlineData(4UL << 10, GtCounter.Svm4KBindUs)]
    [InlineData(64UL << 10, GtCounter.Svm64KBindUs)]
    [InlineData(2UL << 20, GtCounter.Svm2MBindUs)]
    public void A_sized_counter_is_chosen_by_exact_size(ulong bytes, object counter)
    {
        var statistics = new GtStatistics();
        statistics.AddSized(GtCounter.Svm4KBindUs, bytes, 3);
        Assert.Equal(3, statistics[(GtCounter)counter]);
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(8UL << 10)]
    [InlineData((2UL << 20) + 4096)]
    public void A_size_without_a_class_counts_nowhere(ulong bytes)
    {
        var statistics = new GtStatistics();
        statistics.AddSized(GtCounter.Svm4KDeviceCopyKb, bytes, 3);
        Assert.Equal(new GtStatistics().Format(), statistics.Format());
    }

    [Fact]
    public void Every_group_of_sizes_stands_in_the_order_4K_64K_2M()
    {
        foreach (GtCounter counter in Enum.GetValues<GtCounter>().Where(c => GtCounterNames.Of(c).Contains("_4k_", StringComparison.OrdinalIgnoreCase)))
        {
            string name = GtCounterNames.Of(counter);
            Assert.True(GtStatistics.TrySelect(counter, 2UL << 20, out GtCounter of2M));
            Assert.Equal(name.Replace("_4K_", "_2M_", StringComparison.Ordinal).Replace("_4k_", "_2m_", StringComparison.Ordinal), GtCounterNames.Of(of2M));
        }
    }

    [Fact]
    public void Additions_of_several_threads_are_all_counted_and_reset_clears()
    {
        var statistics = new GtStatistics();
        Parallel.For(0, 4, _ =>
        {
            for (int i = 0; i < 10_000; i++)
            {
                statistics.Add(GtCounter.SvmPagefaultCount, 1);
            }
        });
        Assert.Equal(40_000, statistics[GtCounter.SvmPagefaultCount]);
        statistics.Reset();
        Assert.Equal(0, statistics[GtCounter.SvmPagefaultCount]);
    }

    [Fact]
    public void Adding_allocates_nothing()
    {
        var statistics = new GtStatistics();
        Allocations.AssertNone(() => statistics.AddSized(GtCounter.Svm4KMigrateUs, 2UL << 20, 1));
    }
}
