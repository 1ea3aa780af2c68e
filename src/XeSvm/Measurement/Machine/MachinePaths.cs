namespace XeSvm.Measurement;

/// <summary>Where the kernel tells of the machine. Tests put folders of their own here.</summary>
internal sealed record MachinePaths
{
    /// <summary>Where sysfs is mounted.</summary>
    internal string Sysfs { get; init; } = "/sys";

    /// <summary>Where procfs is mounted.</summary>
    internal string Procfs { get; init; } = "/proc";

    /// <summary>The folder of the DRM nodes.</summary>
    internal string Devices { get; init; } = "/dev/dri";

    /// <summary>Where the kernel's configuration may lie beside <c>/proc/config.gz</c>.</summary>
    internal string Boot { get; init; } = "/boot";

    /// <summary>Where the distribution tells its name.</summary>
    internal string Etc { get; init; } = "/etc";

    /// <summary>A line of a file, or null when there is none to be read.</summary>
    internal static string? FirstLine(string path) => ReadLines(path).FirstOrDefault()?.Trim();

    /// <summary>The lines of a file; none when it cannot be read.</summary>
    internal static string[] ReadLines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>The names in a folder, in order; none when it cannot be listed.</summary>
    internal static string[] List(string folder)
    {
        try
        {
            return [.. Directory.EnumerateFileSystemEntries(folder).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>The last part of where a link leads, or null when there is no link.</summary>
    internal static string? LinkName(string path)
    {
        try
        {
            return Path.GetFileName(new FileInfo(path).LinkTarget);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
