using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;
using XeSvm.Daemon.Tests.Support;

namespace XeSvm.Daemon.Tests.Process;

public sealed class DaemonProcessTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_starts_probes_alarms_on_a_changed_strategy_reloads_and_drains_on_sigterm()
    {
        Configure("iova");
        await using DaemonProcess daemon = await DaemonProcess.StartAsync(_folder, TimeSpan.FromSeconds(1));
        Assert.Contains("software backend, 1 device(s), no alarm", await daemon.NotificationAsync("STATUS="), StringComparison.Ordinal);
        await daemon.NotificationAsync("WATCHDOG=1");
        Assert.Equal((UnixFileMode)0b110_000_000, File.GetUnixFileMode(_folder.PathOf("s.sock")));
        await daemon.LoggedAsync("<6>software backend with 1 device(s)");

        for (int probe = 0; probe < 3; probe++)
        {
            await daemon.ProbeAsync();
        }

        JsonElement good = (await daemon.JsonAsync("/api/v1/probes")).GetProperty("latest")[0];
        Assert.Equal("modelled/software/xe-2026-01", good.GetProperty("time_face").GetString());
        Assert.Equal("healthy", (await daemon.JsonAsync("/healthz")).GetProperty("status").GetString());

        Configure("per-page");
        await daemon.SignalAsync("HUP");
        await daemon.NotificationAsync("RELOADING=1");
        await daemon.NotificationAsync("READY=1");
        await daemon.UntilAsync("/api/v1/state", state => state.GetProperty("devices").GetArrayLength() == 1
            && state.GetProperty("devices")[0].GetProperty("strategy").GetString() == "per-page");
        await daemon.ProbeAsync();
        Assert.Equal(0, (await daemon.JsonAsync("/api/v1/state")).GetProperty("alarms").GetArrayLength());
        await daemon.ProbeAsync();

        JsonElement state = await daemon.UntilAsync("/api/v1/state", state => state.GetProperty("alarms").GetArrayLength() == 1);
        string alarm = state.GetProperty("alarms")[0].GetString()!;
        Assert.Contains("DMA mapping iova; is: kernel", alarm, StringComparison.Ordinal);
        Assert.Contains("DMA mapping per-page", alarm, StringComparison.Ordinal);
        await daemon.LoggedAsync("<3>ALARM");
        Assert.Contains("xesvm_alarm{hw_id=\"0000:03:00.0\",xesvm_page_size=\"2m\",xesvm_time_face=\"modelled/software/xe-2026-01\"} 1\n", await daemon.Client.GetStringAsync("/metrics"), StringComparison.Ordinal);
        Assert.Equal("degraded", (await daemon.JsonAsync("/healthz")).GetProperty("status").GetString());

        await RefusedReloadAsync(daemon);
        long begin = Stopwatch.GetTimestamp();
        await daemon.SignalAsync("TERM");
        await daemon.NotificationAsync("STOPPING=1");
        Assert.Equal(0, await daemon.ExitAsync());
        Assert.InRange(Stopwatch.GetElapsedTime(begin).TotalSeconds, 0, 30);
        Assert.False(File.Exists(_folder.PathOf("s.sock")));
    }

    [Fact]
    public async Task A_lost_device_comes_back_and_the_log_says_both_once()
    {
        DaemonProcess.Configure(_folder, "\"probe.enabled\": \"off\", \"software.faults\": \"lost:at=20\"");
        await using DaemonProcess daemon = await DaemonProcess.StartAsync(_folder);
        await daemon.LoggedAsync("is lost");
        await daemon.LoggedAsync("<6>Watching 0000:03:00.0", times: 2);
        await daemon.UntilAsync("/api/v1/state", state => state.GetProperty("devices").GetArrayLength() == 1);

        await daemon.UntilAsync("/healthz", health => health.GetProperty("status").GetString() == "healthy");
    }

    [Fact]
    public async Task Without_a_device_it_is_ready_says_why_and_takes_one_after_a_reload()
    {
        DaemonProcess.Configure(_folder, "\"probe.enabled\": \"off\", \"backend\": \"kernel\"");
        Replace("\"backend\": \"software\",", "");
        await using DaemonProcess daemon = await DaemonProcess.StartAsync(_folder);
        JsonElement state = await daemon.JsonAsync("/api/v1/state");
        if (state.GetProperty("devices").GetArrayLength() == 0)
        {
            Assert.Equal("none", state.GetProperty("backend").GetString());
            Assert.Contains("/dev/dri", state.GetProperty("reason").GetString(), StringComparison.Ordinal);
            Assert.Equal("degraded", (await daemon.JsonAsync("/healthz")).GetProperty("status").GetString());
            await daemon.UntilAsync("/api/v1/state", now => now.GetProperty("faults")[0].GetProperty("count").GetInt64() > 2);
            await daemon.LoggedAsync("<4>backend: ");
            Assert.Equal(1, Occurrences(daemon.Log, "<4>backend: "));
        }

        Replace("\"backend\": \"kernel\"", "\"backend\": \"software\"");
        await daemon.SignalAsync("HUP");
        await daemon.UntilAsync("/api/v1/state", now => now.GetProperty("backend").GetString() == "software" && now.GetProperty("devices").GetArrayLength() == 1);
    }

    [Fact]
    public async Task After_kill_9_history_baselines_and_events_are_whole()
    {
        Configure("iova");
        long samples;
        string[] events;
        await using (DaemonProcess killed = await DaemonProcess.StartAsync(_folder))
        {
            for (int probe = 0; probe < 3; probe++)
            {
                await killed.ProbeAsync();
            }

            samples = await SamplesAsync(killed, atLeast: 5);
            events = await EventsAsync(killed);
            Assert.Equal(["baseline"], events);
            await killed.SignalAsync("KILL");
            await killed.ExitAsync();
        }

        await using DaemonProcess daemon = await DaemonProcess.StartAsync(_folder);
        Assert.True(await SamplesAsync(daemon, samples) >= samples);
        Assert.Equal(events, await EventsAsync(daemon));
        Assert.Equal(3, (await daemon.JsonAsync("/api/v1/probes")).GetProperty("probes").GetArrayLength());
        await daemon.ProbeAsync();
        JsonElement latest = (await daemon.JsonAsync("/api/v1/probes")).GetProperty("latest")[0];
        Assert.Contains("within noise: 0.0 %", latest.GetProperty("verdict").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain("unusable", string.Join(' ', Directory.GetFiles(_folder.FullPath)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Restarts_leave_no_file_behind()
    {
        // Two in every run of the tests; XESVM_RESTARTS=200 for the long form.
        int restarts = int.TryParse(Environment.GetEnvironmentVariable("XESVM_RESTARTS"), NumberStyles.None, CultureInfo.InvariantCulture, out int asked) ? asked : 2;
        DaemonProcess.Configure(_folder, "\"probe.enabled\": \"off\"");
        HashSet<string> shared = [];
        for (int restart = 0; restart < restarts; restart++)
        {
            await using DaemonProcess daemon = await DaemonProcess.StartAsync(_folder);
            shared.UnionWith(daemon.SharedMemoryFiles());
            await daemon.SignalAsync("TERM");
            Assert.Equal(0, await daemon.ExitAsync());
        }

        Assert.Equal(["c.json", "h.db", "token"], Directory.GetFiles(_folder.FullPath).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.PathOf("tmp")));
        Assert.DoesNotContain(shared, File.Exists);
    }

    [SkippableFact]
    public async Task With_a_socket_of_the_service_manager_it_opens_none_and_answers_who_connected_before_it_started()
    {
        Skip.If(SystemdSocket.Shell is null, "bash is not installed.");
        DaemonProcess.Configure(_folder, "\"probe.enabled\": \"off\"");
        Replace("unix:" + _folder.PathOf("s.sock"), "unix:" + _folder.PathOf("own.sock"));
        using SystemdSocket socket = new(_folder.PathOf("s.sock"));
        using Socket early = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await early.ConnectAsync(new UnixDomainSocketEndPoint(_folder.PathOf("s.sock")));
        await early.SendAsync("GET /api/v1/state HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"u8.ToArray());

        await using DaemonProcess daemon = await DaemonProcess.StartAsync(_folder, launcher: socket.Launcher);

        using StreamReader answer = new(new NetworkStream(early));
        Assert.StartsWith("HTTP/1.1 200", await answer.ReadLineAsync(), StringComparison.Ordinal);
        Assert.Equal("software", (await daemon.JsonAsync("/api/v1/state")).GetProperty("backend").GetString());
        Assert.False(File.Exists(_folder.PathOf("own.sock")));
        await daemon.LoggedAsync("sockets of the service manager");
        await daemon.SignalAsync("TERM");
        Assert.Equal(0, await daemon.ExitAsync());
        Assert.True(File.Exists(_folder.PathOf("s.sock")), "The service manager's socket is not the daemon's to remove.");
    }

    private static int Occurrences(string text, string part) => text.Split(part).Length - 1;

    private static async Task<long> SamplesAsync(DaemonProcess daemon, long atLeast)
    {
        JsonElement answer = await daemon.UntilAsync("/api/v1/history?last=1h&gt=0&points=2000", answer => Count(answer) >= atLeast);
        return Count(answer);

        static long Count(JsonElement answer) => answer.GetProperty("series").GetArrayLength() == 0
            ? 0
            : (long)answer.GetProperty("series")[0].GetProperty("points").EnumerateArray().Sum(point => point.GetProperty("seconds").GetDouble() * 10);
    }

    private static async Task<string[]> EventsAsync(DaemonProcess daemon) =>
        [.. (await daemon.JsonAsync("/api/v1/events")).GetProperty("events").EnumerateArray().Select(row => row.GetProperty("kind").GetString()!)];

    private async Task RefusedReloadAsync(DaemonProcess daemon)
    {
        Replace("\"per-page\"", "\"no-such\"");
        await daemon.SignalAsync("HUP");
        await daemon.NotificationAsync("RELOADING=1");
        await daemon.NotificationAsync("READY=1");
        await daemon.LoggedAsync("software.strategy is 'no-such'");
        JsonElement state = await daemon.JsonAsync("/api/v1/state");
        Assert.Equal("per-page", state.GetProperty("devices")[0].GetProperty("strategy").GetString());
    }

    private void Configure(string strategy) => DaemonProcess.Configure(_folder, $$"""
        "probe": { "enabled": "off", "sizes": ["2M"], "migrations": 4, "batches": 3, "time": "modelled" }, "software.strategy": "{{strategy}}"
        """);

    private void Replace(string part, string other) =>
        _folder.Write("c.json", File.ReadAllText(_folder.PathOf("c.json")).Replace(part, other, StringComparison.Ordinal));
}
