using XeSvm.Statistics;

namespace XeSvm.Cli.Execution;

/// <summary>Reads statistics texts that were saved to files.</summary>
internal static class StatisticsFile
{
    /// <summary>Far above any kernel's text (about 2 KiB): a larger file is another one, or a device that never ends.</summary>
    private const int LargestLength = 1 << 20;

    /// <summary>Reads a file: the statistics of one GT, or of several added up.</summary>
    /// <exception cref="InputFileException">It cannot be read or is not a statistics text.</exception>
    internal static GtStatistics Read(string path)
    {
        string text;
        try
        {
            text = ReadText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InputFileException($"{path}: the file cannot be read: {exception.Message}", exception);
        }

        try
        {
            return GtStatistics.Sum([.. GtStatisticsFile.Parse(text, path).Select(gt => gt.Value)]);
        }
        catch (CounterTextException exception)
        {
            throw new InputFileException(exception.Message, exception);
        }
    }

    private static string ReadText(string path)
    {
        using StreamReader reader = new(path);
        char[] buffer = new char[LargestLength + 1];
        int length = reader.ReadBlock(buffer, 0, buffer.Length);
        return length <= LargestLength
            ? new string(buffer, 0, length)
            : throw new InputFileException($"{path}: the file is larger than {LargestLength} characters; a statistics text has about 2000.");
    }
}
