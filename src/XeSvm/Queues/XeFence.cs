using System.Globalization;

namespace XeSvm;

/// <summary>
/// A user fence: a word of 8 bytes that the GPU raises when a batch of the queue has ended (xe_exec.c). Its value only grows, so a point
/// is reached when the word is at least the point's value.
/// </summary>
public sealed unsafe class XeFence
{
    private readonly SharedBuffer _memory;
    private readonly DeviceFile _file;
    private readonly uint _queueId;
    private readonly Lock _lock = new();
    private bool _disposed;

    /// <summary>Makes the fence of a queue; the caller disposes the memory through <see cref="Close"/>.</summary>
    internal XeFence(SharedBuffer memory, DeviceFile file, uint queueId)
    {
        _memory = memory;
        _file = file;
        _queueId = queueId;
    }

    /// <summary>The word's address, for CPU and GPU; a multiple of 8.</summary>
    public ulong GpuAddress => (ulong)_memory.Address;

    /// <summary>The word's value now.</summary>
    /// <exception cref="ObjectDisposedException">The queue was disposed.</exception>
    public ulong CurrentValue
    {
        get
        {
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                return Volatile.Read(ref *(ulong*)_memory.Address);
            }
        }
    }

    /// <summary>Waits until the word is at least a value.</summary>
    /// <param name="value">The value.</param>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever.</param>
    /// <exception cref="XeException">
    /// EIO: the queue was banned, by an access outside any mapping or a hang, and the word will never be reached. ETIME: the timeout is
    /// over.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The queue was disposed.</exception>
    public void Wait(ulong value, TimeSpan timeout)
    {
        XeResult result = TryWait(value, timeout);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.WaitUserFence, DescribeWait(value, timeout));
        }
    }

    /// <summary>Waits until the word is at least a value, or says why it is not.</summary>
    /// <param name="value">The value.</param>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever, zero for one look.</param>
    /// <returns>Success, ETIME when the timeout is over, or EIO when the queue was banned.</returns>
    /// <exception cref="ObjectDisposedException">The queue was disposed.</exception>
    public XeResult TryWait(ulong value, TimeSpan timeout)
    {
        DeviceFile file;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            file = _file.Reference();
        }

        // The reference keeps the file open while this thread sleeps in it, whatever another thread disposes.
        try
        {
            return UserFenceWait.ForValue(file, GpuAddress, value, timeout, _queueId);
        }
        finally
        {
            file.Release();
        }
    }

    /// <summary>Ends the fence with its queue.</summary>
    internal void Close()
    {
        lock (_lock)
        {
            _disposed = true;
            _memory.Dispose();
        }
    }

    private string DescribeWait(ulong value, TimeSpan timeout)
    {
        string limit = timeout == Timeout.InfiniteTimeSpan ? "any time" : timeout.ToString();
        return string.Create(CultureInfo.InvariantCulture, $"queue {_queueId}, fence at 0x{GpuAddress:x} to reach {value} within {limit}");
    }
}
