using System.Diagnostics;
using System.Text.Json;
using XeSvm.Daemon.Tests.Support;

namespace XeSvm.Daemon.Tests.Metrics;

public sealed class OtlpExportTests
{
    private static readonly string[] s_expected =
        ["service.name", "xesvmd", "host.name", "XeSvm", "xesvm.migration.io", "xesvm.info", "xesvm.daemon.samples", "0000:03:00.0"];

    [Fact]
    public async Task Metrics_arrive_at_the_endpoint_again_and_again_with_the_names_and_the_resource()
    {
        using OtlpCollector collector = new();
        await using RunningDaemon daemon = await RunningDaemon.StartAsync(
            $"--otlp.endpoint={collector.Endpoint}", "--otlp.protocol=http/protobuf", "--otlp.interval=1s");
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));

        for (int export = 0; export < 2; export++)
        {
            (string head, byte[] body) = await collector.ReceiveAsync(limit.Token);

            Assert.StartsWith("POST /v1/metrics HTTP/1.1\r\n", head, StringComparison.Ordinal);
            Assert.Contains("application/x-protobuf", head, StringComparison.Ordinal);
            AssertWhole(body);
        }
    }

    [Fact]
    public async Task By_grpc_metrics_arrive_again_and_again_with_the_names_and_the_resource()
    {
        await using OtlpGrpcCollector collector = await OtlpGrpcCollector.StartAsync();
        await using RunningDaemon daemon = await RunningDaemon.StartAsync($"--otlp.endpoint={collector.Endpoint}", "--otlp.protocol=grpc", "--otlp.interval=1s");
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));

        for (int export = 0; export < 2; export++)
        {
            (string path, string type, byte[] message) = await collector.ReceiveAsync(limit.Token);

            Assert.Equal("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", path);
            Assert.StartsWith("application/grpc", type, StringComparison.Ordinal);
            AssertWhole(message);
        }

        Assert.Empty((await daemon.JsonAsync("/api/v1/state")).GetProperty("faults").EnumerateArray());
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
        await daemon.UntilAsync("/api/v1/state", state => state.GetProperty("samples").GetInt64() > 15);
        Assert.Equal("healthy", (await daemon.JsonAsync("/healthz")).GetProperty("status").GetString());

        long begin = Stopwatch.GetTimestamp();
        await daemon.DisposeAsync();

        // One second for the last export; an exporter left to itself waits for ten.
        Assert.InRange(Stopwatch.GetElapsedTime(begin).TotalSeconds, 0, 8);
    }

    private static void AssertWhole(byte[] body) => Assert.All(
        s_expected, name => Assert.True(body.AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(name)) >= 0, name));
}
