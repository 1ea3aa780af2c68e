using System.Runtime.InteropServices;

namespace XeSvm.Measurement;

/// <summary>Facts about this machine for records and messages.</summary>
public static class HostInformation
{
    private const string Unknown = "unknown";

    /// <summary>Reads the facts. What cannot be read is <c>unknown</c>.</summary>
    public static RunHost Read() => new(
        FirstLine("/proc/sys/kernel/osrelease") ?? Unknown,
        ProcessorModel() ?? Unknown,
        Environment.ProcessorCount,
        RuntimeInformation.FrameworkDescription);

    private static string? FirstLine(string path) => ReadLines(path).FirstOrDefault();

    /// <summary>The first <c>model name</c> line; some architectures have none.</summary>
    private static string? ProcessorModel() => ReadLines("/proc/cpuinfo")
        .Where(line => line.StartsWith("model name", StringComparison.Ordinal) && line.Contains(':', StringComparison.Ordinal))
        .Select(line => line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim())
        .FirstOrDefault();

    private static string[] ReadLines(string path)
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
}
