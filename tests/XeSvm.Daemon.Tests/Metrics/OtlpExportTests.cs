using System.Diagnostics;
using System.Text.Json;
using XeSvm.Daemon.Tests.Support;

namespace XeSvm.Daemon.Tests.Metrics;

public sealed class OtlpExportTests
{
    private static readonly string[] s_expected =
        ["service.name", "xesvmd", "host.name", "XeSvm", "xesvm.migration.io", "xesvm.info", "xesvm.daemon.samples", "0000:03:00.0"];

    [Fact]
    public async Task Metrics_arrive_at_the_endpoint_at_intervals_and_at_the_end_with_the_names_and_the_resource()
    {
        using OtlpCollector collector = new();
        RunningDaemon daemon = await RunningDaemon.StartAsync($"--otlp.endpoint={collector.Endpoint}", "--otlp.protocol=http/protobuf", "--otlp.interval=1s");
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));

        AssertWhole(await collector.ReceiveAsync(limit.Token));
        Task end = Task.Run(async () => await daemon.DisposeAsync());
        AssertWhole(await collector.ReceiveAsync(limit.Token));
        await end;

        static void AssertWhole((string Head, byte[] Body) export)
        {
            Assert.StartsWith("POST /v1/metrics HTTP/1.1\r\n", export.Head, StringComparison.Ordinal);
            Assert.Contains("application/x-protobuf", export.Head, StringComparison.Ordinal);
            AssertComplete(export.Body);
        }
    }

    [Fact]
    public async Task By_grpc_metrics_arrive_at_intervals_and_at_the_end_with_the_names_and_the_resource()
    {
        await using OtlpGrpcCollector collector = await OtlpGrpcCollector.StartAsync();
        RunningDaemon daemon = await RunningDaemon.StartAsync($"--otlp.endpoint={collector.Endpoint}", "--otlp.protocol=grpc", "--otlp.interval=1s");
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));

        AssertWhole(await collector.ReceiveAsync(limit.Token));
        Assert.Empty((await daemon.JsonAsync("/api/v1/state")).GetProperty("faults").EnumerateArray());
        await daemon.DisposeAsync();
        AssertWhole(await collector.ReceiveAsync(limit.Token));

        static void AssertWhole((string Path, string Type, byte[] Message) export)
        {
            Assert.Equal("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", export.Path);
            Assert.StartsWith("application/grpc", export.Type, StringComparison.Ordinal);
            AssertComplete(export.Message);
        }
    }

    [Fact]
    public async Task A_collector_that_refuses_is_one_fault_and_nothing_else()
    {
        await using OtlpGrpcCollector collector = await OtlpGrpcCollector.StartAsync(status: "7"); // PERMISSION_DENIED
        await using RunningDaemon daemon = await RunningDaemon.StartAsync($"--otlp.endpoint={collector.Endpoint}", "--otlp.protocol=grpc", "--otlp.interval=1s");

        JsonElement state = await daemon.UntilAsync("/api/v1/state", state => state.GetProperty("faults").EnumerateArray().Any());

        JsonElement fault = Assert.Single(state.GetProperty("faults").EnumerateArray());
        Assert.Equal("otlp", fault.GetProperty("subject").GetString());
        Assert.Contains($"{collector.Endpoint} (grpc) has not taken the metrics", fault.GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Equal("healthy", (await daemon.JsonAsync("/healthz")).GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_collector_that_takes_connections_and_never_answers_holds_neither_the_samples_nor_the_end_up()
    {
        using OtlpCollector silent = new();
        RunningDaemon daemon = await RunningDaemon.StartAsync($"--otlp.endpoint={silent.Endpoint}", "--otlp.protocol=http/protobuf", "--otlp.interval=1s");
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));
        using IDisposable export = await silent.AcceptAsync(limit.Token);
        long samples = (await daemon.JsonAsync("/api/v1/state")).GetProperty("samples").GetInt64();
        await daemon.UntilAsync("/api/v1/state", state => state.GetProperty("samples").GetInt64() > samples + 3);
        Assert.Equal("healthy", (await daemon.JsonAsync("/healthz")).GetProperty("status").GetString());

        long begin = Stopwatch.GetTimestamp();
        await daemon.DisposeAsync();

        // One second for the last export; an exporter left to itself waits for ten.
        Assert.InRange(Stopwatch.GetElapsedTime(begin).TotalSeconds, 0, 8);
    }

    private static void AssertComplete(byte[] body) => Assert.All(
        s_expected, name => Assert.True(body.AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(name)) >= 0, name));
}
