namespace XeSvm.Cli.Execution;

/// <summary>The library that programs are run with.</summary>
internal static class PreloadLibrary
{
    private const string FileName = "libxesvm_preload.so";

    /// <summary>Its path.</summary>
    /// <exception cref="FileNotFoundException">It is not beside the program; the message says where it was looked for.</exception>
    internal static string Find()
    {
        string path = Path.Combine(AppContext.BaseDirectory, FileName);
        return File.Exists(path) ? path : throw new FileNotFoundException($"{FileName} is missing: it was looked for at '{path}'.");
    }
}
