using System.Globalization;
using System.Numerics;
using CsCheck;
using XeSvm.Statistics;

namespace XeSvm.Tests.Statistics;

public sealed class ExactRatioTests
{
    [Theory]
    [InlineData(1, 3, 2, DecimalRounding.Truncate, "0.33", ".33")]
    [InlineData(2, 3, 2, DecimalRounding.Truncate, "0.66", ".66")]
    [InlineData(2, 3, 2, DecimalRounding.Nearest, "0.67", ".67")]
    [InlineData(1, 8, 2, DecimalRounding.Nearest, "0.13", ".13")]
    [InlineData(-1, 8, 2, DecimalRounding.Nearest, "-0.13", "-.13")]
    [InlineData(-1, 1000, 2, DecimalRounding.Truncate, "0.00", ".00")]
    [InlineData(999, 1000, 2, DecimalRounding.Nearest, "1.00", "1.00")]
    [InlineData(14, 1, 2, DecimalRounding.Truncate, "14.00", "14.00")]
    public void Digits_are_cut_or_rounded(long numerator, long denominator, int digits, DecimalRounding rounding, string plain, string bc)
    {
        ExactRatio ratio = new(numerator, denominator);

        Assert.Equal(plain, ratio.ToString(digits, rounding));
        Assert.Equal(bc, ratio.ToBcString(digits, rounding));
    }

    [Fact]
    public void Whole_numbers_print_as_such_and_others_as_a_quotient()
    {
        Assert.Equal("512", new ExactRatio(458752, 896).ToString());
        Assert.Equal("2/3", new ExactRatio(-4, -6).ToString());
        Assert.Equal("0", default(ExactRatio).ToString());
    }

    [Fact]
    public void A_divisor_of_zero_is_refused() => Assert.Throws<DivideByZeroException>(() => new ExactRatio(1, 0));

    [Fact]
    public void Printed_digits_stand_for_a_number_that_is_off_by_less_than_their_last_place() =>
        Gen.Select(Gen.Long, Gen.Long.Where(value => value != 0), Gen.Int[0, 30]).Sample((numerator, denominator, digits) =>
        {
            ExactRatio ratio = new(numerator, denominator);
            BigInteger scale = BigInteger.Pow(10, digits);

            BigInteger cut = Unscaled(ratio.ToString(digits, DecimalRounding.Truncate));
            BigInteger nearest = Unscaled(ratio.ToString(digits, DecimalRounding.Nearest));

            BigInteger exactTimesDenominator = ratio.Numerator * scale;
            Assert.True(BigInteger.Abs(exactTimesDenominator) - BigInteger.Abs(cut * ratio.Denominator) < ratio.Denominator);
            Assert.True(BigInteger.Abs(exactTimesDenominator) >= BigInteger.Abs(cut * ratio.Denominator));
            Assert.True(2 * BigInteger.Abs(exactTimesDenominator - nearest * ratio.Denominator) <= ratio.Denominator);
        });

    [Fact]
    public void Ratios_order_as_their_cross_products_do() =>
        Gen.Select(Gen.Long, Gen.Int[1, 1000], Gen.Long, Gen.Int[1, 1000]).Sample((a, b, c, d) =>
        {
            ExactRatio left = new(a, b);
            ExactRatio right = new(c, d);

            Assert.Equal(((BigInteger)a * d).CompareTo((BigInteger)c * b), left.CompareTo(right));
            Assert.Equal(left.Equals(right), left.CompareTo(right) == 0);
        });

    [Fact]
    public void A_decimal_keeps_twenty_digits_of_an_average()
    {
        decimal average = new ExactRatio(494915, 896).ToDecimal(20, DecimalRounding.Nearest);

        Assert.Equal("552.36049107142857142857", average.ToString(CultureInfo.InvariantCulture));
        Assert.Equal("512", new ExactRatio(512, 1).ToDecimal(0, DecimalRounding.Nearest).ToString(CultureInfo.InvariantCulture));
    }

    private static BigInteger Unscaled(string text) =>
        BigInteger.Parse(text.Replace(".", "", StringComparison.Ordinal), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
}
