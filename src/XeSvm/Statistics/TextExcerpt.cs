using System.Globalization;
using System.Text;

namespace XeSvm.Statistics;

/// <summary>Quotes foreign text in messages: cut to a readable length, with no control characters that could reach a terminal.</summary>
internal static class TextExcerpt
{
    private const int Longest = 80;

    /// <summary>A message that may repeat foreign text, with no control characters.</summary>
    internal static string Clean(string message) => new([.. message.Select(character => char.IsControl(character) ? '?' : character)]);

    /// <summary>The text in single quotes.</summary>
    internal static string Quote(ReadOnlySpan<char> text)
    {
        text = text.TrimEnd("\r\n");
        bool cut = text.Length > Longest;
        StringBuilder quoted = new("'");
        foreach (char character in cut ? text[..Longest] : text)
        {
            if (char.IsControl(character) || char.IsSurrogate(character))
            {
                quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
            }
            else
            {
                quoted.Append(character);
            }
        }

        return quoted.Append(cut ? "...'" : "'").ToString();
    }
}
