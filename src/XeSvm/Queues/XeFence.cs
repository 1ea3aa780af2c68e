using System.Globalization;

namespace XeSvm;

/// <summary>
/// A user fence: a word of 8 bytes that the GPU raises when a batch of the queue has ended (xe_exec.c). Its value only grows, so a point
/// is reached when the word is at least the point's value.
/// </summary>
public sealed class XeFence
{
    private readonly FenceWord _word;
    private readonly DeviceFile _file;
    private readonly uint _queueId;

    /// <summary>Makes the fence of a queue.</summary>
    internal XeFence(FenceWord word, DeviceFile file, uint queueId)
    {
        _word = word;
        _file = file;
        _queueId = queueId;
    }

    /// <summary>The word's address, for CPU and GPU; a multiple of 8.</summary>
    public ulong GpuAddress => _word.Address;

    /// <summary>The word's value now.</summary>
    /// <exception cref="ObjectDisposedException">The queue was disposed.</exception>
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
    /// <param name="cancellationToken">Ends the wait, within 20 ms; the batch goes on.</param>
    /// <exception cref="XeException">
    /// EIO: the queue was banned, by an access outside any mapping or a hang, and the word will never be reached. ETIME: the timeout is
    /// over.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The queue was disposed.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public void Wait(ulong value, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        XeResult result = TryWait(value, timeout, cancellationToken);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.WaitUserFence, DescribeWait(value, timeout));
        }
    }

    /// <summary>Waits until the word is at least a value, or says why it is not.</summary>
    /// <param name="value">The value.</param>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever, zero for one look.</param>
    /// <param name="cancellationToken">Ends the wait, within 20 ms; the batch goes on.</param>
    /// <returns>Success, ETIME when the timeout is over, or EIO when the queue was banned.</returns>
    /// <exception cref="ObjectDisposedException">The queue was disposed.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public XeResult TryWait(ulong value, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(!_word.TryBorrow(), this);
        DeviceFile? file = null;
        try
        {
            // The references keep file and word while this thread sleeps, whatever another thread disposes.
            file = _file.Reference();
            return UserFenceWait.ForValue(file, GpuAddress, value, timeout, _queueId, cancellationToken);
        }
        finally
        {
            file?.Release();
            _word.Release();
        }
    }

    /// <summary>Ends the fence with its queue.</summary>
    internal void Close() => _word.Close();

    private string DescribeWait(ulong value, TimeSpan timeout)
    {
        string limit = timeout == Timeout.InfiniteTimeSpan ? "any time" : timeout.ToString();
        return string.Create(CultureInfo.InvariantCulture, $"queue {_queueId}, fence at 0x{GpuAddress:x} to reach {value} within {limit}");
    }
}
