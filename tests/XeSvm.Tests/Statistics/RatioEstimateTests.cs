using CsCheck;
using XeSvm.Statistics;

namespace XeSvm.Tests.Statistics;

public sealed class RatioEstimateTests
{
    [Fact]
    public void With_equal_clusters_it_is_the_mean_of_their_means_with_its_standard_error() =>
        Gen.Double[1, 1000].Array[2, 40].Sample(values =>
        {
            RatioEstimate estimate = RatioEstimate.Of(values, [.. Enumerable.Repeat(1.0, values.Length)]);
            double mean = values.Average();
            double deviation = Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1));
            Assert.Equal(mean, estimate.Value, mean * 1e-9);
            Assert.Equal(deviation / Math.Sqrt(values.Length), estimate.StandardError, 1e-6);
            ConfidenceInterval interval = estimate.Interval(0.95)!.Value;
            Assert.InRange(mean, interval.Low, interval.High);
        });

    [Fact]
    public void One_cluster_has_a_value_and_no_error()
    {
        RatioEstimate estimate = RatioEstimate.Of([30], [10]);

        Assert.Equal((3.0, false, null), (estimate.Value, estimate.HasError, estimate.Interval(0.95)));
        Assert.Null(WelchTest.Compare(estimate, RatioEstimate.Of([1, 2], [1, 1])));
    }

    [Fact]
    public void Intervals_cover_the_truth_as_often_as_they_say_also_when_rounds_differ()
    {
        Random random = new(4711);
        int covered = 0;
        const int Draws = 2000;
        for (int draw = 0; draw < Draws; draw++)
        {
            double[] totals = new double[16];
            double[] counts = new double[16];
            for (int round = 0; round < 16; round++)
            {
                double ofRound = 10 * Normal(random);
                counts[round] = round == 15 ? 3 : 8;
                for (int migration = 0; migration < counts[round]; migration++)
                {
                    totals[round] += 200 + ofRound + 20 * Normal(random);
                }
            }

            ConfidenceInterval interval = RatioEstimate.Of(totals, counts).Interval(0.95)!.Value;
            covered += interval.Low <= 200 && interval.High >= 200 ? 1 : 0;
        }

        Assert.InRange(covered / (double)Draws, 0.925, 0.975);
    }

    [Fact]
    public void Lists_that_do_not_fit_and_a_divisor_of_nothing_are_refused()
    {
        Assert.Throws<ArgumentException>(() => RatioEstimate.Of([], []));
        Assert.Throws<ArgumentException>(() => RatioEstimate.Of([1], [1, 2]));
        Assert.Throws<ArgumentException>(() => RatioEstimate.Of([1, 2], [0, 0]));
    }

    [Fact]
    public void Estimates_without_any_spread_differ_or_not()
    {
        RatioEstimate five = RatioEstimate.Of([5, 5], [1, 1]);
        Assert.Equal(1, WelchTest.Compare(five, five)!.PValue);
        Assert.Equal(0, WelchTest.Compare(five, RatioEstimate.Of([6, 6], [1, 1]))!.PValue);
    }

    [Fact]
    public void Holms_rule_is_stricter_the_more_tests_there_are()
    {
        Assert.Equal([true, false, true], WelchTest.Significant([0.004, 0.02, 0.001], 0.01));
        Assert.Equal([false, false], WelchTest.Significant([0.006, 0.009], 0.01));
        Assert.Equal([true], WelchTest.Significant([0.009], 0.01));
        Assert.Empty(WelchTest.Significant([], 0.01));
    }

    internal static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
