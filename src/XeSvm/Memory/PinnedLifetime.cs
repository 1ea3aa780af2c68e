namespace XeSvm;

/// <summary>How long memory stays mapped that can be pinned: until its owner was disposed and the last pin is gone, whichever comes later.</summary>
/// <param name="release">Unmaps the memory; called once, outside the lock.</param>
internal sealed class PinnedLifetime(Action release)
{
    private readonly Lock _lock = new();
    private int _pins;
    private bool _disposed;

    /// <summary>Whether the owner was disposed; the memory may still be pinned.</summary>
    internal bool IsDisposed => Volatile.Read(ref _disposed);

    /// <summary>Keeps the memory mapped.</summary>
    /// <exception cref="ObjectDisposedException">The owner was disposed.</exception>
    internal void Pin(object owner)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, owner);
            _pins++;
        }
    }

    /// <summary>Takes one pin back.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    internal void Unpin()
    {
        lock (_lock)
        {
            if (_pins == 0)
            {
                throw new InvalidOperationException("The memory is not pinned.");
            }

            _pins--;
            if (_pins > 0 || !_disposed)
            {
                return;
            }
        }

        release();
    }

    /// <summary>The owner gives the memory up; again does nothing.</summary>
    internal void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            if (_pins > 0)
            {
                return;
            }
        }

        release();
    }
}
