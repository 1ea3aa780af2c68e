using XeSvm.Measurement;
using XeSvm.Statistics;

namespace XeSvm.Tests.Statistics;

public sealed class PublishedFiguresTests
{
    [Theory]
    [InlineData("2M", 687919, 193004, "552.36049107142857142857", ".71943789893868318799")]
    [InlineData("64K", 64329, 41949, "24.97767857142857142857", ".34789908128526791960")]
    [InlineData("2M", 391803, 190366, "224.81808035714285714286", ".51412827364772602557")]
    [InlineData("64K", 51178, 38046, "14.65625000000000000000", ".25659463050529524405")]
    [InlineData("2M", 332339, 190297, "158.52901785714285714286", ".42740093699505625280")]
    [InlineData("64K", 53891, 41347, "14.00000000000000000000", ".23276613905846987437")]
    public void Statistics_texts_with_the_published_totals_give_the_published_digits(
        string size, ulong migrate, ulong copy, string average, string share)
    {
        Assert.True(SvmSizeClass.TryParse(size, out SvmSizeClass? sizeClass));
        GtStatistics before = GtStatistics.Parse(StatisticsText.Of(size, 4, 1000, 700), "before");
        GtStatistics after = GtStatistics.Parse(StatisticsText.Of(size, 900, 1000 + migrate, 700 + copy), "after");

        MigrationTimes? times = GtStatisticsDelta.Between(before, after).TimesOf(sizeClass);

        Assert.NotNull(times);
        Assert.Equal(896u, times.Count);
        Assert.Equal(average, times.CpuAverageText);
        Assert.Equal(share, times.ShareText);
    }

    [Theory]
    [InlineData("per-page", "2M", "552.36049107142857142857", ".71943789893868318799")]
    [InlineData("per-page", "64K", "24.97767857142857142857", ".34789908128526791960")]
    [InlineData("iova", "2M", "224.81808035714285714286", ".51412827364772602557")]
    [InlineData("iova", "64K", "14.65625000000000000000", ".25659463050529524405")]
    [InlineData("iova-runs", "2M", "158.52901785714285714286", ".42740093699505625280")]
    [InlineData("iova-runs", "64K", "14.00000000000000000000", ".23276613905846987437")]
    public void The_embedded_figures_are_those_of_the_cover_letter(string strategy, string size, string average, string share)
    {
        Assert.True(SvmSizeClass.TryParse(size, out SvmSizeClass? sizeClass));

        MigrationTimes? times = PublishedFigures.Instance.Find(strategy, sizeClass);

        Assert.NotNull(times);
        Assert.Equal(average, times.CpuAverageText);
        Assert.Equal(share, times.ShareText);
    }

    [Theory]
    [InlineData("2M", "334.00", "299261")]
    [InlineData("64K", "18.63", "16690")]
    public void The_remeasured_baseline_is_the_one_of_the_later_cover_letter(string size, string average, string cpuTotal)
    {
        Assert.True(SvmSizeClass.TryParse(size, out SvmSizeClass? sizeClass));

        MigrationTimes? times = PublishedFigures.Instance.FindRemeasured(MappingStrategy.PerPage, sizeClass);

        Assert.NotNull(times);
        Assert.Equal(average, times.CpuAverage?.ToString(2, DecimalRounding.Nearest));
        Assert.Equal(ulong.Parse(cpuTotal, System.Globalization.CultureInfo.InvariantCulture), times.CpuMicroseconds);
    }

    [Theory]
    [InlineData("per-page", "2M", "1.00")]
    [InlineData("iova", "2M", "2.46")]
    [InlineData("iova-runs", "2M", "3.48")]
    [InlineData("iova", "64K", "1.70")]
    [InlineData("iova-runs", "64K", "1.78")]
    public void The_published_factor_is_the_baselines_time_over_the_strategys(string strategy, string size, string factor)
    {
        Assert.True(SvmSizeClass.TryParse(size, out SvmSizeClass? sizeClass));

        Assert.Equal(factor, PublishedFigures.Instance.FactorOf(strategy, sizeClass)?.ToString(2, DecimalRounding.Nearest));
    }

    [Fact]
    public void Nothing_was_published_for_4K_ranges_or_for_the_running_kernel()
    {
        Assert.Null(PublishedFigures.Instance.Find(MappingStrategy.PerPage, SvmSizeClass.Size4K));
        Assert.Null(PublishedFigures.Instance.FactorOf(MappingStrategy.Kernel, SvmSizeClass.Size2M));
    }
}
