namespace XeSvm.Simulation.Driver;

/// <summary>The open files of one device.</summary>
internal sealed class OpenFiles
{
    private readonly Lock _lock = new();
    private readonly HashSet<SoftwareFile> _files = [];

    public void Add(SoftwareFile file)
    {
        lock (_lock)
        {
            _files.Add(file);
        }
    }

    public void Remove(SoftwareFile file)
    {
        lock (_lock)
        {
            _files.Remove(file);
        }
    }

    /// <summary>Those that are open now.</summary>
    public SoftwareFile[] Snapshot()
    {
        lock (_lock)
        {
            return [.. _files];
        }
    }
}
