using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using XeSvm.Costs;
using XeSvm.Daemon.Devices;
using XeSvm.Daemon.Logs;
using XeSvm.Daemon.Settings;
using XeSvm.Measurement;
using XeSvm.Statistics;

namespace XeSvm.Daemon.Probes;

/// <summary>Runs probes on a schedule and when somebody asks, one at a time.</summary>
internal sealed class ProbeService(
    DeviceManager devices, ProbeRunner runner, AlarmBook book, SettingsHolder settings, FaultLog faults, TimeProvider time, ILogger<ProbeService> logger)
    : BackgroundService
{
    private readonly Channel<bool> _requests = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private long _succeeded;
    private long _failed;

    /// <summary>Probes that came to an end, and those that did not.</summary>
    internal (long Succeeded, long Failed) Counts => (Interlocked.Read(ref _succeeded), Interlocked.Read(ref _failed));

    /// <summary>Asks for a round of probes of all devices now. One that is asked for already counts for this too.</summary>
    internal void RequestNow() => _requests.Writer.TryWrite(true);

    /// <summary>Runs one round: each size on each device.</summary>
    internal void RunRound(bool asked, CancellationToken cancellation)
    {
        DaemonSettings now = settings.Current;
        foreach (WatchedDevice device in devices.Devices)
        {
            bool scheduled = now.Probe == ProbeMode.On || (now.Probe == ProbeMode.Auto && device.Facts.Backend == "software");
            if (!asked && !scheduled)
            {
                continue;
            }

            foreach (SvmSizeClass size in now.ProbeSizes.Select(name => SvmSizeClass.All.First(size => size.Name == name)))
            {
                cancellation.ThrowIfCancellationRequested();
                RunOne(device, size, now, cancellation);
            }
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        using PeriodicTimer timer = new(settings.Current.ProbeInterval, time);
        void TakeOver(DaemonSettings changed) => timer.Period = changed.ProbeInterval;
        settings.Changed += TakeOver;
        try
        {
            Task<bool> tick = timer.WaitForNextTickAsync(stoppingToken).AsTask();
            Task<bool> request = _requests.Reader.ReadAsync(stoppingToken).AsTask();
            while (!stoppingToken.IsCancellationRequested)
            {
                await Task.WhenAny(tick, request).ConfigureAwait(false);
                bool asked = request.IsCompleted;
                if (asked)
                {
                    await request.ConfigureAwait(false);
                    request = _requests.Reader.ReadAsync(stoppingToken).AsTask();
                }
                else
                {
                    await tick.ConfigureAwait(false);
                    tick = timer.WaitForNextTickAsync(stoppingToken).AsTask();
                }

                RunRound(asked, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
        finally
        {
            settings.Changed -= TakeOver;
        }
    }

    private void RunOne(WatchedDevice device, SvmSizeClass size, DaemonSettings now, CancellationToken cancellation)
    {
        string subject = $"probe {device.Id} {size}";
        try
        {
            ProbeResult result = runner.Run(device, size, now, cancellation);
            DaemonLog.ProbeDone(logger, result.Device, result.Size, result.Cpu, result.Noise, result.Face);
            book.Add(result, now);
            Interlocked.Increment(ref _succeeded);
            faults.Clear(subject);
        }
        catch (Exception exception) when (exception is MeasurementException or StatisticsUnavailableException or CounterTextException
            or CostModelException or XeException or ObjectDisposedException or InvalidDataException)
        {
            // A busy, lost or closed device is no reason to stop; the next round tries again.
            Interlocked.Increment(ref _failed);
            faults.Report(subject, exception.Message);
        }
    }
}
