using System.Diagnostics.Metrics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using XeSvm.Hosting.Statistics;
using XeSvm.Statistics;

namespace XeSvm.Hosting.Tests;

public sealed class MetricsTests
{
    [Fact]
    public async Task Migrations_show_in_the_metrics_with_complete_tags()
    {
        using IHost host = TestHost.Build(xesvm =>
        {
            xesvm.UseSoftwareBackend(TestHost.Small);
            xesvm.Services.Configure<XeSvmOptions>(options => options.StatisticsMaximumAge = TimeSpan.Zero);
        });
        using Collector collector = new();
        await host.StartAsync();
        TestHost.MigrateOnce(host.Services.GetRequiredService<XeDevice>());
        collector.Collect();
        await host.StopAsync();

        foreach (MetricDescription description in XeSvmMetrics.Descriptions.Where(metric => metric.Name is not ("xesvm.ioctl.errors" or "hw.errors")))
        {
            Assert.True(collector.Series.Any(series => series.Name == description.Name), $"{description.Name} has no series.");
        }

        Assert.All(collector.Series, series =>
        {
            MetricDescription description = XeSvmMetrics.Descriptions.Single(metric => metric.Name == series.Name);
            Assert.Equal(description.Tags, series.Tags.Select(tag => tag.Key));
            Assert.All(series.Tags, tag => Assert.False(string.IsNullOrEmpty(tag.Value as string), $"{series.Name} {tag.Key}"));
            Assert.Equal(description.Unit, series.Unit);
        });
        Assert.Equal(1, collector.Sum("xesvm.migration.count", "xesvm.page_size", "2m"));
        Assert.Equal(2 * 1024 * 1024, collector.Sum("xesvm.migration.io", "xesvm.direction", "to_device"));
        Assert.Equal(512, collector.Sum("xesvm.migration.pages", "xesvm.direction", "to_device"));
        Assert.Equal(1, collector.Sum("xesvm.info", "xesvm.backend", "software"));
        Assert.Equal(64 * 1024 * 1024, collector.Sum("hw.gpu.memory.limit", "hw.id", "0000:03:00.0"));
        Assert.True(collector.Sum("xesvm.bind.operations", "error.type", "none") > 0);
    }

    [Fact]
    public async Task A_refused_call_counts_as_an_error_of_its_operation()
    {
        using IHost host = TestHost.Build(xesvm => xesvm.UseSoftwareBackend(TestHost.Small));
        using Collector collector = new();
        await host.StartAsync();
        XeDevice device = host.Services.GetRequiredService<XeDevice>();
        Assert.Throws<XeException>(() => device.CreateBuffer(4097, MemoryLocation.System));
        await host.StopAsync();

        Assert.Contains(collector.Series, series => series.Name == "xesvm.ioctl.errors"
            && series.Tags.Contains(new("xesvm.operation", "gem_create")) && series.Tags.Contains(new("error.type", "EINVAL")));
    }

    [Fact]
    public async Task Durations_of_binds_fall_into_buckets_that_the_instrument_advises()
    {
        using IHost host = TestHost.Build(xesvm => xesvm.UseSoftwareBackend(TestHost.Small));
        IReadOnlyList<double>? advised = null;
        using MeterListener listener = new()
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (instrument is Histogram<double> { Name: "xesvm.bind.duration" } histogram)
                {
                    advised = histogram.Advice?.HistogramBucketBoundaries;
                }
            },
        };
        listener.Start();
        await host.StartAsync();
        await host.StopAsync();

        Assert.NotNull(advised);
        Assert.Equal(XeSvmMetrics.Descriptions.Single(metric => metric.Name == "xesvm.bind.duration").Buckets, advised);
        Assert.Equal(advised.Order(), advised);
        Assert.True(advised[0] <= 1e-6 && advised[^1] >= 1);
    }

    [Fact]
    public void Names_follow_the_rules_of_the_field()
    {
        Assert.All(XeSvmMetrics.Descriptions, metric =>
        {
            Assert.Matches("^(xesvm|hw)(\\.[a-z][a-z0-9_]*)+$", metric.Name);
            Assert.EndsWith(".", metric.Description, StringComparison.Ordinal);
            Assert.DoesNotContain("total", metric.Name, StringComparison.Ordinal);
            Assert.Matches("^(By|s|1|\\{[a-z]+\\})$", metric.Unit);
        });
        Assert.Equal(XeSvmMetrics.Descriptions.Count, XeSvmMetrics.Descriptions.Select(metric => metric.Name).Distinct().Count());
    }

    [Fact]
    public void Counters_that_a_driver_does_not_have_are_absent_and_not_zero()
    {
        SvmCounters counters = SvmCounters.From(GtStatistics.Parse("svm_2M_migrate_count: 3\nsvm_2M_migrate_us: 30\n", "test"));

        Assert.Equal(3, counters.Of(SvmSizeClass.Size2M, SvmCounter.MigrateCount));
        Assert.Null(counters.Of(SvmSizeClass.Size2M, SvmCounter.DeviceCopyMicroseconds));
        Assert.Null(counters.Of(SvmSizeClass.Size4K, SvmCounter.MigrateCount));
        Assert.Null(counters.DeviceCopyKilobytes);
    }

    [Fact]
    public void Counters_that_ran_backwards_have_no_difference()
    {
        SvmCounters early = SvmCounters.From(GtStatistics.Parse("svm_2M_migrate_count: 3\n", "test"));
        SvmCounters late = SvmCounters.From(GtStatistics.Parse("svm_2M_migrate_count: 5\n", "test"));

        Assert.Equal(2, late.Since(early)!.Of(SvmSizeClass.Size2M, SvmCounter.MigrateCount));
        Assert.Null(early.Since(late));
    }

    /// <summary>Collects the meter's series.</summary>
    private sealed class Collector : IDisposable
    {
        private readonly MeterListener _listener = new();

        internal Collector()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == XeSvmMetrics.MeterName)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
            _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
            _listener.Start();
        }

        internal List<(string Name, string? Unit, double Value, KeyValuePair<string, object?>[] Tags)> Series { get; } = [];

        public void Dispose() => _listener.Dispose();

        internal void Collect() => _listener.RecordObservableInstruments();

        internal double Sum(string name, string tag, string value) => Series
            .Where(series => series.Name == name && series.Tags.Any(pair => pair.Key == tag && Convert.ToString(pair.Value, CultureInfo.InvariantCulture) == value))
            .Sum(series => series.Value);

        private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            lock (Series)
            {
                Series.Add((instrument.Name, instrument.Unit, value, tags.ToArray()));
            }
        }
    }
}
