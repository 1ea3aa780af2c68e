using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;

namespace XeSvm.Daemon.Tests.Support;

/// <summary>The daemon as a child process, with a service manager of the test's own.</summary>
internal sealed class DaemonProcess : IAsyncDisposable
{
    internal const string Token = "0123456789abcdef-token";

    private readonly TestFolder _folder;
    private readonly Socket _manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly Channel<string> _notifications = Channel.CreateUnbounded<string>();
    private readonly StringBuilder _log = new();
    private TaskCompletionSource _lineLogged = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly System.Diagnostics.Process _process;
    private readonly Task _reading;

    private DaemonProcess(TestFolder folder, string name, TimeSpan? watchdog, IReadOnlyList<string> launcher, string? program)
    {
        _folder = folder;
        string manager = folder.PathOf(name + ".notify");
        File.Delete(manager);
        _manager.Bind(new UnixDomainSocketEndPoint(manager));

        // A daemon of another user has to reach it too, and its temporary files.
        File.SetUnixFileMode(manager, (UnixFileMode)0b110_110_110);
        string[] command = [program ?? Path.Combine(AppContext.BaseDirectory, "XeSvm.Daemon"), "run", "--config", folder.PathOf("c.json")];
        command = [.. launcher, .. command];
        ProcessStartInfo start = new(command[0], command[1..]) { RedirectStandardError = true };
        start.Environment["NOTIFY_SOCKET"] = manager;

        // A place for temporary files of its own: other tests of this machine leave theirs in the common one meanwhile.
        start.Environment["TMPDIR"] = Directory.CreateDirectory(folder.PathOf("tmp")).FullName;
        File.SetUnixFileMode(start.Environment["TMPDIR"]!, (UnixFileMode)0b111_111_111);
        start.Environment["DOTNET_ROOT"] = Path.GetFullPath(Path.Combine(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "../../.."));
        if (watchdog is { } interval)
        {
            start.Environment["WATCHDOG_USEC"] = ((long)interval.TotalMicroseconds).ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        _process = System.Diagnostics.Process.Start(start)!;
        _reading = Task.WhenAll(ReadLogAsync(), ReadNotificationsAsync());
        Client = new HttpClient(new SocketsHttpHandler
        {
            MaxConnectionsPerServer = 4,
            ConnectCallback = async (_, cancellation) =>
            {
                Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(folder.PathOf("s.sock")), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        {
            BaseAddress = new Uri("http://localhost"),
            Timeout = TimeSpan.FromSeconds(60),
        };
    }

    internal HttpClient Client { get; }

    internal int Id => _process.Id;

    internal string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>Writes a configuration whose rest is for a child of a test.</summary>
    internal static void Configure(TestFolder folder, string rest)
    {
        folder.Write("token", Token);
        folder.Write("c.json", $$"""
            {
              "backend": "software",
              "software": { "cpu-faults": "coherent", "vram": "64M", "iommu": "lazy", "coherent-walker": false },
              "sampling.interval": "100ms", "devices.retry": "200ms",
              "history.path": "{{folder.PathOf("h.db")}}",
              "http": { "listen": "unix:{{folder.PathOf("s.sock")}}", "socket-mode": "0600", "token-file": "{{folder.PathOf("token")}}" },
              {{rest}}
            }
            """);
    }

    /// <summary>Starts one and waits until it says that it is ready.</summary>
    internal static async Task<DaemonProcess> StartAsync(
        TestFolder folder, TimeSpan? watchdog = null, string name = "manager", IReadOnlyList<string>? launcher = null, string? program = null)
    {
        DaemonProcess daemon = new(folder, name, watchdog, launcher ?? [], program);
        await daemon.NotificationAsync("READY=1");
        return daemon;
    }

    /// <summary>Waits for what the daemon tells the service manager.</summary>
    internal async Task<string> NotificationAsync(string start)
    {
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));
        try
        {
            while (true)
            {
                string notification = await _notifications.Reader.ReadAsync(limit.Token);
                if (notification.StartsWith(start, StringComparison.Ordinal))
                {
                    return notification;
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or ChannelClosedException)
        {
            Assert.Fail($"The daemon has not said {start}. Log:\n{Log}");
            throw;
        }
    }

    /// <summary>Waits until the log has a text so many times: its lines come on another way than notifications and answers do.</summary>
    internal async Task LoggedAsync(string text, int times = 1)
    {
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));
        while (true)
        {
            Task more;
            lock (_log)
            {
                if (_log.ToString().Split(text).Length > times)
                {
                    return;
                }

                more = _lineLogged.Task;
            }

            try
            {
                await more.WaitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"The log does not have '{text}' {times} time(s):\n{Log}");
            }
        }
    }

    internal async Task<JsonElement> JsonAsync(string path)
    {
        using HttpResponseMessage response = await Client.GetAsync(path);
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
    }

    internal Task<JsonElement> UntilAsync(string path, Func<JsonElement, bool> wanted) => Polling.UntilAsync(() => JsonAsync(path), wanted, () => Log);

    /// <summary>Asks for a round of probes and waits for it.</summary>
    internal async Task ProbeAsync()
    {
        long before = await ProbesAsync();
        using HttpRequestMessage request = new(HttpMethod.Post, "/api/v1/probe");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        using HttpResponseMessage response = await Client.SendAsync(request);
        Assert.Equal(System.Net.HttpStatusCode.Accepted, response.StatusCode);
        await UntilAsync("/api/v1/probes?limit=1000", answer => answer.GetProperty("probes").GetArrayLength() > before);
    }

    /// <summary>What the daemon has open or mapped in the folder of shared memory.</summary>
    internal IReadOnlyList<string> SharedMemoryFiles()
    {
        const string Folder = "/dev/shm/";
        string process = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"/proc/{Id}");
        return
        [
            .. Directory.GetFiles(process + "/fd").Select(file => new FileInfo(file).LinkTarget ?? "").Where(target => target.StartsWith(Folder, StringComparison.Ordinal)),
            .. File.ReadLines(process + "/maps").Where(line => line.Contains(Folder, StringComparison.Ordinal)).Select(line => line[line.IndexOf(Folder, StringComparison.Ordinal)..]),
        ];
    }

    internal async Task SignalAsync(string signal)
    {
        (int code, string output) = await ExternalTool.RunAsync("/bin/kill", null, "-" + signal, Id.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.True(code == 0, output);
    }

    /// <summary>Waits for the end.</summary>
    internal async Task<int> ExitAsync()
    {
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));
        await _process.WaitForExitAsync(limit.Token);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        Client.Dispose();
        _manager.Dispose();
        await _reading;
        _process.Dispose();
        File.Delete(_folder.PathOf("manager.notify"));
    }

    private async Task<long> ProbesAsync() => (await JsonAsync("/api/v1/probes?limit=1000")).GetProperty("probes").GetArrayLength();

    private async Task ReadLogAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            TaskCompletionSource waiting;
            lock (_log)
            {
                _log.AppendLine(line);
                waiting = _lineLogged;
                _lineLogged = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            waiting.SetResult();
        }
    }

    private async Task ReadNotificationsAsync()
    {
        byte[] buffer = new byte[4096];
        try
        {
            while (true)
            {
                int length = await _manager.ReceiveAsync(buffer);
                if (length == 0)
                {
                    break;
                }

                _notifications.Writer.TryWrite(Encoding.UTF8.GetString(buffer, 0, length));
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }

        _notifications.Writer.TryComplete();
    }
}
