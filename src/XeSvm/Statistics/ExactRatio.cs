using System.Globalization;
using System.Numerics;

namespace XeSvm.Statistics;

/// <summary>
/// A ratio of two integers in lowest terms. Averages and shares are kept as ratios so that no digit of a printed figure is an
/// artefact of binary floating point.
/// </summary>
public readonly struct ExactRatio : IEquatable<ExactRatio>, IComparable<ExactRatio>
{
    /// <summary><see cref="decimal"/> holds 28 digits whatever their position.</summary>
    private const int DecimalDigits = 28;

    private readonly BigInteger _denominator;

    /// <summary>Makes a ratio.</summary>
    /// <param name="numerator">The dividend.</param>
    /// <param name="denominator">The divisor; not 0.</param>
    /// <exception cref="DivideByZeroException">The divisor is 0.</exception>
    public ExactRatio(BigInteger numerator, BigInteger denominator)
    {
        if (denominator.IsZero)
        {
            throw new DivideByZeroException("The divisor of a ratio is 0.");
        }

        BigInteger divisor = BigInteger.GreatestCommonDivisor(numerator, denominator) * denominator.Sign;
        Numerator = numerator / divisor;
        _denominator = denominator / divisor;
    }

    /// <summary>The dividend in lowest terms; carries the sign.</summary>
    public BigInteger Numerator { get; }

    /// <summary>The divisor in lowest terms; at least 1.</summary>
    public BigInteger Denominator => _denominator.IsZero ? BigInteger.One : _denominator;

    /// <summary>Whether the ratio is a whole number.</summary>
    public bool IsInteger => Denominator.IsOne;

    /// <summary>Whether two ratios are the same number.</summary>
    public static bool operator ==(ExactRatio left, ExactRatio right) => left.Equals(right);

    /// <summary>Whether two ratios are different numbers.</summary>
    public static bool operator !=(ExactRatio left, ExactRatio right) => !left.Equals(right);

    /// <summary>Whether the left ratio is the smaller one.</summary>
    public static bool operator <(ExactRatio left, ExactRatio right) => left.CompareTo(right) < 0;

    /// <summary>Whether the left ratio is the greater one.</summary>
    public static bool operator >(ExactRatio left, ExactRatio right) => left.CompareTo(right) > 0;

    /// <summary>Whether the left ratio is not the greater one.</summary>
    public static bool operator <=(ExactRatio left, ExactRatio right) => left.CompareTo(right) <= 0;

    /// <summary>Whether the left ratio is not the smaller one.</summary>
    public static bool operator >=(ExactRatio left, ExactRatio right) => left.CompareTo(right) >= 0;

    /// <summary>The exact quotient of two ratios.</summary>
    /// <exception cref="DivideByZeroException">The divisor is 0.</exception>
    public static ExactRatio operator /(ExactRatio left, ExactRatio right) => Divide(left, right);

    /// <summary>The exact quotient of two ratios.</summary>
    /// <exception cref="DivideByZeroException">The divisor is 0.</exception>
    public static ExactRatio Divide(ExactRatio left, ExactRatio right) =>
        new(left.Numerator * right.Denominator, left.Denominator * right.Numerator);

    /// <summary>The number with a fixed count of digits behind the point, such as <c>0.72</c>.</summary>
    /// <param name="digits">Digits behind the point, 0 to 100.</param>
    /// <param name="rounding">What happens to the digits behind them.</param>
    public string ToString(int digits, DecimalRounding rounding)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(digits);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(digits, 100);
        BigInteger scaled = BigInteger.Abs(Numerator) * BigInteger.Pow(10, digits);
        if (rounding == DecimalRounding.Nearest)
        {
            scaled = (2 * scaled + Denominator) / (2 * Denominator);
        }
        else
        {
            scaled /= Denominator;
        }

        string text = scaled.ToString(CultureInfo.InvariantCulture).PadLeft(digits + 1, '0');
        string sign = Numerator.Sign < 0 && !scaled.IsZero ? "-" : "";
        return digits == 0 ? sign + text : $"{sign}{text[..^digits]}.{text[^digits..]}";
    }

    /// <summary>As <see cref="ToString(int, DecimalRounding)"/>, but written as <c>bc</c> writes it: no 0 before the point.</summary>
    /// <param name="digits">Digits behind the point, 1 to 100.</param>
    /// <param name="rounding">What happens to the digits behind them.</param>
    public string ToBcString(int digits, DecimalRounding rounding)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(digits, 1);
        string text = ToString(digits, rounding);
        return text.StartsWith("0.", StringComparison.Ordinal) ? text[1..]
            : text.StartsWith("-0.", StringComparison.Ordinal) ? string.Concat("-", text.AsSpan(2))
            : text;
    }

    /// <summary>The number as a <see cref="decimal"/>, with at most the given digits behind the point and 28 digits in all.</summary>
    /// <param name="digits">Digits behind the point, 0 to 28.</param>
    /// <param name="rounding">What happens to the digits behind them.</param>
    /// <exception cref="OverflowException">The whole part does not fit in a <see cref="decimal"/>.</exception>
    public decimal ToDecimal(int digits, DecimalRounding rounding)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(digits, DecimalDigits);
        int whole = (BigInteger.Abs(Numerator) / Denominator).ToString(CultureInfo.InvariantCulture).Length;
        int fits = Math.Max(0, Math.Min(digits, DecimalDigits - whole));
        return decimal.Parse(ToString(fits, rounding), NumberStyles.Float, CultureInfo.InvariantCulture);
    }

    /// <inheritdoc/>
    public int CompareTo(ExactRatio other) => (Numerator * other.Denominator).CompareTo(other.Numerator * Denominator);

    /// <inheritdoc/>
    public bool Equals(ExactRatio other) => Numerator == other.Numerator && Denominator == other.Denominator;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is ExactRatio other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Numerator, Denominator);

    /// <summary>A whole number as such, else <c>numerator/denominator</c>.</summary>
    public override string ToString() => IsInteger
        ? Numerator.ToString(CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{Numerator}/{Denominator}");
}
