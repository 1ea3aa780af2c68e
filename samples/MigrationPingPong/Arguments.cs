using System.Globalization;

namespace MigrationPingPong;

/// <summary>The command line.</summary>
/// <param name="Rounds">How often CPU and GPU take turns.</param>
/// <param name="SvgFile">Where to write the plot, or <see langword="null"/>.</param>
internal readonly record struct Arguments(int Rounds, string? SvgFile)
{
    private const int DefaultRounds = 24;

    /// <summary>Reads the command line; false when it makes no sense.</summary>
    internal static bool TryParse(string[] words, out Arguments arguments)
    {
        arguments = new Arguments(DefaultRounds, null);
        for (int index = 0; index < words.Length; index++)
        {
            if (words[index] == "--svg" && index + 1 < words.Length)
            {
                arguments = arguments with { SvgFile = words[++index] };
            }
            else if (int.TryParse(words[index], NumberStyles.None, CultureInfo.InvariantCulture, out int rounds) && rounds is > 0 and <= 1000)
            {
                arguments = arguments with { Rounds = rounds };
            }
            else
            {
                return false;
            }
        }

        return true;
    }
}
