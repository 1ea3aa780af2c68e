using Microsoft.Extensions.Time.Testing;
using XeSvm.Daemon.Devices;
using XeSvm.Daemon.History;
using XeSvm.Daemon.Logs;
using XeSvm.Daemon.Sampling;
using XeSvm.Daemon.Settings;
using XeSvm.Daemon.State;
using XeSvm.Simulation;

namespace XeSvm.Daemon.Tests.Support;

/// <summary>The sampling half of the daemon, with a clock that the test moves.</summary>
internal sealed class Watch : IDisposable
{
    private readonly TestFolder _folder = new();

    internal Watch(Func<BackendChoice, SoftwareBackendOptions, BackendSelection>? select = null, params string[] arguments)
    {
        Settings = new SettingsHolder(new SettingsLoader(
            ["--backend=software", "--software.cpu-faults=coherent", "--software.vram=64M", .. arguments], new Dictionary<string, string>()));
        Faults = new FaultLog(FaultLines);
        State = new DaemonState(Time);
        History = new HistoryStore(_folder.PathOf("h.db"), Faults, Time, new LogLines<HistoryStore>());
        Devices = new DeviceManager(select ?? ((choice, options) => XeBackends.Select(choice, options)), Settings.Current, Faults, Time, DeviceLines);
        Sampler = new Sampler(Devices, History, State, Settings, Faults, Time);
    }

    internal FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    internal LogLines<FaultLog> FaultLines { get; } = new();

    internal LogLines<DeviceManager> DeviceLines { get; } = new();

    internal SettingsHolder Settings { get; }

    internal FaultLog Faults { get; }

    internal DaemonState State { get; }

    internal HistoryStore History { get; }

    internal DeviceManager Devices { get; }

    internal Sampler Sampler { get; }

    /// <summary>Lets a second pass and takes a round of samples.</summary>
    internal StateSnapshot Second(int count = 1)
    {
        for (int round = 0; round < count; round++)
        {
            Time.Advance(TimeSpan.FromSeconds(1));
            Sampler.Sample();
        }

        return State.Snapshot;
    }

    public void Dispose()
    {
        Devices.Dispose();
        History.Dispose();
        _folder.Dispose();
    }
}
