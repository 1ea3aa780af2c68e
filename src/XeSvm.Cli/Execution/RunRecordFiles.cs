using XeSvm.Measurement;

namespace XeSvm.Cli.Execution;

/// <summary>Where records lie, and reading them.</summary>
internal static class RunRecordFiles
{
    private const string Extension = ".json";

    /// <summary>Whether a record can be called so.</summary>
    internal static bool IsName(string name) => !string.IsNullOrWhiteSpace(name) && !name.Any(char.IsControl);

    /// <summary>The file of a record: a name stands for a file in this folder.</summary>
    /// <exception cref="InputFileException">It is no name.</exception>
    internal static string PathOf(string name)
    {
        if (!IsName(name))
        {
            throw new InputFileException("A record's name must have at least one character and no control characters.");
        }

        return name.EndsWith(Extension, StringComparison.OrdinalIgnoreCase) ? name : name + Extension;
    }

    /// <summary>Reads records.</summary>
    /// <exception cref="InputFileException">A file cannot be read or is no record.</exception>
    internal static IReadOnlyList<ComparedRecord> Read(IReadOnlyList<string> names) => [.. names.Select(Read)];

    private static ComparedRecord Read(string name)
    {
        string path = File.Exists(name) ? name : PathOf(name);
        RunRecord record;
        try
        {
            record = RunRecord.Parse(ReadText(path), path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InputFileException($"{path}: the file cannot be read: {exception.Message}", exception);
        }
        catch (RunRecordException exception)
        {
            throw new InputFileException(exception.Message, exception);
        }

        return new ComparedRecord(record.Name ?? Path.GetFileNameWithoutExtension(path), record);
    }

    /// <summary>The text of a file, or of one character more than a record may have.</summary>
    private static string ReadText(string path)
    {
        using StreamReader reader = new(path);
        char[] block = new char[1 << 16];
        System.Text.StringBuilder text = new();
        for (int length; text.Length <= RunRecord.LargestText && (length = reader.ReadBlock(block, 0, block.Length)) > 0;)
        {
            text.Append(block, 0, length);
        }

        return text.ToString();
    }
}
