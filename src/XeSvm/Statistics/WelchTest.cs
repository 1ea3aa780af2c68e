namespace XeSvm.Statistics;

/// <summary>
/// Welch's test: whether two estimates differ by more than their errors explain. It does not assume that both spread alike (B. L. Welch,
/// Biometrika 34, 1947).
/// </summary>
/// <param name="Statistic">Difference over its standard error; the second estimate minus the first.</param>
/// <param name="DegreesOfFreedom">Degrees of freedom by Welch and Satterthwaite.</param>
/// <param name="PValue">How probable a difference at least as large is when there is none, 0 to 1.</param>
public sealed record WelchTest(double Statistic, double DegreesOfFreedom, double PValue)
{
    /// <summary>Tests two estimates.</summary>
    /// <param name="first">One estimate.</param>
    /// <param name="second">The other.</param>
    /// <returns>The test, or <see langword="null"/> when one of the two has fewer than two clusters and thus no error.</returns>
    public static WelchTest? Compare(RatioEstimate first, RatioEstimate second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        if (!first.HasError || !second.HasError)
        {
            return null;
        }

        double difference = second.Value - first.Value;
        double a = first.StandardError * first.StandardError;
        double b = second.StandardError * second.StandardError;
        if (a + b == 0)
        {
            // Clusters without any spread: whole microseconds that are all the same.
            int freedom = first.DegreesOfFreedom + second.DegreesOfFreedom;
            return difference == 0
                ? new WelchTest(0, freedom, 1)
                : new WelchTest(double.PositiveInfinity * Math.Sign(difference), freedom, 0);
        }

        double statistic = difference / Math.Sqrt(a + b);
        double degrees = (a + b) * (a + b) / (a * a / first.DegreesOfFreedom + b * b / second.DegreesOfFreedom);
        return new WelchTest(statistic, degrees, StudentDistribution.TwoSidedTail(statistic, degrees));
    }

    /// <summary>
    /// Which of several tests are significant when the probability of any false one among them shall stay below a level (Holm's step-down
    /// rule, Scandinavian Journal of Statistics 6, 1979).
    /// </summary>
    /// <param name="pValues">The tests' values, 0 to 1.</param>
    /// <param name="level">The level, such as 0.01.</param>
    /// <returns>One answer for each test, in their order.</returns>
    public static IReadOnlyList<bool> Significant(IReadOnlyList<double> pValues, double level)
    {
        ArgumentNullException.ThrowIfNull(pValues);
        bool[] significant = new bool[pValues.Count];
        int left = pValues.Count;
        foreach (int index in Enumerable.Range(0, pValues.Count).OrderBy(index => pValues[index]))
        {
            if (!(pValues[index] <= level / left--))
            {
                break;
            }

            significant[index] = true;
        }

        return significant;
    }
}
