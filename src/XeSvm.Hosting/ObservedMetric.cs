using System.Diagnostics.Metrics;
using XeSvm.Hosting.Statistics;

namespace XeSvm.Hosting;

/// <summary>One value of a series: the tags' values in the order of the description, and the number.</summary>
internal readonly record struct SeriesValue(double Value, params string[] Tags);

/// <summary>An instrument whose series are read from the devices when somebody collects.</summary>
/// <param name="Description">The instrument.</param>
/// <param name="Read">The series of a device.</param>
internal sealed record ObservedMetric(MetricDescription Description, Func<XeDeviceReading, IEnumerable<SeriesValue>> Read)
{
    /// <summary>Makes the instrument.</summary>
    /// <param name="meter">The meter.</param>
    /// <param name="devices">Reads the devices.</param>
    internal void Create(Meter meter, Func<IReadOnlyList<XeDeviceReading>> devices)
    {
        switch (Description.Kind)
        {
            case MetricKind.Counter when Description.Unit == "s":
                meter.CreateObservableCounter(Description.Name, () => Observe(devices(), value => value), Description.Unit, Description.Description);
                break;
            case MetricKind.Counter:
                meter.CreateObservableCounter(Description.Name, () => Observe(devices(), value => (long)value), Description.Unit, Description.Description);
                break;
            case MetricKind.UpDownCounter:
                meter.CreateObservableUpDownCounter(Description.Name, () => Observe(devices(), value => (long)value), Description.Unit, Description.Description);
                break;
            case MetricKind.Gauge:
                meter.CreateObservableGauge(Description.Name, () => Observe(devices(), value => value), Description.Unit, Description.Description);
                break;
            default:
                throw new InvalidOperationException($"{Description.Name}: a {Description.Kind} cannot be observed.");
        }
    }

    private List<Measurement<T>> Observe<T>(IReadOnlyList<XeDeviceReading> devices, Func<double, T> convert)
        where T : struct
    {
        List<Measurement<T>> measurements = [];
        foreach (XeDeviceReading device in devices)
        {
            foreach (SeriesValue series in Read(device))
            {
                KeyValuePair<string, object?>[] tags = new KeyValuePair<string, object?>[Description.Tags.Count];
                for (int index = 0; index < tags.Length; index++)
                {
                    tags[index] = new KeyValuePair<string, object?>(Description.Tags[index], series.Tags[index]);
                }

                measurements.Add(new Measurement<T>(convert(series.Value), tags));
            }
        }

        return measurements;
    }
}
