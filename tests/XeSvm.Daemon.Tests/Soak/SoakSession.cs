using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using XeSvm.Daemon.Tests.Support;

namespace XeSvm.Daemon.Tests.Soak;

/// <summary>
/// A daemon with two devices as a child process, and rounds of all that may be done to it: scraped, asked, probed, reloaded with good and bad
/// files, its devices closed and opened, clients that go away in the middle. After each round it is looked at from outside.
/// </summary>
internal sealed class SoakSession : IAsyncDisposable
{
    private const int Scrapers = 3;
    private const int Devices = 2;

    private static readonly string[] s_paths =
    [
        "/metrics", "/healthz", "/readyz", "/api/v1/state", "/api/v1/history?last=5m&points=500", "/api/v1/probes", "/api/v1/events", "/api/v1/configuration",
        "/openapi.json", "/",
    ];

    private readonly TestFolder _folder = new();
    private readonly List<SoakSample> _samples = [];
    private DaemonProcess _daemon = null!;
    private long _lastSamples;

    private SoakSession()
    {
    }

    /// <summary>Answers so far.</summary>
    internal int Answers { get; private set; }

    internal IReadOnlyList<SoakSample> Samples => _samples;

    /// <summary>Starts one; the program is that of this build unless another is named.</summary>
    internal static async Task<SoakSession> StartAsync(string? program = null)
    {
        SoakSession session = new();
        session.Configure(0);
        session._daemon = await DaemonProcess.StartAsync(session._folder, TimeSpan.FromSeconds(30), program: program);
        await session.SettleAsync();
        return session;
    }

    /// <summary>One round of everything.</summary>
    internal async Task<SoakSample> RoundAsync()
    {
        int round = _samples.Count + 1;
        Task[] work = [.. Enumerable.Range(0, Scrapers).Select(_ => ScrapeAsync()), ProbeAsync(), ReloadAsync(round), GoAwayAsync()];
        await Task.WhenAll(work);
        await SettleAsync();
        SoakSample sample = SoakSample.Take(round, _daemon.Id, _folder.PathOf("h.db"));
        _samples.Add(sample);
        return sample;
    }

    /// <summary>Stops the daemon.</summary>
    /// <returns>Everything that is wrong.</returns>
    internal async Task<IReadOnlyList<string>> FinishAsync()
    {
        List<string> findings = [.. SoakVerdict.Of(_samples).Findings];
        await _daemon.SignalAsync("TERM");
        int code = await _daemon.ExitAsync();
        if (code != 0)
        {
            findings.Add($"the daemon's exit code is {code}");
        }

        // Alarms are what alternating strategies are there for, and refused reloads what bad files are; nothing else is an error.
        findings.AddRange(_daemon.Log.Split('\n').Where(line => line.StartsWith("<2>", StringComparison.Ordinal)
            || (line.StartsWith("<3>", StringComparison.Ordinal) && !line.Contains("ALARM", StringComparison.Ordinal) && !line.Contains("no-such", StringComparison.Ordinal))));
        findings.AddRange(Directory.GetFiles(_folder.FullPath).Select(file => Path.GetFileName(file)!).Except(["c.json", "h.db", "token", "manager.notify"]).Select(file => $"{file} is left behind"));
        findings.AddRange(Directory.GetFileSystemEntries(_folder.PathOf("tmp")).Select(file => $"{file} is left behind"));
        return findings;
    }

    public async ValueTask DisposeAsync()
    {
        await _daemon.DisposeAsync();
        _folder.Dispose();
    }

    /// <summary>Every fourth round another strategy, for which devices are closed and opened; every fourth a file that is refused.</summary>
    private void Configure(int round)
    {
        string strategy = round % 4 == 2 ? "no-such" : round / 4 % 2 == 0 ? "iova" : "per-page";
        DaemonProcess.Configure(_folder, $$"""
            "software.device": "dual-bmg", "software.strategy": "{{strategy}}",
            "probe": { "enabled": "off", "sizes": ["2M", "64K"], "migrations": 4, "batches": 3, "time": "modelled" }, "alarm.consecutive": {{1 + (round % 3)}},
            "history": { "raw-age": "1m", "maximum-age": "2m", "maximum-size": "1M" }
            """);
    }

    private async Task ScrapeAsync()
    {
        foreach (string path in s_paths)
        {
            using HttpResponseMessage response = await _daemon.Client.GetAsync(path);
            string body = await response.Content.ReadAsStringAsync();
            Assert.True(response.StatusCode == HttpStatusCode.OK && body.Length > 10, $"{path}: {(int)response.StatusCode} {body}\n{_daemon.Log}");
            Answers++;
        }
    }

    private async Task ProbeAsync()
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/api/v1/probe");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", DaemonProcess.Token);
        using HttpResponseMessage response = await _daemon.Client.SendAsync(request);

        // While a reload closes the devices there is none to probe, for a moment.
        Assert.True(response.StatusCode is HttpStatusCode.Accepted or HttpStatusCode.ServiceUnavailable, $"{(int)response.StatusCode}\n{_daemon.Log}");
    }

    private async Task ReloadAsync(int round)
    {
        Configure(round);
        await _daemon.SignalAsync("HUP");
        await _daemon.NotificationAsync("RELOADING=1");
        await _daemon.NotificationAsync("READY=1");
    }

    /// <summary>A client that leaves in the middle of its request, and one that asks and does not wait.</summary>
    private async Task GoAwayAsync()
    {
        foreach (string text in new[] { "POST /api/v1/probe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{", "GET /api/v1/history?last=5m HTTP/1.1\r\nHost: localhost\r\n\r\n" })
        {
            using Socket client = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await client.ConnectAsync(new UnixDomainSocketEndPoint(_folder.PathOf("s.sock")));
            await client.SendAsync(System.Text.Encoding.ASCII.GetBytes(text));
        }
    }

    /// <summary>Until both devices are there and sampling has gone on.</summary>
    private async Task SettleAsync()
    {
        JsonElement state = await _daemon.UntilAsync("/api/v1/state", state =>
            state.GetProperty("devices").GetArrayLength() == Devices && state.GetProperty("samples").GetInt64() > _lastSamples);
        _lastSamples = state.GetProperty("samples").GetInt64();
    }
}
