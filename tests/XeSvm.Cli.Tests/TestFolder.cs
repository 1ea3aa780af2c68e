namespace XeSvm.Cli.Tests;

/// <summary>A folder for one test; gone afterwards.</summary>
internal sealed class TestFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("xesvm-cli-tests-");

    /// <summary>The folder's path.</summary>
    internal string FullPath => _folder.FullName;

    /// <summary>The path of a file in the folder.</summary>
    internal string PathOf(string name) => Path.Combine(_folder.FullName, name);

    /// <summary>Writes a file and gives its path.</summary>
    internal string Write(string name, string text)
    {
        File.WriteAllText(PathOf(name), text);
        return PathOf(name);
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
