using System.Globalization;

namespace XeSvm;

/// <summary>
/// A user fence of the program's own: a word of 8 bytes that binds raise when their page tables are written (xe_sync.c). Its value should
/// only grow. The fences of queues come with the queues: <see cref="XeQueue.Fence"/>.
/// </summary>
public sealed class XeUserFence : IDisposable
{
    private readonly FenceWord _word;
    private readonly DeviceFile _file;
    private readonly Lock _lock = new();
    private ulong _pending;
    private bool _disposed;

    /// <summary>Makes a fence of value 0; it takes a reference of its own to the file.</summary>
    internal XeUserFence(DeviceFile file)
    {
        AnonymousMemory memory = AnonymousMemory.Map(sizeof(ulong));
        _word = new FenceWord(memory, memory.Address);
        _file = file.Reference();
    }

    /// <summary>The word's CPU address.</summary>
    public ulong Address => _word.Address;

    /// <summary>The word's value now.</summary>
    /// <exception cref="ObjectDisposedException">The fence was disposed.</exception>
    public ulong CurrentValue
    {
        get
        {
            ObjectDisposedException.ThrowIf(!_word.TryBorrow(), this);
            ulong value = _word.Value;
            _word.Release();
            return value;
        }
    }

    /// <summary>Waits until the word is at least a value.</summary>
    /// <param name="value">The value.</param>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever.</param>
    /// <param name="cancellationToken">Ends the wait, within 20 ms.</param>
    /// <exception cref="XeException">ETIME: the timeout is over.</exception>
    /// <exception cref="ObjectDisposedException">The fence was disposed.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public void Wait(ulong value, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        XeResult result = TryWait(value, timeout, cancellationToken);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(
                result,
                XeOperation.WaitUserFence,
                string.Create(CultureInfo.InvariantCulture, $"user fence at 0x{Address:x} to reach {value} within {timeout}"));
        }
    }

    /// <summary>Waits until the word is at least a value, or says why it is not.</summary>
    /// <param name="value">The value.</param>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever, zero for one look.</param>
    /// <param name="cancellationToken">Ends the wait, within 20 ms.</param>
    /// <returns>Success, or ETIME when the timeout is over.</returns>
    /// <exception cref="ObjectDisposedException">The fence was disposed.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public XeResult TryWait(ulong value, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(!_word.TryBorrow(), this);
        DeviceFile? file = null;
        try
        {
            file = _file.Reference();
            return UserFenceWait.ForValue(file, Address, value, timeout, queueId: 0, cancellationToken);
        }
        finally
        {
            file?.Release();
            _word.Release();
        }
    }

    /// <summary>
    /// Ends the fence. Its page stays mapped for good when a bind may still write to it: the driver would write to whatever came to that
    /// address next.
    /// </summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            if (_word.Value < _pending)
            {
                // One use that never ends.
                _ = _word.TryBorrow();
            }

            _word.Close();
            _file.Release();
        }
    }

    /// <summary>Keeps the fence's word for a request, until <see cref="EndUse"/>.</summary>
    internal void BeginUse()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _ = _word.TryBorrow();
        }
    }

    /// <summary>Ends the use of one request.</summary>
    /// <param name="value">The value that the request raises the word to.</param>
    /// <param name="submitted">Whether the driver took the request, so that it is going to write.</param>
    internal void EndUse(ulong value, bool submitted)
    {
        lock (_lock)
        {
            if (submitted)
            {
                _pending = Math.Max(_pending, value);
                if (_disposed && _word.Value < value)
                {
                    // As in Dispose: a use that never ends.
                    return;
                }
            }

            _word.Release();
        }
    }
}
