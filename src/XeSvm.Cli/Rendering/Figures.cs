using System.Globalization;
using System.Numerics;
using XeSvm.Statistics;

namespace XeSvm.Cli.Rendering;

/// <summary>How figures are written for people.</summary>
internal static class Figures
{
    /// <summary>What stands where there is no figure.</summary>
    internal const string None = "-";

    private static readonly string[] s_units = ["B", "KiB", "MiB", "GiB", "TiB"];

    /// <summary>A time in us with two digits behind the point.</summary>
    internal static string Microseconds(decimal? value) => value?.ToString("0.00", CultureInfo.InvariantCulture) ?? None;

    /// <summary>A modelled cost or a count of a model, which have no more than six digits behind the point.</summary>
    internal static string Exact(double value) => value.ToString("0.######", CultureInfo.InvariantCulture);

    /// <summary>A modelled cost, in the unit that its heading says.</summary>
    internal static string Cost(double? value) => value?.ToString("0.00", CultureInfo.InvariantCulture) ?? None;

    /// <summary>A difference, with its sign.</summary>
    internal static string Difference(double? value) => value?.ToString("+0.00;-0.00;0.00", CultureInfo.InvariantCulture) ?? None;

    /// <summary>A relative difference as per cent, with its sign.</summary>
    internal static string RelativeDifference(double value) => (value * 100).ToString("+0.0;-0.0;0.0", CultureInfo.InvariantCulture) + " %";

    /// <summary>A ratio with the digits of the published figures.</summary>
    internal static decimal? ToDecimal(ExactRatio? ratio) => ratio?.ToDecimal(MigrationTimes.PublishedDigits, DecimalRounding.Nearest);

    /// <summary>A share as per cent.</summary>
    internal static string Share(decimal? value) => value is { } share
        ? string.Create(CultureInfo.InvariantCulture, $"{share * 100:0.0} %")
        : None;

    /// <summary>A factor.</summary>
    internal static string Factor(decimal? value) => value is { } factor
        ? string.Create(CultureInfo.InvariantCulture, $"{factor:0.00}x")
        : None;

    /// <summary>A count per migration: exact when it is whole.</summary>
    internal static string Count(ExactRatio? value) => value is not { } ratio ? None
        : ratio.IsInteger ? ratio.ToString()
        : ratio.ToString(3, DecimalRounding.Nearest);

    /// <summary>A size in the largest binary unit that divides it.</summary>
    internal static string Bytes(ulong value)
    {
        int unit = 0;
        while (unit < s_units.Length - 1 && value != 0 && value % 1024 == 0)
        {
            value /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{value} {s_units[unit]}");
    }

    /// <summary>Bytes in the largest unit that they fill, with one digit where they are no whole number of it.</summary>
    internal static string RoundedBytes(ulong value)
    {
        int unit = value == 0 ? 0 : Math.Min(BitOperations.Log2(value) / 10, s_units.Length - 1);
        return string.Create(CultureInfo.InvariantCulture, $"{value / Math.Pow(1024, unit):0.#} {s_units[unit]}");
    }
}
