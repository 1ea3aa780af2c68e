using System.Net.Sockets;
using System.Text;
using XeSvm.Daemon.State;
using XeSvm.Daemon.Tests.Support;

namespace XeSvm.Daemon.Tests.Web;

public sealed class HostileClientTests
{
    [Fact]
    public async Task A_thousand_connections_are_held_to_the_limit_cost_little_memory_and_sampling_goes_on()
    {
        const int Limit = 64;
        await using RunningDaemon daemon = await RunningDaemon.StartAsync($"--http.maximum-connections={Limit}");
        DaemonState state = daemon.Get<DaemonState>();
        long before = GC.GetTotalMemory(forceFullCollection: true);
        long samples = state.Snapshot.Samples;
        List<TcpClient> clients = [];
        int refused = 0;
        try
        {
            for (int index = 0; index < 1000; index++)
            {
                TcpClient client = new();
                clients.Add(client);
                await client.ConnectAsync(daemon.Address.Host, daemon.Address.Port);
            }

            // One more than the limit may ask; the rest was closed.
            foreach (TcpClient client in clients.Skip(Limit + 1))
            {
                refused += await IsClosedAsync(client) ? 1 : 0;
            }

            await Polling.UntilAsync(
                () => Task.FromResult(System.Text.Json.JsonSerializer.SerializeToElement(state.Snapshot.Samples)), seen => seen.GetInt64() >= samples + 3, () => daemon.Log);
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }

        Assert.Equal(1000 - Limit - 1, refused);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 16 << 20);
        await Polling.UntilAsync(() => SafeHealthAsync(daemon), health => health.ValueKind == System.Text.Json.JsonValueKind.Object, () => daemon.Log);
    }

    [Fact]
    public async Task Clients_that_never_read_or_send_drop_by_drop_are_cut_off_cost_little_memory_and_sampling_goes_on()
    {
        const int Clients = 8;
        await using RunningDaemon daemon = await RunningDaemon.StartAsync();
        DaemonState state = daemon.Get<DaemonState>();
        byte[] requests = [.. Enumerable.Repeat("GET /dashboard.js HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray(), 100).SelectMany(bytes => bytes)];
        long before = GC.GetTotalMemory(forceFullCollection: true);
        long samples = state.Snapshot.Samples;
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));

        await Task.WhenAll([.. Enumerable.Range(0, Clients).Select(_ => AskUntilCutOffAsync()), BeginToAskAsync()]);

        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 16 << 20);
        await daemon.UntilAsync("/api/v1/state", now => now.GetProperty("samples").GetInt64() >= samples + 3);
        Assert.Equal("healthy", (await daemon.JsonAsync("/healthz")).GetProperty("status").GetString());

        async Task AskUntilCutOffAsync()
        {
            using TcpClient client = new() { ReceiveBufferSize = 4096 };
            await client.ConnectAsync(daemon.Address.Host, daemon.Address.Port);
            await Assert.ThrowsAsync<IOException>(async () =>
            {
                while (true)
                {
                    await client.GetStream().WriteAsync(requests, limit.Token);
                }
            });
        }

        async Task BeginToAskAsync()
        {
            using TcpClient client = new();
            await client.ConnectAsync(daemon.Address.Host, daemon.Address.Port);
            await client.GetStream().WriteAsync("GET / HTTP/1.1\r\nHost: localhost\r\nX: "u8.ToArray());
            byte[] buffer = new byte[512];
            int length = await client.GetStream().ReadAtLeastAsync(buffer, 12, throwOnEndOfStream: false, limit.Token);
            Assert.StartsWith("HTTP/1.1 408", Encoding.ASCII.GetString(buffer, 0, length), StringComparison.Ordinal);
        }
    }

    private static async Task<bool> IsClosedAsync(TcpClient client)
    {
        try
        {
            return await client.GetStream().ReadAsync(new byte[1]) == 0;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private static async Task<System.Text.Json.JsonElement> SafeHealthAsync(RunningDaemon daemon)
    {
        try
        {
            return await daemon.JsonAsync("/healthz");
        }
        catch (HttpRequestException)
        {
            // The connections of this test's clients are still being counted down.
            return default;
        }
    }
}
