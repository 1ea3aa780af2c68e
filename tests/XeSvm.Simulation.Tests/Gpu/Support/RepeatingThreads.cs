namespace XeSvm.Simulation.Tests.Gpu.Support;

/// <summary>Threads that work until they are disposed, which a test that fails half-way does as well.</summary>
internal sealed class RepeatingThreads : IDisposable
{
    private readonly Thread[] _threads;
    private volatile bool _stop;

    public RepeatingThreads(int count, Action<int, Func<bool>> body)
    {
        _threads = [.. Enumerable.Range(0, count).Select(index => new Thread(() => body(index, () => !_stop)) { IsBackground = true })];
        Array.ForEach(_threads, thread => thread.Start());
    }

    public void Dispose()
    {
        _stop = true;
        Array.ForEach(_threads, thread => thread.Join());
    }
}
