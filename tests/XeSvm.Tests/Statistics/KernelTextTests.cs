using System.Globalization;
using CsCheck;
using XeSvm.Measurement;
using XeSvm.Statistics;
using XeSvm.Tests.Measurement;

namespace XeSvm.Tests.Statistics;

/// <summary>The texts of <c>gt*/stats</c> of different kernels (xe_gt_stats.c): <c>name: value</c>, one line for each counter of that release.</summary>
public sealed class KernelTextTests
{
    private static readonly string[] s_oldest = ["tlb_inval_count", "vma_pagefault_count", "vma_pagefault_kb"];
    private static readonly string[] s_sizes = ["4K", "64K", "2M"];

    /// <summary>6.15: a count of SVM faults, no sizes, no times.</summary>
    private static readonly string[] s_linux615 = ["svm_pagefault_count", .. s_oldest];

    /// <summary>About 6.18: counts and times by size, copied KiB in total only.</summary>
    private static readonly string[] s_linux618 =
    [
        "svm_pagefault_count", "tlb_inval_count", "svm_tlb_inval_count", "svm_tlb_inval_us", "vma_pagefault_count", "vma_pagefault_kb",
        .. Sized("pagefault_count"), .. Sized("valid_pagefault_count"), .. Sized("pagefault_us"), .. Sized("migrate_count"), .. Sized("migrate_us"),
        "svm_device_copy_us", .. Sized("device_copy_us"), "svm_cpu_copy_us", .. Sized("cpu_copy_us"), "svm_device_copy_kb", "svm_cpu_copy_kb",
        .. Sized("get_pages_us"), .. Sized("bind_us"),
    ];

    /// <summary>About 7.0: engine groups and page-reclaim lists too.</summary>
    private static readonly string[] s_linux70 =
    [
        .. s_linux618, "hw_engine_group_suspend_lr_queue_count", "hw_engine_group_skip_lr_queue_count", "hw_engine_group_wait_dma_queue_count",
        "hw_engine_group_suspend_lr_queue_us", "hw_engine_group_wait_dma_queue_us", "prl_4k_entry_count", "prl_64k_entry_count", "prl_2m_entry_count",
        "prl_issued_count", "prl_aborted_count",
    ];

    [Fact]
    public void Texts_of_every_release_are_read_with_all_their_counters()
    {
        string[][] releases = [s_oldest, s_linux615, s_linux618, s_linux70, [.. GtStatistics.KnownNames], [.. GtStatistics.KnownNames, "svm_1G_migrate_us", "flux"]];
        foreach (string[] names in releases)
        {
            GtStatistics statistics = GtStatistics.Parse(Text(names, index => index * 7), "gt0/stats");

            Assert.Equal(names, statistics.Snapshot.Counters.Select(counter => counter.Name));
            Assert.Equal(names.Select((_, index) => (ulong)index * 7), statistics.Snapshot.Counters.Select(counter => counter.Value));
        }
    }

    [Theory]
    [InlineData("6.15", false)]
    [InlineData("6.18", true)]
    [InlineData("7.0", true)]
    [InlineData("7.3", true)]
    public void The_times_are_found_where_the_release_has_them_whatever_the_order(string release, bool hasTimes)
    {
        string[] names = release switch
        {
            "6.15" => s_linux615,
            "6.18" => s_linux618,
            "7.0" => s_linux70,
            _ => [.. GtStatistics.KnownNames],
        };
        Gen.Shuffle(names).Sample(
            shuffled =>
            {
                GtStatisticsDelta delta = GtStatisticsDelta.Between(
                    GtStatistics.Parse(Text(names, _ => 0), "before"), GtStatistics.Parse(Text(shuffled, Value), "after"));
                MigrationTimes? times = delta.TimesOf(SvmSizeClass.Size2M);
                Assert.Equal(hasTimes ? "552.36049107142857142857" : null, times?.CpuAverageText);
                Assert.Equal(hasTimes, delta.TimesOf(SvmSizeClass.Size4K) is not null);

                int Value(int index) => shuffled[index] switch
                {
                    "svm_2M_migrate_count" => 896,
                    "svm_2M_migrate_us" => 687919,
                    "svm_2M_device_copy_us" => 193004,
                    _ => 0,
                };
            },
            iter: 50);
    }

    [Fact]
    public void Every_name_of_the_reference_order_is_known_and_of_older_releases_too() =>
        Assert.Empty(s_oldest.Concat(s_linux615).Concat(s_linux618).Concat(s_linux70).Except(GtStatistics.KnownNames));

    [Theory]
    [InlineData("==> /sys/kernel/debug/dri/0000:03:00.0/gt0/stats <==\nsvm_2M_migrate_us: 5\n\n==> /sys/kernel/debug/dri/0000:03:00.0/gt1/stats <==\nsvm_2M_migrate_us: 7\nflux: 1\n")]
    [InlineData("/sys/kernel/debug/dri/0000:03:00.0/gt0/stats:svm_2M_migrate_us: 5\n/sys/kernel/debug/dri/0000:03:00.0/gt1/stats:svm_2M_migrate_us: 7\n/sys/kernel/debug/dri/0000:03:00.0/gt1/stats:flux: 1\n")]
    [InlineData("tile0/gt0/stats:svm_2M_migrate_us: 5\ntile1/gt1/stats:svm_2M_migrate_us: 7\ntile1/gt1/stats:flux: 1\n")]
    public void Texts_of_several_gts_in_one_file_are_told_apart_and_add_up(string text)
    {
        IReadOnlyList<KeyValuePair<string, GtStatistics>> gts = GtStatisticsFile.Parse(text, "saved");

        Assert.Equal(["gt0/stats", "gt1/stats"], gts.Select(gt => gt.Key));
        CounterSnapshot sum = GtStatistics.Sum([.. gts.Select(gt => gt.Value)]).Snapshot;
        Assert.Equal([("svm_2M_migrate_us", 12UL), ("flux", 1UL)], sum.Counters.Select(counter => (counter.Name, counter.Value)));
    }

    [Theory]
    [InlineData("==> gt0/stats <==\na: 1\n==> gt0/stats <==\na: 1\n", "'gt0/stats' is there twice")]
    [InlineData("==> gt0/stats <==\na: 1\nb 2\n", "saved, gt0/stats: line 3: 'b 2' has no colon")]
    [InlineData("==> gt0/stats <==\na: 1\n==> gt1/stats <==\n", "saved, gt1/stats: line 1: the text is empty")]
    [InlineData("a: 1\n==> gt1/stats <==\n", "saved: line 2")]
    [InlineData("/x/gt0/stats:a: 1\n/x/gt0/stats:a: 1", "line 2")]
    public void What_is_wrong_in_a_file_of_several_is_told_with_its_line(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<CounterTextException>(() => GtStatisticsFile.Parse(text, "saved")).Message, StringComparison.Ordinal);

    [Fact]
    public void Sums_of_several_gts_that_leave_64_bits_are_an_error()
    {
        GtStatistics most = GtStatistics.Parse($"a: {ulong.MaxValue}\n", "gt0");

        Assert.Throws<CounterTextException>(() => GtStatistics.Sum([most, GtStatistics.Parse("a: 1\n", "gt1")]));
        Assert.Equal(ulong.MaxValue, GtStatistics.Sum([most, GtStatistics.Parse("a: 0\n", "gt1")]).Snapshot.Counters[0].Value);
    }

    [Fact]
    public void A_gt_below_its_tile_is_found_where_the_link_is_missing()
    {
        ScriptedDevice scripted = new("64K", 64);
        scripted.Adjust = file =>
        {
            file.DebugFiles["tile0/gt0/stats"] = file.DebugFiles["gt0/stats"];
            file.DebugFiles.Remove("gt0/stats");
        };
        using XeDevice device = scripted.Open();

        Assert.Equal("tile0/gt0/stats", device.ReadGtStatistics().Snapshot.Source);
        Assert.False(device.TryReadGtStatistics(3, out _, out string? reason));
        Assert.Contains("gt3/stats", reason, StringComparison.Ordinal);
    }

    private static IEnumerable<string> Sized(string name) => s_sizes.Select(size => $"svm_{size}_{name}");

    private static string Text(string[] names, Func<int, int> value) =>
        string.Concat(names.Select((name, index) => string.Create(CultureInfo.InvariantCulture, $"{name}: {value(index)}\n")));
}
