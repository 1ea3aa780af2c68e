using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using XeSvm.Hosting;

namespace XeSvm.Daemon.Metrics;

/// <summary>
/// Keeps the values of the described instruments and writes them in Prometheus' text format. Memory is bounded: a series more than
/// <see cref="MostSeries"/> of an instrument is left out.
/// </summary>
internal sealed class PrometheusExporter : IDisposable
{
    /// <summary>Series of one instrument at most.</summary>
    internal const int MostSeries = 1000;

    private readonly Lock _lock = new();
    private readonly MeterListener _listener = new();
    private readonly SortedDictionary<string, Family> _families = new(StringComparer.Ordinal);
    private readonly StringBuilder _text = new(16 * 1024);
    private readonly StringBuilder _labels = new(128);

    /// <summary>Begins to listen.</summary>
    /// <param name="factory">The factory whose meters are exported.</param>
    /// <param name="metrics">The instruments that are.</param>
    public PrometheusExporter(IMeterFactory factory, IEnumerable<MetricDescription> metrics)
    {
        Dictionary<string, Family> byName = [];
        foreach (MetricDescription metric in metrics)
        {
            Family family = new(metric);
            byName.Add(metric.Name, family);
            _families.Add(PrometheusNames.Of(metric), family);
        }

        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter.Scope, factory) && byName.TryGetValue(instrument.Name, out Family? family))
            {
                family.IsObserved = instrument.IsObservable;
                listener.EnableMeasurementEvents(instrument, family);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, value, tags, family) => Record((Family)family!, value, tags));
        _listener.SetMeasurementEventCallback<double>((_, value, tags, family) => Record((Family)family!, value, tags));
        _listener.Start();
    }

    public void Dispose() => _listener.Dispose();

    /// <summary>Collects, and gives the text.</summary>
    internal string Collect()
    {
        lock (_lock)
        {
            foreach (Family family in _families.Values)
            {
                if (family.IsObserved)
                {
                    family.Series.Clear();
                }
            }

            _listener.RecordObservableInstruments();
            _text.Clear();
            foreach ((string name, Family family) in _families)
            {
                Write(name, family);
            }

            return _text.ToString();
        }
    }

    private void Record(Family family, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        lock (_lock)
        {
            string labels = Labels(tags);
            if (!family.Series.TryGetValue(labels, out Series? series))
            {
                if (family.Series.Count >= MostSeries)
                {
                    return;
                }

                family.Series[labels] = series = new Series(family.Metric.Buckets.Count);
            }

            series.Record(value, family);
        }
    }

    private string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        _labels.Clear();
        foreach ((string name, object? value) in tags)
        {
            _labels.Append(_labels.Length == 0 ? "" : ",").Append(PrometheusNames.OfTag(name)).Append("=\"");
            foreach (char character in Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")
            {
                _labels.Append(character switch
                {
                    '\\' => "\\\\",
                    '"' => "\\\"",
                    '\n' => "\\n",
                    _ => null,
                } ?? character.ToString());
            }

            _labels.Append('"');
        }

        return _labels.ToString();
    }

    private void Write(string name, Family family)
    {
        if (family.Series.Count == 0)
        {
            return;
        }

        _text.Append("# HELP ").Append(name).Append(' ').Append(family.Metric.Description).Append('\n');
        _text.Append("# TYPE ").Append(name).Append(' ').Append(PrometheusNames.OfKind(family.Metric.Kind)).Append('\n');
        foreach ((string labels, Series series) in family.Series)
        {
            if (family.Metric.Kind != MetricKind.Histogram)
            {
                Line(name, labels, series.Value);
                continue;
            }

            string separator = labels.Length == 0 ? "" : ",";
            long below = 0;
            for (int bucket = 0; bucket < family.Metric.Buckets.Count; bucket++)
            {
                below += series.Buckets[bucket];
                Line(name + "_bucket", string.Create(CultureInfo.InvariantCulture, $"{labels}{separator}le=\"{family.Metric.Buckets[bucket]:R}\""), below);
            }

            Line(name + "_bucket", labels + separator + "le=\"+Inf\"", series.Count);
            Line(name + "_sum", labels, series.Value);
            Line(name + "_count", labels, series.Count);
        }
    }

    private void Line(string name, string labels, double value)
    {
        _text.Append(name);
        if (labels.Length > 0)
        {
            _text.Append('{').Append(labels).Append('}');
        }

        _text.Append(' ').Append(CultureInfo.InvariantCulture, $"{value:R}").Append('\n');
    }

    /// <summary>An instrument.</summary>
    private sealed class Family(MetricDescription metric)
    {
        internal MetricDescription Metric => metric;

        internal bool IsObserved { get; set; }

        internal SortedDictionary<string, Series> Series { get; } = new(StringComparer.Ordinal);
    }

    /// <summary>One combination of tags.</summary>
    private sealed class Series(int buckets)
    {
        /// <summary>The value, or a histogram's sum.</summary>
        internal double Value { get; private set; }

        internal long Count { get; private set; }

        internal long[] Buckets { get; } = new long[buckets];

        internal void Record(double value, Family family)
        {
            Count++;
            Value = family.IsObserved ? value : Value + value;
            for (int bucket = 0; bucket < Buckets.Length; bucket++)
            {
                if (value <= family.Metric.Buckets[bucket])
                {
                    Buckets[bucket]++;
                    break;
                }
            }
        }
    }
}
