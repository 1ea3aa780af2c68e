using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using XeSvm.Daemon.Logs;
using XeSvm.Daemon.Settings;

namespace XeSvm.Daemon.Systemd;

/// <summary>Reads the configuration again on SIGHUP: the whole of it, or nothing.</summary>
internal sealed class ReloadService(SettingsHolder settings, ServiceNotifier notifier, FaultLog faults, ILogger<ReloadService> logger) : IHostedService, IDisposable
{
    private readonly Lock _lock = new();
    private PosixSignalRegistration? _registration;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _registration = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            Reload();
        });
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        _registration?.Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _registration?.Dispose();

    /// <summary>Reloads.</summary>
    internal void Reload()
    {
        lock (_lock)
        {
            long microseconds = (long)Stopwatch.GetElapsedTime(0).TotalMicroseconds; // CLOCK_MONOTONIC, as the manager asks for
            notifier.Notify(string.Create(CultureInfo.InvariantCulture, $"RELOADING=1\nMONOTONIC_USEC={microseconds}"));
            try
            {
                IReadOnlyList<string> changed = settings.Reload();
                faults.Clear("configuration");
                DaemonLog.Reloaded(logger, changed.Count == 0 ? "nothing" : string.Join(", ", changed));
            }
            catch (SettingsException exception)
            {
                faults.Report("configuration", string.Join(' ', exception.Errors));
                DaemonLog.ReloadRefused(logger, string.Join(' ', exception.Errors));
            }
            finally
            {
                notifier.Notify("READY=1");
            }
        }
    }
}
