using System.IO.Compression;
using XeSvm.Measurement;

namespace XeSvm.Tests.Measurement;

/// <summary>Folders that tell of a machine as the kernel does.</summary>
internal sealed class FakeMachine : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("xesvm-machine-");

    /// <summary>Where the folders are.</summary>
    internal MachinePaths Paths => new()
    {
        Sysfs = Path.Combine(_root.FullName, "sys"),
        Procfs = Path.Combine(_root.FullName, "proc"),
        Devices = Path.Combine(_root.FullName, "dev"),
        Boot = Path.Combine(_root.FullName, "boot"),
        Etc = Path.Combine(_root.FullName, "etc"),
    };

    /// <summary>Writes a file.</summary>
    internal FakeMachine Write(string path, string text)
    {
        File.WriteAllText(Prepare(path), text);
        return this;
    }

    /// <summary>Writes a packed file.</summary>
    internal FakeMachine WritePacked(string path, string text)
    {
        using StreamWriter writer = new(new GZipStream(File.Create(Prepare(path)), CompressionLevel.Fastest));
        writer.Write(text);
        return this;
    }

    /// <summary>Makes a link.</summary>
    internal FakeMachine Link(string path, string target)
    {
        File.CreateSymbolicLink(Prepare(path), target);
        return this;
    }

    public void Dispose() => _root.Delete(recursive: true);

    private string Prepare(string path)
    {
        string full = Path.Combine(_root.FullName, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        return full;
    }
}
