using System.Net;
using System.Text.Json;
using Microsoft.OpenApi;
using Microsoft.OpenApi.Reader;
using XeSvm.Daemon.Documentation;
using XeSvm.Daemon.Metrics;
using XeSvm.Daemon.Tests.Support;
using XeSvm.Hosting;

namespace XeSvm.Daemon.Tests.Web;

public sealed class ServerTests(ServerTests.Server server) : IClassFixture<ServerTests.Server>
{
    private readonly RunningDaemon _daemon = server.Daemon;

    [Fact]
    public async Task Every_answer_of_the_openapi_document_has_the_properties_that_it_promises()
    {
        JsonElement document = await _daemon.JsonAsync("/openapi.json");
        Assert.Equal("3.1.0", document.GetProperty("openapi").GetString());
        int checkedCount = 0;
        foreach (JsonProperty path in document.GetProperty("paths").EnumerateObject())
        {
            if (!path.Value.TryGetProperty("get", out JsonElement get))
            {
                continue;
            }

            using HttpResponseMessage response = await _daemon.Client.GetAsync(path.Name);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            JsonProperty content = get.GetProperty("responses").GetProperty("200").GetProperty("content").EnumerateObject().Single();
            Assert.Equal(content.Name, response.Content.Headers.ContentType!.MediaType);
            if (content.Value.GetProperty("schema").TryGetProperty("properties", out JsonElement properties))
            {
                JsonElement body = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
                Assert.Equal(
                    properties.EnumerateObject().Select(property => property.Name).Order(),
                    body.EnumerateObject().Select(property => property.Name).Order());
                checkedCount++;
            }
        }

        Assert.True(checkedCount >= 7);
    }

    [Fact]
    public async Task The_openapi_document_is_one_for_the_readers_of_others()
    {
        string text = await _daemon.Client.GetStringAsync(new Uri("/openapi.json", UriKind.Relative));

        ReadResult read = OpenApiDocument.Parse(text, "json");

        OpenApiDiagnostic diagnostic = read.Diagnostic!;
        OpenApiDocument document = read.Document!;
        Assert.Empty(diagnostic.Errors);
        Assert.Empty(diagnostic.Warnings);
        Assert.Equal(OpenApiSpecVersion.OpenApi3_1, diagnostic.SpecificationVersion);
        Assert.Empty(document.Validate(ValidationRuleSet.GetDefaultRuleSet()));
        Assert.Equal(14, document.Paths.Sum(path => path.Value.Operations!.Count));
        OpenApiOperation baseline = document.Paths["/api/v1/baseline"].Operations![HttpMethod.Post];
        Assert.Equal("token", Assert.Single(Assert.Single(baseline.Security!).Keys).Reference.Id);
        Assert.Equal("token", Assert.Single(document.Components!.SecuritySchemes!).Key);
    }

    [Fact]
    public async Task Metrics_are_well_formed_and_only_described_ones()
    {
        string text = await _daemon.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        HashSet<string> described = [.. XeSvmMetrics.Descriptions.Concat(DaemonMetrics.Descriptions).Select(PrometheusNames.Of)];
        string[] families = [.. text.Split('\n').Where(line => line.StartsWith("# TYPE ", StringComparison.Ordinal)).Select(line => line.Split(' ')[2])];

        Assert.Equal(families.Distinct(), families);
        Assert.All(families, family => Assert.Contains(family, described));
        Assert.Contains("xesvm_daemon_devices{xesvm_backend=\"software\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("xesvm_info{hw_id=\"0000:03:00.0\",xesvm_backend=\"software\",", text, StringComparison.Ordinal);
        Assert.All(
            text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#'),
            line => Assert.Matches("^[a-z_]+(\\{[a-z_]+=\"[^\"]*\"(,[a-z_]+=\"[^\"]*\")*\\})? [0-9.E+-]+$", line));
    }

    [SkippableFact]
    public async Task Promtool_has_nothing_to_say_about_the_metrics()
    {
        string? promtool = ExternalTool.Find("promtool");
        Skip.If(promtool is null, "promtool is not installed (Debian package prometheus).");
        string text = await _daemon.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));

        (int code, string output) = await ExternalTool.RunAsync(promtool, text, "check", "metrics");

        Assert.True(code == 0 && output.Trim().Length == 0, output);
    }

    [Fact]
    public async Task What_changes_something_needs_the_token_even_on_loopback()
    {
        foreach (string path in new[] { "/api/v1/probe", "/api/v1/baseline" })
        {
            foreach (string? token in new[] { null, "", "wrong", RunningDaemon.Token + "x", RunningDaemon.Token[..^1], new string('x', 5000) })
            {
                using HttpResponseMessage refused = await _daemon.PostAsync(path, token);
                Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
                Assert.Contains("Bearer", refused.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
            }
        }

        using HttpResponseMessage none = await _daemon.PostAsync("/api/v1/baseline", RunningDaemon.Token);
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
        using HttpResponseMessage accepted = await _daemon.PostAsync("/api/v1/probe", RunningDaemon.Token);
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        await _daemon.UntilAsync("/api/v1/probes", probes => probes.GetProperty("latest").GetArrayLength() == 2);
        using HttpResponseMessage set = await _daemon.PostAsync("/api/v1/baseline", RunningDaemon.Token, """{"device":"0000:03:00.0"}""");
        Assert.Equal("""{"baselines":2}""", await set.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("{", 400)]
    [InlineData("[]", 400)]
    [InlineData("{\"device\":1}", 400)]
    [InlineData("{\"devise\":\"a\"}", 400)]
    [InlineData("{\"device\":\"a\",\"device\":\"b\"}", 400)]
    [InlineData("{\"device\":{\"a\":{\"b\":{\"c\":{\"d\":1}}}}}", 400)]
    [InlineData("{\"device\":\"nobody\"}", 404)]
    [InlineData("\ud800", 400)]
    public async Task A_body_that_is_not_valid_is_refused_and_says_what_is(string body, int status)
    {
        using HttpResponseMessage response = await _daemon.PostAsync("/api/v1/baseline", RunningDaemon.Token, body);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.NotEmpty(JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("error").GetString()!);
    }

    [Fact]
    public async Task A_body_of_another_type_or_size_is_refused()
    {
        using HttpResponseMessage type = await _daemon.PostAsync("/api/v1/baseline", RunningDaemon.Token, "{}", "text/plain");
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, type.StatusCode);
        using HttpResponseMessage size = await _daemon.PostAsync("/api/v1/baseline", RunningDaemon.Token, new string(' ', 5000));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, size.StatusCode);
    }

    [Theory]
    [InlineData("/api/v1/history?last=0s")]
    [InlineData("/api/v1/history?last=1y")]
    [InlineData("/api/v1/history?points=1")]
    [InlineData("/api/v1/history?points=99999999999")]
    [InlineData("/api/v1/history?gt=-1")]
    [InlineData("/api/v1/history?last=1h&last=2h")]
    [InlineData("/api/v1/history?from=1")]
    [InlineData("/api/v1/probes?limit=0")]
    [InlineData("/api/v1/events?limit=a")]
    [InlineData("/api/v1/state?x=1")]
    public async Task Parameters_that_are_not_valid_are_refused(string path)
    {
        using HttpResponseMessage response = await _daemon.Client.GetAsync(path);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Theory]
    [InlineData("GET /../../etc/passwd HTTP/1.1", 404)]
    [InlineData("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1", 404)]
    [InlineData("GET /dashboard.js/../../etc/passwd HTTP/1.1", 404)]
    [InlineData("GET //metrics HTTP/1.1", 404)]
    [InlineData("GET /metrics/ HTTP/1.1", 404)]
    [InlineData("GET /METRICS HTTP/1.1", 404)]
    [InlineData("GET /metrics%00 HTTP/1.1", 400)]
    [InlineData("DELETE /metrics HTTP/1.1", 405)]
    [InlineData("TRACE / HTTP/1.1", 405)]
    [InlineData("GET / HTTP/9.9", 505)]
    [InlineData("nonsense", 400)]
    public async Task Tricks_with_paths_and_methods_get_the_right_status(string requestLine, int status) =>
        Assert.Equal(status, await RawClient.StatusAsync(_daemon.Address, requestLine + "\r\nHost: localhost\r\nConnection: close\r\n\r\n"));

    [Fact]
    public async Task A_host_name_that_is_not_loopback_is_refused_on_loopback()
    {
        Assert.Equal(421, await RawClient.StatusAsync(_daemon.Address, "GET /api/v1/state HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"));
        Assert.Equal(200, await RawClient.StatusAsync(_daemon.Address, "GET /api/v1/state HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n"));
    }

    [Fact]
    public async Task Headers_beyond_all_bounds_are_refused()
    {
        Assert.Equal(431, await RawClient.StatusAsync(_daemon.Address, $"GET / HTTP/1.1\r\nHost: localhost\r\nX: {new string('x', 20_000)}\r\n\r\n"));
        Assert.Equal(431, await RawClient.StatusAsync(_daemon.Address, $"GET / HTTP/1.1\r\nHost: localhost\r\n{string.Concat(Enumerable.Range(0, 100).Select(i => $"X{i}: 1\r\n"))}\r\n"));
        Assert.Equal(414, await RawClient.StatusAsync(_daemon.Address, $"GET /{new string('x', 5000)} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    }

    [Fact]
    public async Task A_head_request_has_headers_only()
    {
        using HttpResponseMessage response = await _daemon.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/metrics"));
        Assert.True(response.Content.Headers.ContentLength > 100);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync());
    }

    /// <summary>One daemon for all these questions, which leave it as it is; the one test that does not sets only what no other asks for.</summary>
    public sealed class Server : IAsyncLifetime
    {
        internal RunningDaemon Daemon { get; private set; } = null!;

        public async Task InitializeAsync() => Daemon = await RunningDaemon.StartAsync("--probe.migrations=2", "--probe.batches=3");

        public async Task DisposeAsync() => await Daemon.DisposeAsync();
    }

    [Fact]
    public void Reads_beyond_loopback_without_a_token_stop_the_start()
    {
        Assert.Contains(
            "http.listen: 0.0.0.0:0 can be reached from other machines",
            Assert.ThrowsAny<Exception>(() => RunningDaemon.StartAsync("--http.listen=0.0.0.0:0,127.0.0.1:0", "--http.token-file=").GetAwaiter().GetResult()).Message,
            StringComparison.Ordinal);
    }
}
