using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using XeSvm.Daemon.Settings;
using XeSvm.Daemon.Tests.Support;

namespace XeSvm.Daemon.Tests.Process;

/// <summary>What the service manager is told at the end: whether to start the daemon again.</summary>
public sealed class ExitCodeTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task When_a_part_fails_the_daemon_stops_and_says_that_it_was_not_told_to()
    {
        using StringWriter log = new();
        await using DaemonHost host = Build(log, fails: true);

        await host.StartAsync();

        Assert.False(await host.WaitAsync());
        Assert.Contains("injected", log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task When_told_to_stop_it_says_so()
    {
        using StringWriter log = new();
        await using DaemonHost host = Build(log, fails: false);
        await host.StartAsync();

        host.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();

        Assert.True(await host.WaitAsync(), log.ToString());
    }

    [Fact]
    public async Task An_address_in_use_is_a_failure_with_one_line()
    {
        using TcpListener other = new(IPAddress.Loopback, 0);
        other.Start();
        string address = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{((IPEndPoint)other.LocalEndpoint).Port}");
        using StringWriter output = new();
        using StringWriter error = new();

        int code = await XesvmdProgram.RunAsync(
            ["run", "--backend=software", "--software.cpu-faults=coherent", "--software.vram=64M", "--probe.enabled=off", "--log.level=error", $"--http.listen={address}", $"--history.path={_folder.PathOf("h.db")}"],
            output,
            error);

        Assert.Equal(XesvmdProgram.Failed, code);
        Assert.Matches($"^xesvmd: .*{address}.*\\n$", error.ToString());
    }

    [Theory]
    [InlineData("dance")]
    [InlineData("run", "--no.such=1")]
    [InlineData("configuration", "--sampling.interval=0s")]
    public async Task What_is_not_understood_is_a_usage_error(params string[] arguments)
    {
        using StringWriter output = new();
        using StringWriter error = new();

        Assert.Equal(XesvmdProgram.Usage, await XesvmdProgram.RunAsync(arguments, output, error));
        Assert.StartsWith("xesvmd: ", error.ToString(), StringComparison.Ordinal);
        Assert.Empty(output.ToString());
    }

    private DaemonHost Build(StringWriter log, bool fails)
    {
        SettingsHolder settings = new(new SettingsLoader(
            [
                "--backend=software", "--software.cpu-faults=coherent", "--software.vram=64M", "--probe.enabled=off", "--http.listen=127.0.0.1:0",
                $"--history.path={_folder.PathOf("h.db")}",
            ],
            new Dictionary<string, string>()));
        DaemonParts parts = new() { Environment = new Dictionary<string, string>(), LogOutput = TextWriter.Synchronized(log) };
        return DaemonHost.Build(settings, fails ? parts with { Select = (_, _) => throw new InvalidOperationException("injected") } : parts);
    }
}
