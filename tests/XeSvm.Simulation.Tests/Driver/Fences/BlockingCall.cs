namespace XeSvm.Simulation.Tests.Driver.Fences;

/// <summary>A call on a thread of its own, for tests of calls that block.</summary>
internal static class BlockingCall
{
    public static BlockingCall<T> Start<T>(Func<T> call) => new(call);

    public static BlockingCall<bool> Start(Action call) => new(() =>
    {
        call();
        return true;
    });
}

/// <summary>A call on a thread of its own.</summary>
internal sealed class BlockingCall<T>
{
    private readonly Thread _thread;
    private T? _result;
    private Exception? _failure;

    public BlockingCall(Func<T> call)
    {
        _thread = new Thread(() => _failure = Record.Exception(() => _result = call())) { IsBackground = true };
        _thread.Start();
    }

    public bool HasEnded => !_thread.IsAlive;

    /// <summary>What the call has returned, once it has ended; an exception of the call comes out here.</summary>
    public T Result
    {
        get
        {
            Assert.True(HasEnded, "The call has not ended.");
            Assert.Null(_failure);
            return _result!;
        }
    }

    public bool EndsWithin(TimeSpan time) => _thread.Join(time);

    public bool EndsWithin(int milliseconds) => _thread.Join(milliseconds);
}
