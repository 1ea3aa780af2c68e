using System.Globalization;

namespace XeSvm.Daemon.Settings;

/// <summary>Reads the values of settings. What is not valid is a <see cref="FormatException"/> that says what is.</summary>
internal static class SettingValue
{
    private static readonly (string Suffix, TimeSpan Unit)[] s_timeUnits =
    [
        ("ms", TimeSpan.FromMilliseconds(1)), ("s", TimeSpan.FromSeconds(1)), ("m", TimeSpan.FromMinutes(1)), ("h", TimeSpan.FromHours(1)),
        ("d", TimeSpan.FromDays(1)),
    ];

    internal static TimeSpan Duration(string text, TimeSpan least, TimeSpan most)
    {
        foreach ((string suffix, TimeSpan unit) in s_timeUnits)
        {
            if (text.EndsWith(suffix, StringComparison.Ordinal)
                && long.TryParse(text.AsSpan(0, text.Length - suffix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long count)
                && count <= TimeSpan.MaxValue.Ticks / unit.Ticks
                && unit * count is var value && value >= least && value <= most)
            {
                return value;
            }
        }

        throw new FormatException($"a time from {Text(least)} to {Text(most)} is valid, as number and unit (ms, s, m, h, d)");
    }

    internal static long Size(string text, long least, long most)
    {
        long unit = text.Length == 0 ? 1 : text[^1] switch
        {
            'K' => 1L << 10,
            'M' => 1L << 20,
            'G' => 1L << 30,
            _ => 1,
        };
        ReadOnlySpan<char> digits = unit == 1 ? text : text.AsSpan(0, text.Length - 1);
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long count)
            && count <= long.MaxValue / unit && count * unit is var value && value >= least && value <= most
            ? value
            : throw new FormatException($"a size from {least} to {most} bytes is valid, with K, M or G for powers of 1024");
    }

    internal static int Count(string text, int least, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least && value <= most
            ? value
            : throw new FormatException($"a number from {least} to {most} is valid");

    internal static double Number(string text, double least, double most) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && value >= least && value <= most
            ? value
            : throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"a number from {least} to {most} is valid"));

    internal static string OneOf(string text, params ReadOnlySpan<string> valid) => valid.Contains(text)
        ? text
        : throw new FormatException($"{string.Join(", ", valid.ToArray())} are valid");

    internal static bool Switch(string text) => text switch
    {
        "true" or "on" => true,
        "false" or "off" => false,
        _ => throw new FormatException("true and false are valid"),
    };

    internal static UnixFileMode Mode(string text)
    {
        const int AllBits = 0b111_111_111;
        int mode = 0;
        foreach (char digit in text)
        {
            mode = digit is >= '0' and <= '7' ? (mode * 8) + (digit - '0') : int.MaxValue / 16;
        }

        return text.Length is > 0 and <= 4 && mode <= AllBits
            ? (UnixFileMode)mode
            : throw new FormatException("an octal mode from 0 to 0777 is valid, such as 0660");
    }

    internal static IReadOnlyList<string> List(string text) => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <summary>A time as <see cref="Duration"/> reads it.</summary>
    internal static string Text(TimeSpan time)
    {
        for (int index = s_timeUnits.Length - 1; index > 0; index--)
        {
            if (time.Ticks % s_timeUnits[index].Unit.Ticks == 0)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{time.Ticks / s_timeUnits[index].Unit.Ticks}{s_timeUnits[index].Suffix}");
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalMilliseconds}ms");
    }
}
