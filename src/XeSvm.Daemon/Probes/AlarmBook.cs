using System.Globalization;
using Microsoft.Extensions.Logging;
using XeSvm.Daemon.History;
using XeSvm.Daemon.Logs;
using XeSvm.Daemon.Settings;

namespace XeSvm.Daemon.Probes;

/// <summary>Baselines and alarms: what each device's migrations cost, and whether that still holds.</summary>
internal sealed class AlarmBook(HistoryStore history, TimeProvider time, ILogger<AlarmBook> logger)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ProbeKey, ProbeRecord> _records = [];
    private readonly Dictionary<ProbeKey, BaselineRow> _baselines = [];
    private bool _read;

    /// <summary>Everything that is known, in a fixed order.</summary>
    internal IReadOnlyList<ProbeStatus> Statuses
    {
        get
        {
            lock (_lock)
            {
                return
                [
                    .. _records.OrderBy(pair => pair.Key).Select(pair =>
                        new ProbeStatus(pair.Value.Last, _baselines.GetValueOrDefault(pair.Key), pair.Value.Comparison, pair.Value.Alarm)),
                ];
            }
        }
    }

    /// <summary>The alarms that are on.</summary>
    internal IReadOnlyList<string> Alarms => [.. Statuses.Select(status => status.Alarm).OfType<string>()];

    /// <summary>Takes a probe in: compares it, raises or ends an alarm, or sets the first baseline.</summary>
    internal void Add(ProbeResult probe, DaemonSettings settings)
    {
        lock (_lock)
        {
            ReadBaselines();
            ProbeKey key = ProbeKey.Of(probe);
            if (!_records.TryGetValue(key, out ProbeRecord? record))
            {
                _records[key] = record = new ProbeRecord(probe);
            }

            record.Last = probe;
            string verdict;
            if (_baselines.TryGetValue(key, out BaselineRow? baseline))
            {
                ProbeComparison comparison = ProbeComparison.Of(baseline, probe, settings);
                record.Comparison = comparison;
                verdict = comparison.ToString();
                Judge(record, baseline, comparison, settings);
            }
            else
            {
                verdict = "no baseline";
                record.Unjudged.Add(probe);
            }

            history.AddProbe(new ProbeRow(
                probe.Time, probe.Device, probe.Size, probe.Face, probe.Cpu, probe.Noise, probe.Share, probe.Migrations, probe.Context, verdict));
            if (baseline is null && settings.BaselineProbes > 0 && record.Unjudged.Count >= settings.BaselineProbes)
            {
                SetBaseline(key, record, record.Unjudged);
            }
        }
    }

    /// <summary>Makes the last probe of each size the baseline, for one device or all; alarms end.</summary>
    /// <returns>How many baselines were set.</returns>
    internal int SetBaselines(string? device)
    {
        lock (_lock)
        {
            int count = 0;
            foreach ((ProbeKey key, ProbeRecord record) in _records)
            {
                if (device is null || key.Device == device)
                {
                    SetBaseline(key, record, [record.Last]);
                    count++;
                }
            }

            return count;
        }
    }

    private void Judge(ProbeRecord record, BaselineRow baseline, ProbeComparison comparison, DaemonSettings settings)
    {
        record.Outside = comparison.Moved ? record.Outside + 1 : 0;
        record.Inside = comparison.Moved ? 0 : record.Inside + 1;
        if (record.Alarm is null && record.Outside >= settings.AlarmConsecutive)
        {
            record.Alarm = Describe(record.Last, baseline, comparison);
            DaemonLog.AlarmRaised(logger, record.Alarm);
            history.AddEvent("alarm", record.Alarm);
        }
        else if (record.Alarm is { } alarm && record.Inside >= settings.AlarmConsecutive)
        {
            record.Alarm = null;
            DaemonLog.AlarmCleared(logger, alarm);
            history.AddEvent("alarm-over", alarm);
        }
    }

    private static string Describe(ProbeResult probe, BaselineRow baseline, ProbeComparison comparison)
    {
        string cause = probe.Context == baseline.Context ? $"under the same {probe.Context}" : $"was: {baseline.Context}; is: {probe.Context}";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{probe.Device} {probe.Size} ({probe.Face}): {probe.Cpu:0.##} us of CPU time per migration, baseline {baseline.Cpu:0.##} us ({comparison.Change * 100:+0.0;-0.0} %, limit {comparison.Limit * 100:0.0} %); {cause}");
    }

    private void SetBaseline(ProbeKey key, ProbeRecord record, IReadOnlyList<ProbeResult> probes)
    {
        (double cpu, double spread) = ProbeResult.Summarise([.. probes.Select(probe => probe.Cpu)]);

        // The spread from probe to probe and the spread within them: the larger is the noise.
        double noise = Math.Max(spread, probes.Max(probe => probe.Noise));
        BaselineRow baseline = new(time.GetUtcNow(), key.Device, key.Size, key.Face, cpu, noise, record.Last.Context);
        _baselines[key] = baseline;
        history.SetBaseline(baseline);
        history.AddEvent("baseline", string.Create(CultureInfo.InvariantCulture, $"{key.Device} {key.Size} ({key.Face}): {cpu:0.##} us, noise {noise:0.##} us; {baseline.Context}"));
        DaemonLog.BaselineSet(logger, key.Device, key.Size, key.Face, cpu, noise, baseline.Context);
        record.Unjudged.Clear();
        record.Outside = 0;
        record.Inside = 0;
        record.Comparison = null;
        if (record.Alarm is { } alarm)
        {
            record.Alarm = null;
            DaemonLog.AlarmCleared(logger, alarm);
            history.AddEvent("alarm-over", alarm);
        }
    }

    private void ReadBaselines()
    {
        if (_read)
        {
            return;
        }

        _read = true;
        foreach (BaselineRow row in history.Baselines())
        {
            _baselines.TryAdd(new ProbeKey(row.Device, row.Size, row.Face), row);
        }
    }

    /// <summary>What probes are compared by.</summary>
    private readonly record struct ProbeKey(string Device, string Size, string Face) : IComparable<ProbeKey>
    {
        public int CompareTo(ProbeKey other) =>
            (Device, Size, Face).CompareTo((other.Device, other.Size, other.Face));

        internal static ProbeKey Of(ProbeResult probe) => new(probe.Device, probe.Size, probe.Face);
    }

    /// <summary>What is remembered of a device and size.</summary>
    private sealed class ProbeRecord(ProbeResult last)
    {
        internal ProbeResult Last { get; set; } = last;

        internal ProbeComparison? Comparison { get; set; }

        internal string? Alarm { get; set; }

        internal int Outside { get; set; }

        internal int Inside { get; set; }

        /// <summary>Probes before there was a baseline.</summary>
        internal List<ProbeResult> Unjudged { get; } = [];
    }
}

/// <summary>The last probe of a device and size, with its baseline.</summary>
/// <param name="Last">The probe.</param>
/// <param name="Baseline">The baseline.</param>
/// <param name="Comparison">The two beside each other.</param>
/// <param name="Alarm">The alarm, while it is on.</param>
internal sealed record ProbeStatus(ProbeResult Last, BaselineRow? Baseline, ProbeComparison? Comparison, string? Alarm);
