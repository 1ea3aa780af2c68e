namespace XeSvm.Statistics;

/// <summary>
/// A ratio of two totals and how well it is known: CPU time over migrations, or CPU time over migrate time. The totals are split in clusters
/// (rounds of a measurement): what happens within one, such as caches, interrupts or the clock of the processor, is shared by its migrations,
/// so the spread between clusters tells the error, not the spread between migrations.
/// </summary>
/// <remarks>
/// The error is that of the ratio estimator of cluster sampling: residuals numerator - ratio * denominator, with clusters - 1 degrees of
/// freedom (Cochran, Sampling Techniques, chapter 6).
/// </remarks>
public sealed record RatioEstimate
{
    private RatioEstimate(double value, double standardError, int clusters)
    {
        Value = value;
        StandardError = standardError;
        Clusters = clusters;
    }

    /// <summary>The ratio.</summary>
    public double Value { get; }

    /// <summary>Its standard error, in the same unit; NaN with fewer than two clusters.</summary>
    public double StandardError { get; }

    /// <summary>How many clusters the estimate rests on.</summary>
    public int Clusters { get; }

    /// <summary>Degrees of freedom of the standard error.</summary>
    public int DegreesOfFreedom => Clusters - 1;

    /// <summary>Whether there is an error to tell: at least two clusters.</summary>
    public bool HasError => Clusters >= 2;

    /// <summary>Estimates a ratio.</summary>
    /// <param name="numerators">The clusters' parts of the dividend.</param>
    /// <param name="denominators">The clusters' parts of the divisor; their sum is above 0.</param>
    /// <exception cref="ArgumentException">The lists differ in length, are empty, or the divisor's sum is not above 0.</exception>
    public static RatioEstimate Of(ReadOnlySpan<double> numerators, ReadOnlySpan<double> denominators)
    {
        if (numerators.Length != denominators.Length || numerators.IsEmpty)
        {
            throw new ArgumentException($"{numerators.Length} dividends for {denominators.Length} divisors; expected as many of both, at least 1.", nameof(numerators));
        }

        double dividend = 0;
        double divisor = 0;
        for (int index = 0; index < numerators.Length; index++)
        {
            dividend += numerators[index];
            divisor += denominators[index];
        }

        if (!(divisor > 0))
        {
            throw new ArgumentException($"The divisors' sum is {divisor}; it must be above 0.", nameof(denominators));
        }

        double ratio = dividend / divisor;
        return new RatioEstimate(ratio, ErrorOf(ratio, divisor, numerators, denominators), numerators.Length);
    }

    /// <summary>The interval that Student's t distribution gives, or <see langword="null"/> without an error.</summary>
    /// <param name="confidence">The probability, above 0 and below 1.</param>
    public ConfidenceInterval? Interval(double confidence)
    {
        if (!HasError)
        {
            return null;
        }

        double reach = StudentDistribution.TwoSidedQuantile(confidence, DegreesOfFreedom) * StandardError;
        return new ConfidenceInterval(Value - reach, Value + reach, confidence);
    }

    private static double ErrorOf(double ratio, double divisor, ReadOnlySpan<double> numerators, ReadOnlySpan<double> denominators)
    {
        int clusters = numerators.Length;
        if (clusters < 2)
        {
            return double.NaN;
        }

        double squares = 0;
        for (int index = 0; index < clusters; index++)
        {
            double residual = numerators[index] - ratio * denominators[index];
            squares += residual * residual;
        }

        return Math.Sqrt(squares * clusters / (clusters - 1)) / divisor;
    }
}
