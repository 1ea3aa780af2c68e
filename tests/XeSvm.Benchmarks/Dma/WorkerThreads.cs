namespace XeSvm.Benchmarks.Dma;

/// <summary>Threads that stand ready to do the same work at the same time, each on a processor of its own.</summary>
internal sealed class WorkerThreads : IDisposable
{
    private readonly Barrier _start;
    private readonly Barrier _end;
    private readonly Thread[] _threads;
    private readonly Action<int> _work;
    private volatile bool _stopping;
    private volatile Exception? _failure;

    /// <param name="count">How many.</param>
    /// <param name="work">The work; gets the thread's number.</param>
    public WorkerThreads(int count, Action<int> work)
    {
        _work = work;
        _start = new Barrier(count + 1);
        _end = new Barrier(count + 1);
        _threads = [.. Enumerable.Range(0, count).Select(number => new Thread(() => Run(number)) { IsBackground = true })];
        foreach (Thread thread in _threads)
        {
            thread.Start();
        }
    }

    /// <summary>Lets every thread do its work once, and waits for all.</summary>
    /// <exception cref="InvalidOperationException">A thread failed.</exception>
    public void RunOnce()
    {
        _start.SignalAndWait();
        _end.SignalAndWait();
        if (_failure is { } failure)
        {
            throw new InvalidOperationException("A worker failed.", failure);
        }
    }

    /// <summary>Ends the threads.</summary>
    public void Dispose()
    {
        _stopping = true;
        _start.SignalAndWait();
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        _start.Dispose();
        _end.Dispose();
    }

    private void Run(int number)
    {
        try
        {
            BenchLibrary.PinThread(number % Environment.ProcessorCount);
        }
        catch (InvalidOperationException failure)
        {
            _failure = failure;
        }

        while (true)
        {
            _start.SignalAndWait();
            if (_stopping)
            {
                return;
            }

            try
            {
                _work(number);
            }
            catch (InvalidOperationException failure)
            {
                _failure = failure;
            }

            _end.SignalAndWait();
        }
    }
}
