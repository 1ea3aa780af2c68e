using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using XeSvm.Daemon.Settings;

namespace XeSvm.Daemon.Tests.Support;

/// <summary>The whole daemon in this process, on a port of its own.</summary>
internal sealed class RunningDaemon : IAsyncDisposable
{
    internal const string Token = "0123456789abcdef-token";

    private readonly TestFolder _folder = new();
    private readonly DaemonHost _host;
    private readonly StringWriter _log = new();

    private RunningDaemon(DaemonParts parts, string[] arguments)
    {
        _folder.Write("token", Token + "\n");
        SettingsHolder settings = new(new SettingsLoader(
            [
                "--backend=software", "--software.cpu-faults=coherent", "--software.vram=64M", "--probe.enabled=off", "--http.listen=127.0.0.1:0",
                "--sampling.interval=100ms", $"--history.path={_folder.PathOf("h.db")}", $"--http.token-file={_folder.PathOf("token")}", .. arguments,
            ],
            new Dictionary<string, string>()));
        _host = DaemonHost.Build(settings, parts with { LogOutput = TextWriter.Synchronized(_log) });
    }

    /// <summary>What a daemon without service manager has, and little patience with clients.</summary>
    internal static DaemonParts Parts => new() { Environment = new Dictionary<string, string>(), Patience = TimeSpan.FromSeconds(1.5) };

    internal Uri Address => new(_host.Addresses.First());

    internal string HistoryPath => _folder.PathOf("h.db");

    internal string Log => _log.ToString();

    internal HttpClient Client { get; private set; } = null!;

    /// <summary>Starts one and waits for its first sample.</summary>
    internal static async Task<RunningDaemon> StartAsync(params string[] arguments)
    {
        RunningDaemon daemon = await StartAsync(Parts, arguments);
        await daemon.UntilAsync("/api/v1/state", state => state.GetProperty("samples").GetInt64() > 1);
        return daemon;
    }

    /// <summary>Starts one with other surroundings.</summary>
    internal static async Task<RunningDaemon> StartAsync(DaemonParts parts, params string[] arguments)
    {
        RunningDaemon daemon = new(parts, arguments);
        await daemon._host.StartAsync();
        daemon.Client = new HttpClient { BaseAddress = daemon.Address, Timeout = TimeSpan.FromSeconds(60) };
        return daemon;
    }

    internal T Get<T>()
        where T : notnull => _host.Services.GetRequiredService<T>();

    /// <summary>Asks until the answer is as wanted.</summary>
    internal Task<JsonElement> UntilAsync(string path, Func<JsonElement, bool> wanted) => Polling.UntilAsync(() => JsonAsync(path), wanted, () => Log);

    internal async Task<JsonElement> JsonAsync(string path)
    {
        using HttpResponseMessage response = await Client.GetAsync(path);
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
    }

    /// <summary>Sends a POST.</summary>
    internal Task<HttpResponseMessage> PostAsync(string path, string? token, string? body = null, string type = "application/json")
    {
        HttpRequestMessage request = new(HttpMethod.Post, path);
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, type);
        }

        return Client.SendAsync(request);
    }

    public async ValueTask DisposeAsync()
    {
        Client?.Dispose();
        await _host.DisposeAsync();
        _folder.Dispose();
    }
}
