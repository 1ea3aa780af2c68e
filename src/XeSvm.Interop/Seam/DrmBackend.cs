namespace XeSvm.Interop;

/// <summary>
/// A source of DRM devices: the kernel's, or the software backend's. Together with <see cref="DrmFile"/> this is the seam of the
/// project: code above it cannot tell which backend it talks to.
/// </summary>
public abstract class DrmBackend : IDisposable
{
    /// <summary>The name that results and messages carry: <c>kernel</c> or <c>software</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The <c>xe</c> render nodes that exist now, in the order of their node names. Empty when there are none.</summary>
    public abstract IReadOnlyList<DrmNode> Enumerate();

    /// <summary>Opens a node, as <c>open(2)</c> on its path would.</summary>
    /// <param name="node">A node that <see cref="Enumerate"/> returned.</param>
    /// <param name="file">The open file when the result is 0, else <see langword="null"/>.</param>
    /// <returns>0, or a negative errno.</returns>
    public abstract int Open(DrmNode node, out DrmFile? file);

    /// <summary>Releases what the backend itself holds. Open files stay valid until they are disposed.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the backend itself holds.</summary>
    /// <param name="disposing"><see langword="true"/> when called from <see cref="Dispose()"/>.</param>
    protected virtual void Dispose(bool disposing)
    {
    }
}
