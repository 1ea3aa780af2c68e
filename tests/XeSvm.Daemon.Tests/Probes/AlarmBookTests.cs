using CsCheck;
using Microsoft.Extensions.Time.Testing;
using XeSvm.Daemon.History;
using XeSvm.Daemon.Logs;
using XeSvm.Daemon.Probes;
using XeSvm.Daemon.Settings;
using XeSvm.Daemon.Tests.Support;

namespace XeSvm.Daemon.Tests.Probes;

public sealed class AlarmBookTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly LogLines<AlarmBook> _log = new();
    private readonly HistoryStore _history;
    private readonly DaemonSettings _settings = new();

    public AlarmBookTests() =>
        _history = new HistoryStore(_folder.PathOf("h.db"), new FaultLog(new LogLines<FaultLog>()), _time, new LogLines<HistoryStore>());

    public void Dispose()
    {
        _history.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void The_first_probes_make_the_baseline_a_regression_raises_one_alarm_and_its_end_clears_it()
    {
        AlarmBook book = new(_history, _time, _log);
        Add(book, 225, 226, 224, 225, 225);
        Assert.Empty(book.Alarms);
        Assert.Equal(225, book.Statuses.Single().Baseline!.Cpu);

        Add(book, context: "kernel B", 552);
        Assert.Empty(book.Alarms);
        Add(book, context: "kernel B", 551, 553, 552);

        string alarm = Assert.Single(book.Alarms);
        Assert.Contains("551 us of CPU time per migration, baseline 225 us", alarm, StringComparison.Ordinal);
        Assert.Contains("was: kernel A; is: kernel B", alarm, StringComparison.Ordinal);
        Assert.Single(_log.All, line => line.StartsWith("Error: ALARM", StringComparison.Ordinal));

        Add(book, 225);
        Assert.Single(book.Alarms);
        Add(book, 225);
        Assert.Empty(book.Alarms);
        Assert.Equal(["alarm-over", "alarm", "baseline"], _history.Query(connection => HistoryQueries.Events(connection, 9), []).Select(row => row.Kind));
    }

    [Fact]
    public void A_single_outlier_raises_no_alarm()
    {
        AlarmBook book = new(_history, _time, _log);
        Add(book, 225, 225, 225, 552, 225, 552, 225, 100);

        Assert.Empty(book.Alarms);
    }

    [Fact]
    public void A_baseline_outlives_the_process_and_time_faces_are_not_compared_with_each_other()
    {
        AlarmBook before = new(_history, _time, _log);
        Add(before, 225, 225, 225);
        AlarmBook book = new(_history, _time, _log);
        for (int probe = 0; probe < 3; probe++)
        {
            book.Add(Probe(999) with { Face = "modelled/software/xe-2026-01" }, _settings);
        }

        Assert.Empty(book.Alarms);
        Add(book, 552, 552);
        Assert.Single(book.Alarms);
    }

    [Fact]
    public void Setting_a_baseline_ends_the_alarm_of_that_device_only()
    {
        AlarmBook book = new(_history, _time, _log);
        foreach (string device in new[] { "a", "b" })
        {
            foreach (double cpu in new[] { 225.0, 225, 225, 552, 552 })
            {
                book.Add(Probe(cpu) with { Device = device }, _settings);
            }
        }

        Assert.Equal(2, book.Alarms.Count);
        Assert.Equal(1, book.SetBaselines("a"));
        Assert.StartsWith("b ", Assert.Single(book.Alarms), StringComparison.Ordinal);
        Assert.Equal(0, book.SetBaselines("c"));
        Assert.Equal(2, book.SetBaselines(null));
        Assert.Empty(book.Alarms);
    }

    [Fact]
    public void Noise_widens_the_limit() => Gen.Select(Gen.Double[1, 1000], Gen.Double[0, 100], Gen.Double[0, 100], Gen.Double[0, 5]).Sample(
        (cpu, baselineNoise, probeNoise, times) =>
        {
            BaselineRow baseline = new(_time.GetUtcNow(), "a", "2M", "measured/kernel", cpu, baselineNoise, "");
            double noise = Math.Sqrt((baselineNoise * baselineNoise) + (probeNoise * probeNoise));
            double distance = Math.Max(_settings.AlarmSigmas * noise, _settings.AlarmMinimumChange * cpu);
            ProbeComparison comparison = ProbeComparison.Of(baseline, Probe(cpu + (distance * times)) with { Noise = probeNoise }, _settings);
            Assert.True(Math.Abs(times - 1) < 1e-6 || comparison.Moved == times > 1, $"{comparison}");
        });

    [Fact]
    public void The_noise_of_batches_does_not_see_a_single_outlier()
    {
        Assert.Equal((3, 1.4826), ProbeResult.Summarise([1, 2, 3, 4, 1000]));
        Assert.Equal((2.5, 1.4826), ProbeResult.Summarise([1, 2, 3, 4]));
        Assert.Equal((7, 0), ProbeResult.Summarise([7, 7, 7]));
    }

    private void Add(AlarmBook book, params ReadOnlySpan<double> figures) => Add(book, "kernel A", figures);

    private void Add(AlarmBook book, string context, params ReadOnlySpan<double> figures)
    {
        foreach (double cpu in figures)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            book.Add(Probe(cpu) with { Context = context }, _settings);
        }
    }

    private ProbeResult Probe(double cpu) => new(_time.GetUtcNow(), "a", "2M", "measured/kernel", "kernel", cpu, 2, 0.5, 80, "kernel A");
}
