namespace XeSvm.Interop.Tests;

/// <summary>A folder of its own for one test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("xesvm-");

    public string Path => _folder.FullName;

    /// <summary>Writes a file, and the folders above it.</summary>
    public string Write(string name, string text)
    {
        string path = At(name);
        File.WriteAllText(path, text);
        return path;
    }

    /// <summary>Makes a symbolic link, and the folders above it.</summary>
    public string Link(string name, string target)
    {
        string path = At(name);
        File.CreateSymbolicLink(path, target);
        return path;
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private string At(string name)
    {
        string path = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        return path;
    }
}
