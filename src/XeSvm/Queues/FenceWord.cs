namespace XeSvm;

/// <summary>
/// The memory of a user fence. Waits borrow it: closing the fence lets waits that have begun end in their own way, and the memory goes with
/// the last of them.
/// </summary>
/// <param name="memory">The memory; disposed with the last use.</param>
/// <param name="address">The word's address, aligned to 8.</param>
internal sealed unsafe class FenceWord(IDisposable memory, nint address)
{
    private int _uses = 1;
    private int _closed;

    /// <summary>The word's address, for CPU and, where the memory is bound, GPU.</summary>
    internal ulong Address => (ulong)address;

    /// <summary>The word; only while it is borrowed.</summary>
    internal ulong Value => Volatile.Read(ref *(ulong*)address);

    /// <summary>Begins a use; false when the fence was closed.</summary>
    internal bool TryBorrow()
    {
        int seen = Volatile.Read(ref _uses);
        while (seen != 0 && Volatile.Read(ref _closed) == 0)
        {
            int found = Interlocked.CompareExchange(ref _uses, seen + 1, seen);
            if (found == seen)
            {
                return true;
            }

            seen = found;
        }

        return false;
    }

    /// <summary>Ends a use.</summary>
    internal void Release()
    {
        if (Interlocked.Decrement(ref _uses) == 0)
        {
            memory.Dispose();
        }
    }

    /// <summary>Lets no further use begin, and ends the owner's.</summary>
    internal void Close()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            Release();
        }
    }
}
