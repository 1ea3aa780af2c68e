using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using XeSvm.Daemon.Tests.Support;

namespace XeSvm.Daemon.Tests.Web;

public sealed class DashboardTests
{
    [SkippableFact]
    public async Task In_a_real_browser_values_change_nothing_fails_and_no_request_leaves_the_host()
    {
        string? chromium = ExternalTool.Find("chromium");
        Skip.If(chromium is null, "chromium is not installed (Debian package chromium).");
        await using RunningDaemon daemon = await RunningDaemon.StartAsync();
        await using Browser browser = await Browser.StartAsync(chromium);
        await browser.OpenAsync(daemon.Address);

        string first = await browser.UntilAsync("document.getElementById('age').textContent", text => text.StartsWith("sample ", StringComparison.Ordinal));
        using HttpResponseMessage probe = await daemon.PostAsync("/api/v1/probe", RunningDaemon.Token);
        await browser.UntilAsync("document.getElementById('age').textContent", text => text != first);
        await browser.UntilAsync("document.getElementById('probes').tBodies[0].textContent", text => text.Contains("measured/software", StringComparison.Ordinal));
        await browser.UntilAsync("document.getElementById('minute').tBodies[0].textContent", text => text.Contains("2M", StringComparison.Ordinal));
        await browser.UntilAsync("document.getElementById('devices').tBodies[0].textContent", text => text.Contains("0000:03:00.0", StringComparison.Ordinal));
        await browser.UntilAsync("String(document.getElementById('legend').children.length > 0)", text => text == "true");
        await browser.UntilAsync("(document.querySelector('[data-last=\"7d\"]').click(), document.querySelector('[data-last=\"7d\"]').getAttribute('aria-pressed'))", text => text == "true");

        Assert.Empty(browser.Errors);
        Assert.NotEmpty(browser.Requests);
        Assert.All(browser.Requests, request => Assert.True(
            request.StartsWith(daemon.Address.ToString(), StringComparison.Ordinal) || request.StartsWith("data:", StringComparison.Ordinal), request));
    }

    /// <summary>Headless Chromium, driven by its debugging protocol.</summary>
    private sealed class Browser : IAsyncDisposable
    {
        private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
        private readonly System.Diagnostics.Process _process;
        private readonly DirectoryInfo _profile;
        private readonly ClientWebSocket _socket = new();
        private readonly List<string> _stderr = [];
        private Task _reading = Task.CompletedTask;
        private string _session = "";
        private int _id;

        private Browser(System.Diagnostics.Process process, DirectoryInfo profile)
        {
            _process = process;
            _profile = profile;
        }

        /// <summary>Errors of the page: exceptions, console errors, failed requests.</summary>
        internal List<string> Errors { get; } = [];

        /// <summary>What the page asked for.</summary>
        internal List<string> Requests { get; } = [];

        internal static async Task<Browser> StartAsync(string chromium)
        {
            DirectoryInfo profile = Directory.CreateTempSubdirectory("chromium-profile-");
            ProcessStartInfo start = new(
                chromium,
                ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0", $"--user-data-dir={profile.FullName}", "about:blank"])
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            };
            Browser browser = new(System.Diagnostics.Process.Start(start)!, profile);
            const string Mark = "DevTools listening on ";
            while (await browser._process.StandardError.ReadLineAsync() is { } line)
            {
                browser._stderr.Add(line);
                if (line.StartsWith(Mark, StringComparison.Ordinal))
                {
                    browser._reading = Task.WhenAll(browser._process.StandardError.ReadToEndAsync(), browser._process.StandardOutput.ReadToEndAsync());
                    await browser._socket.ConnectAsync(new Uri(line[Mark.Length..]), CancellationToken.None);
                    return browser;
                }
            }

            await browser.DisposeAsync();
            throw new InvalidOperationException("Chromium did not start: " + string.Join('\n', browser._stderr));
        }

        internal async Task OpenAsync(Uri address)
        {
            JsonElement target = await CallAsync("Target.createTarget", """{"url":"about:blank"}""");
            JsonElement session = await CallAsync("Target.attachToTarget", $$"""{"targetId":{{target.GetProperty("targetId").GetRawText()}},"flatten":true}""");
            _session = session.GetProperty("sessionId").GetString()!;
            foreach (string domain in new[] { "Runtime.enable", "Log.enable", "Network.enable", "Page.enable" })
            {
                await CallAsync(domain, "{}");
            }

            await CallAsync("Page.navigate", $$"""{"url":"{{address}}"}""");
        }

        /// <summary>Evaluates until the value is as wanted.</summary>
        internal async Task<string> UntilAsync(string expression, Func<string, bool> wanted)
        {
            long begin = Stopwatch.GetTimestamp();
            using PeriodicTimer timer = new(TimeSpan.FromMilliseconds(100));
            string value = "";
            while (Stopwatch.GetElapsedTime(begin) < s_limit)
            {
                string body = $$"""{"expression":"{{JsonEncodedText.Encode(expression)}}"}""";
                JsonElement result = await CallAsync("Runtime.evaluate", body);
                value = result.GetProperty("result").TryGetProperty("value", out JsonElement text) ? text.ToString() : "";
                if (wanted(value))
                {
                    return value;
                }

                await timer.WaitForNextTickAsync();
            }

            Assert.Fail($"{expression} is '{value}'. Errors: {string.Join("; ", Errors)}");
            return value;
        }

        public async ValueTask DisposeAsync()
        {
            _socket.Dispose();
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
            await _reading;
            _process.Dispose();

            // Chromium's helpers are no children of this process: the last of them may still be writing.
            using PeriodicTimer timer = new(TimeSpan.FromMilliseconds(100));
            for (int attempt = 0; attempt < 100 && !TryDelete(_profile.FullName); attempt++)
            {
                await timer.WaitForNextTickAsync();
            }
        }

        private static bool TryDelete(string folder)
        {
            try
            {
                Directory.Delete(folder, recursive: true);
                return true;
            }
            catch (IOException)
            {
                return false;
            }
        }

        private async Task<JsonElement> CallAsync(string method, string parameters)
        {
            int id = ++_id;
            string session = _session.Length == 0 ? "" : $",\"sessionId\":\"{_session}\"";
            using CancellationTokenSource limit = new(s_limit);
            await _socket.SendAsync(
                Encoding.UTF8.GetBytes($$"""{"id":{{id}},"method":"{{method}}","params":{{parameters}}{{session}}}"""), WebSocketMessageType.Text, true, limit.Token);
            while (true)
            {
                JsonElement message = await ReceiveAsync(limit.Token);
                if (message.TryGetProperty("id", out JsonElement answered) && answered.GetInt32() == id)
                {
                    return message.TryGetProperty("result", out JsonElement result) ? result : throw new InvalidOperationException(message.ToString());
                }

                Note(message);
            }
        }

        private async Task<JsonElement> ReceiveAsync(CancellationToken cancellation)
        {
            using MemoryStream stream = new();
            byte[] buffer = new byte[16 * 1024];
            while (true)
            {
                WebSocketReceiveResult part = await _socket.ReceiveAsync(buffer, cancellation);
                stream.Write(buffer, 0, part.Count);
                if (part.EndOfMessage)
                {
                    return JsonDocument.Parse(stream.ToArray()).RootElement;
                }
            }
        }

        private void Note(JsonElement message)
        {
            JsonElement parameters = message.TryGetProperty("params", out JsonElement found) ? found : default;
            switch (message.TryGetProperty("method", out JsonElement method) ? method.GetString() : "")
            {
                case "Network.requestWillBeSent":
                    Requests.Add(parameters.GetProperty("request").GetProperty("url").GetString()!);
                    break;
                case "Runtime.exceptionThrown":
                case "Network.loadingFailed":
                case "Log.entryAdded" when parameters.GetProperty("entry").GetProperty("level").GetString() is "error" or "warning":
                case "Runtime.consoleAPICalled" when parameters.GetProperty("type").GetString() is "error" or "warning":
                    Errors.Add(message.ToString());
                    break;
            }
        }
    }
}
