using XeSvm.Statistics;

namespace XeSvm.Tests.Statistics;

public sealed class StudentDistributionTests
{
    [Theory]
    [InlineData(0.95, 1, 12.7062047362)]
    [InlineData(0.95, 2, 4.3026527297)]
    [InlineData(0.95, 10, 2.2281388520)]
    [InlineData(0.95, 30, 2.0422724563)]
    [InlineData(0.99, 15, 2.9467128835)]
    [InlineData(0.99, 5.5, 3.8527)]
    [InlineData(0.5, 3, 0.7648923284)]
    [InlineData(0.95, 1e6, 1.9599663)]
    public void Quantiles_are_those_of_the_tables(double probability, double degrees, double expected) =>
        Assert.Equal(expected, StudentDistribution.TwoSidedQuantile(probability, degrees), expected * 1e-3 * (degrees == 5.5 ? 5 : 1e-3));

    [Theory]
    [InlineData(0, 7)]
    [InlineData(0.3, 1)]
    [InlineData(2.5, 4.2)]
    [InlineData(-2.5, 4.2)]
    [InlineData(6, 30)]
    public void The_tail_of_the_quantile_is_what_is_left(double t, double degrees)
    {
        double tail = StudentDistribution.TwoSidedTail(t, degrees);

        Assert.InRange(tail, 0, 1);
        if (t != 0)
        {
            Assert.Equal(Math.Abs(t), StudentDistribution.TwoSidedQuantile(1 - tail, degrees), Math.Abs(t) * 1e-4);
        }
    }

    [Fact]
    public void One_degree_of_freedom_is_the_cauchy_distribution() =>
        Assert.All([0.1, 1, 3.7, 100], t => Assert.Equal(1 - 2 / Math.PI * Math.Atan(t), StudentDistribution.TwoSidedTail(t, 1), 1e-10));
}
