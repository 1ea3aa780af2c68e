using XeSvm.Interop;

namespace XeSvm;

/// <summary>A backend with the node to open on it, and why it was taken.</summary>
public sealed class BackendSelection : IDisposable
{
    /// <summary>Makes a selection.</summary>
    /// <param name="backend">The backend; disposed with the selection.</param>
    /// <param name="node">The node to open.</param>
    /// <param name="choice">What was wanted.</param>
    /// <param name="reason">Why this backend was taken: one clause.</param>
    public BackendSelection(DrmBackend backend, DrmNode node, BackendChoice choice, string reason)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(reason);
        Backend = backend;
        Node = node;
        Choice = choice;
        Reason = reason;
    }

    /// <summary>The backend.</summary>
    public DrmBackend Backend { get; }

    /// <summary>The node to open.</summary>
    public DrmNode Node { get; }

    /// <summary>What was wanted.</summary>
    public BackendChoice Choice { get; }

    /// <summary>Why this backend was taken.</summary>
    public string Reason { get; }

    /// <summary>Disposes the backend, unless a device took it over.</summary>
    public void Dispose() => Backend.Dispose();

    /// <summary>One line: backend, node and reason.</summary>
    public override string ToString() => $"{Backend.Name} backend, {Node.Path}: {Reason}";
}
