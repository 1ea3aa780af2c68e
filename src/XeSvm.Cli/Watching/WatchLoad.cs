using XeSvm.Measurement;
using XeSvm.Statistics;

namespace XeSvm.Cli.Watching;

/// <summary>Migrations for something to be seen: the statistics of the software backend are of this process alone.</summary>
internal sealed class WatchLoad : IDisposable
{
    private const int MigrationsAtOnce = 32;

    private readonly CancellationTokenSource _end = new();
    private readonly Task _work;

    /// <summary>Starts migrations of all sizes in turn on a device.</summary>
    internal WatchLoad(XeDevice device) => _work = Task.Run(() => Work(device, _end.Token));

    /// <summary>Throws what ended the migrations, if anything did.</summary>
    internal void ThrowIfFailed()
    {
        if (_work.IsFaulted)
        {
            _work.GetAwaiter().GetResult();
        }
    }

    /// <summary>Ends the migrations, waits for those under way, and throws what went wrong with them.</summary>
    internal void Stop()
    {
        _end.Cancel();
        _work.GetAwaiter().GetResult();
    }

    /// <summary>Ends the migrations and waits for those under way.</summary>
    public void Dispose()
    {
        _end.Cancel();

        // What went wrong is told by Stop; here another exception is under way already.
        _ = Task.WhenAny(_work).GetAwaiter().GetResult();
        _end.Dispose();
    }

    private static void Work(XeDevice device, CancellationToken end)
    {
        MigrationMeasurement measurement = new(device);
        for (int turn = 0; !end.IsCancellationRequested; turn++)
        {
            MigrationCasePlan plan = new()
            {
                Size = SvmSizeClass.All[turn % SvmSizeClass.All.Count],
                Migrations = MigrationsAtOnce,
                WarmUp = 0,
                Unit = SampleUnit.Round,
            };
            try
            {
                measurement.Run(plan, null, end);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }
}
