using System.Diagnostics.Metrics;

namespace XeSvm.Hosting.Metering;

/// <summary>
/// Gives managers a meter of another name: they read the same statistics of the driver as the host does, and under one name every migration would
/// be counted twice.
/// </summary>
internal sealed class ManagerMeterFactory(IMeterFactory inner) : IMeterFactory
{
    /// <summary>The managers' meter.</summary>
    internal const string MeterName = XeSvmMetrics.MeterName + ".Manager";

    /// <inheritdoc/>
    public Meter Create(MeterOptions options) => inner.Create(new MeterOptions(MeterName) { Version = options.Version, Tags = options.Tags });

    /// <summary>Does nothing: the meters belong to the host's factory.</summary>
    public void Dispose()
    {
    }
}
