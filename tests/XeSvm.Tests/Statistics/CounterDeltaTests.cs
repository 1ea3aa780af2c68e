using CsCheck;
using XeSvm.Statistics;

namespace XeSvm.Tests.Statistics;

public sealed class CounterDeltaTests
{
    [Fact]
    public void A_counter_that_ran_backwards_is_named_with_both_lines()
    {
        CounterSnapshot before = CounterSnapshot.Parse("a: 1\nsvm_2M_migrate_us: 687919\n", "before.txt");
        CounterSnapshot after = CounterSnapshot.Parse("svm_2M_migrate_us: 12\na: 1\n", "after.txt");

        CounterTextException exception = Assert.Throws<CounterTextException>(() => CounterDelta.Between(before, after));

        Assert.StartsWith(
            "svm_2M_migrate_us ran backwards: 687919 in before.txt line 2, 12 in after.txt line 1.", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a: 1\nb: 1\n", "a: 1\n", "b stands in before.txt line 2 but not in after.txt, which ends at line 1.")]
    [InlineData("a: 1\n", "a: 1\n\nb: 1\n", "b stands in after.txt line 3 but not in before.txt, which ends at line 1.")]
    public void A_counter_that_only_one_text_has_is_named(string early, string late, string expected)
    {
        CounterSnapshot before = CounterSnapshot.Parse(early, "before.txt");
        CounterSnapshot after = CounterSnapshot.Parse(late, "after.txt");

        CounterTextException exception = Assert.Throws<CounterTextException>(() => CounterDelta.Between(before, after));

        Assert.StartsWith(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Differences_are_exact_over_the_whole_range() =>
        Gen.Select(Gen.ULong, Gen.ULong).Sample((first, second) =>
        {
            (ulong low, ulong high) = first <= second ? (first, second) : (second, first);

            CounterDelta delta = CounterDelta.Between(
                CounterSnapshot.Parse($"a: {low}\n", "before"), CounterSnapshot.Parse($"a: {high}\n", "after"));

            Assert.True(delta.TryGet("a", out ulong value));
            Assert.Equal(high - low, value);
        });

    [Fact]
    public void A_class_whose_counters_are_absent_has_no_times() => Assert.Null(Delta("a: 1\n", "a: 2\n").TimesOf(SvmSizeClass.Size2M));

    [Fact]
    public void A_class_with_only_some_of_its_counters_is_an_error_that_names_the_missing_ones()
    {
        GtStatisticsDelta delta = Delta("svm_2M_migrate_us: 1\n", "svm_2M_migrate_us: 2\n");

        CounterTextException exception = Assert.Throws<CounterTextException>(() => delta.TimesOf(SvmSizeClass.Size2M));

        Assert.Contains("svm_2M_migrate_count and svm_2M_device_copy_us missing", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_copy_time_than_migrate_time_gives_no_number()
    {
        GtStatisticsDelta delta = Delta(StatisticsText.Of("2M", 0, 0, 0), StatisticsText.Of("2M", 1, 10, 11));

        CounterTextException exception = Assert.Throws<CounterTextException>(() => delta.TimesOf(SvmSizeClass.Size2M));

        Assert.Contains(
            "svm_2M_device_copy_us moved by 11, more than svm_2M_migrate_us, which moved by 10", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Time_without_a_migration_gives_no_number()
    {
        GtStatisticsDelta delta = Delta(StatisticsText.Of("2M", 3, 0, 0), StatisticsText.Of("2M", 3, 10, 5));

        CounterTextException exception = Assert.Throws<CounterTextException>(() => delta.TimesOf(SvmSizeClass.Size2M));

        Assert.Contains("svm_2M_migrate_count did not move", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void No_migrations_give_no_average_and_no_share()
    {
        string text = StatisticsText.Of("64K", 3, 10, 5);

        MigrationTimes? times = Delta(text, text).TimesOf(SvmSizeClass.Size64K);

        Assert.NotNull(times);
        Assert.Null(times.CpuAverage);
        Assert.Null(times.ShareText);
    }

    private static GtStatisticsDelta Delta(string before, string after) =>
        GtStatisticsDelta.Between(GtStatistics.Parse(before, "before"), GtStatistics.Parse(after, "after"));
}
