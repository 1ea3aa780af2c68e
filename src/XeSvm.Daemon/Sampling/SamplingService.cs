using Microsoft.Extensions.Hosting;
using XeSvm.Daemon.Settings;

namespace XeSvm.Daemon.Sampling;

/// <summary>Samples at the configured interval. Rounds that the machine was too busy for are left out, not made up for.</summary>
internal sealed class SamplingService(Sampler sampler, SettingsHolder settings, TimeProvider time) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        using PeriodicTimer timer = new(settings.Current.SamplingInterval, time);
        void TakeOver(DaemonSettings changed) => timer.Period = changed.SamplingInterval;
        settings.Changed += TakeOver;
        try
        {
            do
            {
                sampler.Sample();
            }
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
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
}
