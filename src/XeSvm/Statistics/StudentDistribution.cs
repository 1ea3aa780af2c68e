namespace XeSvm.Statistics;

/// <summary>Student's t distribution, through the regularised incomplete beta function (Abramowitz and Stegun, 26.5.8 and 26.7.1).</summary>
internal static class StudentDistribution
{
    private const int MostIterations = 300;
    private const int Halvings = 200;
    private const double Precision = 1e-15;
    private const double Tiny = 1e-300;

    // Lanczos' approximation of the logarithm of the gamma function, g = 7.
    private const double LanczosOffset = 7.5;

    private static readonly double[] s_lanczos =
    [
        0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
        -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
    ];

    /// <summary>The probability that the distribution's absolute value is above <paramref name="t"/>'s.</summary>
    internal static double TwoSidedTail(double t, double degreesOfFreedom)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(degreesOfFreedom);
        double square = t * t;
        return double.IsInfinity(square) ? 0 : IncompleteBeta(degreesOfFreedom / (degreesOfFreedom + square), degreesOfFreedom / 2, 0.5);
    }

    /// <summary>The value that the distribution's absolute value stays below with a given probability.</summary>
    internal static double TwoSidedQuantile(double probability, double degreesOfFreedom)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(probability);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(probability, 1);
        double tail = 1 - probability;
        double low = 0;
        double high = 1;
        while (TwoSidedTail(high, degreesOfFreedom) > tail)
        {
            low = high;
            high *= 2;
        }

        for (int halving = 0; halving < Halvings && high - low > Precision * high; halving++)
        {
            double middle = (low + high) / 2;
            (low, high) = TwoSidedTail(middle, degreesOfFreedom) > tail ? (middle, high) : (low, middle);
        }

        return (low + high) / 2;
    }

    private static double IncompleteBeta(double x, double a, double b)
    {
        if (x <= 0 || x >= 1)
        {
            return x <= 0 ? 0 : 1;
        }

        double front = Math.Exp(LogGamma(a + b) - LogGamma(a) - LogGamma(b) + a * Math.Log(x) + b * Math.Log(1 - x));

        // The continued fraction converges fast on one side of the mean only; the other side is its mirror image.
        return x < (a + 1) / (a + b + 2)
            ? front * Fraction(x, a, b) / a
            : 1 - front * Fraction(1 - x, b, a) / b;
    }

    /// <summary>The continued fraction by Lentz' method.</summary>
    private static double Fraction(double x, double a, double b)
    {
        double c = 1;
        double d = 1 / AwayFromZero(1 - (a + b) * x / (a + 1));
        double result = d;
        for (int m = 1; m <= MostIterations; m++)
        {
            double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            d = 1 / AwayFromZero(1 + even * d);
            c = AwayFromZero(1 + even / c);
            result *= d * c;
            double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
            d = 1 / AwayFromZero(1 + odd * d);
            c = AwayFromZero(1 + odd / c);
            result *= d * c;
            if (Math.Abs(d * c - 1) < Precision)
            {
                break;
            }
        }

        return result;
    }

    private static double AwayFromZero(double value) => Math.Abs(value) < Tiny ? Tiny : value;

    private static double LogGamma(double value)
    {
        // Only halves and wholes from 0.5 on occur here, where the series holds without reflection.
        double shifted = value - 1;
        double sum = s_lanczos[0];
        for (int index = 1; index < s_lanczos.Length; index++)
        {
            sum += s_lanczos[index] / (shifted + index);
        }

        double t = shifted + LanczosOffset;
        return 0.5 * Math.Log(2 * Math.PI) + (shifted + 0.5) * Math.Log(t) - t + Math.Log(sum);
    }
}
