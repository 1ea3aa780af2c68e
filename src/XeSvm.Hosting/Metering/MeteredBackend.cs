using XeSvm.Interop;

namespace XeSvm.Hosting.Metering;

/// <summary>Counts and times the calls to a backend that somebody else owns.</summary>
internal sealed class MeteredBackend(DrmBackend inner, XeSvmMetrics metrics) : DrmBackend
{
    /// <inheritdoc/>
    public override string Name => inner.Name;

    /// <inheritdoc/>
    public override IReadOnlyList<DrmNode> Enumerate() => inner.Enumerate();

    /// <inheritdoc/>
    public override int Open(DrmNode node, out DrmFile? file)
    {
        int result = inner.Open(node, out DrmFile? opened);
        file = opened is null ? null : new MeteredFile(opened, metrics);
        if (result < 0)
        {
            metrics.CountError(DriverCallNames.Open, -result);
        }

        return result;
    }
}
