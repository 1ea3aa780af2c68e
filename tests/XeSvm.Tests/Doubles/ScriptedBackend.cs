using XeSvm.Interop;

namespace XeSvm.Tests.Doubles;

/// <summary>A backend with one device whose driver is <see cref="ScriptedFile"/>.</summary>
internal sealed class ScriptedBackend(string name = "scripted") : DrmBackend
{
    /// <summary>The nodes that a search finds.</summary>
    public List<DrmNode> Nodes { get; } = [new("/dev/dri/renderD128", "xe", "0000:03:00.0", 128)];

    /// <summary>The errno that opening gives, or 0.</summary>
    public int OpenErrno { get; set; }

    /// <summary>How each opened file is prepared.</summary>
    public Action<ScriptedFile> Prepare { get; set; } = _ => { };

    /// <summary>All files that were opened.</summary>
    public List<ScriptedFile> Files { get; } = [];

    /// <summary>Whether the backend was disposed.</summary>
    public bool IsDisposed { get; private set; }

    /// <inheritdoc/>
    public override string Name => name;

    /// <summary>The file of the only opening.</summary>
    public ScriptedFile File => Files.Single();

    /// <inheritdoc/>
    public override IReadOnlyList<DrmNode> Enumerate() => Nodes;

    /// <inheritdoc/>
    public override int Open(DrmNode node, out DrmFile? file)
    {
        file = null;
        if (OpenErrno != 0)
        {
            return -OpenErrno;
        }

        ScriptedFile opened = new();
        Prepare(opened);
        Files.Add(opened);
        file = opened;
        return 0;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        IsDisposed = true;
        base.Dispose(disposing);
    }
}
