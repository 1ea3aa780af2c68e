using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using XeSvm.Daemon.Tests.Support;
using XeSvm.Simulation;

namespace XeSvm.Daemon.Tests.Systemd;

public sealed class WatchdogTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private readonly TestFolder _folder = new();
    private readonly PooledTime _time = new();
    private readonly Socket _manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 60_000 };
    private readonly SoftwareBackend _software = new(new SoftwareBackendOptions { CpuFaults = "coherent", VramBytes = 64 << 20 });
    private readonly HangingBackend _backend;

    public WatchdogTests()
    {
        _backend = new HangingBackend(_software);
        _manager.Bind(new UnixDomainSocketEndPoint(_folder.PathOf("manager")));
    }

    public void Dispose()
    {
        _manager.Dispose();
        _software.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task When_sampling_hangs_the_watchdog_is_not_fed_health_says_so_and_both_are_well_again_afterwards()
    {
        await using RunningDaemon daemon = await RunningDaemon.StartAsync(RunningDaemon.Parts with
        {
            Time = _time,
            Select = (_, _) => new BackendSelection(_backend, _backend.Enumerate()[0], BackendChoice.Software, "the test chose it"),
            Environment = new Dictionary<string, string> { ["NOTIFY_SOCKET"] = _folder.PathOf("manager"), ["WATCHDOG_USEC"] = "2000000" },
        });
        Pass(seconds: 1, "READY=1");
        Pass(seconds: 1, "WATCHDOG=1");
        Assert.Equal(HttpStatusCode.OK, await HealthAsync(daemon));

        // What follows may fail, and nothing may wait for ever then.
        using IDisposable hanging = _backend.Hang();
        Pass(seconds: 1, "WATCHDOG=1");
        Assert.True(_backend.SomebodyHangs.Wait(s_limit));
        for (int second = 0; second < 20; second++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        // The heartbeat has run when it has said so in the log; what it sent before is taken out of the way.
        await Polling.UntilAsync(() => daemon.JsonAsync("/healthz"), _ => daemon.Log.Contains("the watchdog is not fed any more", StringComparison.Ordinal), () => daemon.Log);
        Drain();
        for (int second = 0; second < 10; second++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(HttpStatusCode.ServiceUnavailable, await HealthAsync(daemon));
        Assert.Equal("no sample was taken for too long", (await daemon.JsonAsync("/healthz")).GetProperty("reason").GetString());
        Assert.DoesNotContain("WATCHDOG=1", Drain());

        hanging.Dispose();
        Pass(seconds: 1, "WATCHDOG=1");
        Assert.Equal(HttpStatusCode.OK, await HealthAsync(daemon));
    }

    private static async Task<HttpStatusCode> HealthAsync(RunningDaemon daemon)
    {
        using HttpResponseMessage response = await daemon.Client.GetAsync(new Uri("/healthz", UriKind.Relative));
        return response.StatusCode;
    }

    /// <summary>Lets time pass, at least so many seconds, until the manager is told something.</summary>
    private void Pass(int seconds, string wanted)
    {
        byte[] buffer = new byte[4096];
        int passed = 0;
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                passed++;
                while (_manager.Available > 0)
                {
                    if (Encoding.UTF8.GetString(buffer, 0, _manager.Receive(buffer)) == wanted && passed >= seconds)
                    {
                        return true;
                    }
                }

                return false;
            },
            s_limit), $"{wanted} was not said.");
    }

    private List<string> Drain()
    {
        List<string> messages = [];
        byte[] buffer = new byte[4096];
        while (_manager.Available > 0)
        {
            messages.Add(Encoding.UTF8.GetString(buffer, 0, _manager.Receive(buffer)));
        }

        return messages;
    }

    /// <summary>A clock that the test moves, whose timers run on threads of the pool as those of the system do: one that hangs does not hold others up.</summary>
    private sealed class PooledTime() : FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero))
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(value => ThreadPool.QueueUserWorkItem(_ => callback(value)), state, dueTime, period);
    }
}
