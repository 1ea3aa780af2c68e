using XeSvm.Interop;
using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>The backend's own counts of DMA-mapping operations at one moment; the kernel has none.</summary>
internal sealed class DmaSnapshot
{
    private const string Name = "dma";
    private const string ToDevicePrefix = "migrate_to_device.";

    private readonly CounterSnapshot? _counters;

    private DmaSnapshot(CounterSnapshot? counters) => _counters = counters;

    /// <summary>Reads the counters where there are some.</summary>
    internal static DmaSnapshot Take(XeDevice device)
    {
        DrmDebugText text = device.ReadDebugFile(Name);
        return new DmaSnapshot(text.IsAvailable ? CounterSnapshot.Parse(text.Text, Name) : null);
    }

    /// <summary>The operations of migrations to the device since an earlier snapshot.</summary>
    internal IReadOnlyList<Counter> Since(DmaSnapshot earlier) => _counters is null || earlier._counters is null
        ? []
        : [.. CounterDelta.Between(earlier._counters, _counters).Counters
            .Where(counter => counter.Name.StartsWith(ToDevicePrefix, StringComparison.Ordinal))
            .Select(counter => counter with { Name = counter.Name[ToDevicePrefix.Length..] })];
}
