using System.Diagnostics.Metrics;
using System.Globalization;
using XeSvm.Daemon.History;
using XeSvm.Daemon.Logs;
using XeSvm.Daemon.Probes;
using XeSvm.Daemon.State;
using XeSvm.Hosting;

namespace XeSvm.Daemon.Metrics;

/// <summary>The daemon's own instruments, meter <c>XeSvm.Daemon</c>: probes, alarms, and whether the daemon itself works.</summary>
internal sealed class DaemonMetrics
{
    internal const string MeterName = "XeSvm.Daemon";

    private readonly DaemonState _state;
    private readonly AlarmBook _alarms;
    private readonly ProbeService _probes;
    private readonly HistoryStore _history;
    private readonly FaultLog _faults;

    public DaemonMetrics(IMeterFactory factory, DaemonState state, AlarmBook alarms, ProbeService probes, HistoryStore history, FaultLog faults)
    {
        _state = state;
        _alarms = alarms;
        _probes = probes;
        _history = history;
        _faults = faults;
        Meter meter = factory.Create(new MeterOptions(MeterName) { Version = typeof(DaemonMetrics).Assembly.GetName().Version?.ToString(3) });
        foreach (DaemonMetric metric in s_metrics)
        {
            metric.Create(meter, this);
        }
    }

    private static readonly DaemonMetric[] s_metrics =
    [
        new(new("xesvm.probe.cpu.time", MetricKind.Gauge, "s", "CPU time per migration of the last probe. The time face says whether it is measured or modelled, and on which backend.", "hw.id", "xesvm.page_size", "xesvm.time_face"),
            self => self._alarms.Statuses.Select(status => Of(status, status.Last.Cpu * 1e-6))),
        new(new("xesvm.probe.cpu.noise", MetricKind.Gauge, "s", "Noise of that figure: 1.4826 times the median absolute deviation of its batches.", "hw.id", "xesvm.page_size", "xesvm.time_face"),
            self => self._alarms.Statuses.Select(status => Of(status, status.Last.Noise * 1e-6))),
        new(new("xesvm.probe.baseline.cpu.time", MetricKind.Gauge, "s", "The baseline that probes are compared with.", "hw.id", "xesvm.page_size", "xesvm.time_face"),
            self => self._alarms.Statuses.Where(status => status.Baseline is not null).Select(status => Of(status, status.Baseline!.Cpu * 1e-6))),
        new(new("xesvm.alarm", MetricKind.Gauge, "1", "1 while the CPU time per migration is away from its baseline by more than its noise, else 0.", "hw.id", "xesvm.page_size", "xesvm.time_face"),
            self => self._alarms.Statuses.Select(status => Of(status, status.Alarm is null ? 0 : 1))),
        new(new("xesvm.probe.runs", MetricKind.Counter, "{probe}", "Probes since the start of the daemon.", "xesvm.outcome"),
            self => [new(self._probes.Counts.Succeeded, "succeeded"), new(self._probes.Counts.Failed, "failed")]),
        new(new("xesvm.daemon.samples", MetricKind.Counter, "{sample}", "Rounds of samples since the start of the daemon."),
            self => [new(self._state.Snapshot.Samples)]),
        new(new("xesvm.daemon.sample.age", MetricKind.Gauge, "s", "How old the figures of this answer are."),
            self => self._state.SampleAge is { } age ? [new(age.TotalSeconds)] : []),
        new(new("xesvm.daemon.devices", MetricKind.Gauge, "{device}", "Devices that are watched.", "xesvm.backend"),
            self => [new(self._state.Snapshot.Devices.Count, self._state.Snapshot.Backend)]),
        new(new("xesvm.daemon.faults", MetricKind.Counter, "{fault}", "Things that did not work, by kind.", "xesvm.fault"),
            self => self._faults.Counts.Select(pair => new DaemonSeries(pair.Value, pair.Key))),
        new(new("xesvm.daemon.faults.ongoing", MetricKind.Gauge, "{fault}", "Things that do not work now."),
            self => [new(self._faults.Ongoing.Count)]),
        new(new("xesvm.daemon.history.size", MetricKind.Gauge, "By", "Size of the history's database."),
            self => [new(self._history.Size)]),
    ];

    /// <summary>All instruments, for documentation and exporters.</summary>
    internal static IReadOnlyList<MetricDescription> Descriptions => [.. s_metrics.Select(metric => metric.Description)];

    private static DaemonSeries Of(ProbeStatus status, double value) =>
        new(value, status.Last.Device, status.Last.Size.ToLower(CultureInfo.InvariantCulture), status.Last.Face);

    private readonly record struct DaemonSeries(double Value, params string[] Tags);

    private sealed record DaemonMetric(MetricDescription Description, Func<DaemonMetrics, IEnumerable<DaemonSeries>> Read)
    {
        internal void Create(Meter meter, DaemonMetrics metrics)
        {
            if (Description.Kind == MetricKind.Counter)
            {
                meter.CreateObservableCounter(Description.Name, () => Observe(metrics), Description.Unit, Description.Description);
            }
            else
            {
                meter.CreateObservableGauge(Description.Name, () => Observe(metrics), Description.Unit, Description.Description);
            }
        }

        private IEnumerable<Measurement<double>> Observe(DaemonMetrics metrics) => Read(metrics).Select(series => new Measurement<double>(
            series.Value,
            Description.Tags.Select((tag, index) => new KeyValuePair<string, object?>(tag, series.Tags[index]))));
    }
}
