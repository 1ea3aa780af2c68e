using XeSvm.Daemon.Tests.Support;

namespace XeSvm.Daemon.Tests.Metrics;

public sealed class OtlpExportTests
{
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
            foreach (string name in new[] { "service.name", "xesvmd", "host.name", "XeSvm", "xesvm.migration.io", "xesvm.info", "xesvm.daemon.samples", "0000:03:00.0" })
            {
                Assert.True(body.AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(name)) >= 0, name);
            }
        }
    }

    [Fact]
    public async Task An_endpoint_that_does_not_answer_does_not_hold_the_daemon_up()
    {
        string endpoint;
        using (OtlpCollector gone = new())
        {
            endpoint = gone.Endpoint;
        }

        await using RunningDaemon daemon = await RunningDaemon.StartAsync($"--otlp.endpoint={endpoint}", "--otlp.protocol=http/protobuf", "--otlp.interval=1s");
        await daemon.UntilAsync("/api/v1/state", state => state.GetProperty("samples").GetInt64() > 15);

        Assert.Equal("healthy", (await daemon.JsonAsync("/healthz")).GetProperty("status").GetString());
    }
}
