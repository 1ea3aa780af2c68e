using System.Globalization;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using XeSvm.Daemon.Logs;
using XeSvm.Daemon.Probes;
using XeSvm.Daemon.Settings;
using XeSvm.Daemon.State;

namespace XeSvm.Daemon.Systemd;

/// <summary>
/// Says READY after the first sample, a status line when something changes, and feeds the watchdog for as long as samples are taken: a
/// daemon that hangs is one that does not sample, whatever else of it still runs.
/// </summary>
internal sealed class HeartbeatService(
    ServiceNotifier notifier, DaemonState state, AlarmBook alarms, SettingsHolder settings, TimeProvider time, ILogger<HeartbeatService> logger)
    : BackgroundService
{
    private static readonly TimeSpan s_default = TimeSpan.FromSeconds(1);
    private bool _ready;
    private bool _late;

    /// <summary>The oldest sample that still counts as sampling.</summary>
    internal static TimeSpan Limit(DaemonSettings settings) =>
        TimeSpan.FromTicks(Math.Max(TimeSpan.FromSeconds(10).Ticks, 3 * settings.SamplingInterval.Ticks));

    /// <summary>One look at the state.</summary>
    internal void Beat()
    {
        if (state.SampleAge is not { } age)
        {
            return;
        }

        if (!_ready)
        {
            _ready = true;
            notifier.Notify("READY=1");
        }

        notifier.Status(Describe());
        if (age > Limit(settings.Current))
        {
            if (!_late)
            {
                _late = true;
                DaemonLog.SamplingStopped(logger, age);
            }

            return;
        }

        _late = false;
        if (notifier.WatchdogInterval is not null)
        {
            notifier.Notify("WATCHDOG=1");
        }
    }

    /// <inheritdoc/>
    public override Task StopAsync(CancellationToken cancellationToken)
    {
        notifier.Notify("STOPPING=1");
        DaemonLog.Stopping(logger);
        return base.StopAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        TimeSpan half = (notifier.WatchdogInterval ?? (2 * s_default)) / 2;
        using PeriodicTimer timer = new(half < s_default ? half : s_default, time);
        try
        {
            await state.FirstSample.WaitAsync(stoppingToken).ConfigureAwait(false);
            do
            {
                Beat();
            }
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private string Describe()
    {
        StateSnapshot snapshot = state.Snapshot;
        int count = alarms.Alarms.Count;
        string alarm = count == 0 ? "no alarm" : string.Create(CultureInfo.InvariantCulture, $"{count} ALARM(S)");
        return string.Create(CultureInfo.InvariantCulture, $"{snapshot.Backend} backend, {snapshot.Devices.Count} device(s), {alarm}; {snapshot.Reason}");
    }
}
