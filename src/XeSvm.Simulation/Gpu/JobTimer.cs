namespace XeSvm.Simulation.Gpu;

/// <summary>
/// Stops a job that runs too long (the timeout handler of the DRM scheduler). It is armed by the first job and looks again when a later one
/// runs by then, so that a job costs no more than noting its start.
/// </summary>
internal sealed class JobTimer : IDisposable
{
    private readonly MonitorLock _lock = new();
    private readonly TimeSpan _limit;
    private readonly Action _onExpired;
    private readonly Timer _timer;
    private long _started;
    private bool _runs;
    private bool _armed;

    /// <param name="limit">How long a job may run.</param>
    /// <param name="onExpired">Called, on a thread of the pool, at most once, while the job that runs too long still runs.</param>
    public JobTimer(TimeSpan limit, Action onExpired)
    {
        _limit = limit;
        _onExpired = onExpired;
        _timer = new Timer(static timer => ((JobTimer)timer!).OnTick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>A job begins.</summary>
    public void Start()
    {
        lock (_lock)
        {
            _started = Environment.TickCount64;
            _runs = true;
            if (!_armed)
            {
                _armed = true;
                _timer.Change(_limit, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <summary>The job has ended.</summary>
    public void Stop()
    {
        lock (_lock)
        {
            _runs = false;
        }
    }

    public void Dispose() => _timer.Dispose();

    private void OnTick()
    {
        lock (_lock)
        {
            if (!_runs)
            {
                _armed = false;
                return;
            }

            TimeSpan left = _limit - TimeSpan.FromMilliseconds(Environment.TickCount64 - _started);
            if (left > TimeSpan.Zero)
            {
                _timer.Change(left, Timeout.InfiniteTimeSpan);
                return;
            }

            _onExpired();
        }
    }
}
