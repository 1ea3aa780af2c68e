namespace XeSvm.Simulation.Server;

/// <summary>
/// Which parts of one client's shared memory keep their pages although the device has no use for them at the moment: VRAM is handed out lowest
/// address first, so the same parts are used again soon, and new pages cost more than the copy that fills them. Safe from any thread.
/// </summary>
/// <param name="size">Bytes of the memory; whole pages.</param>
/// <param name="most">Bytes that may be kept.</param>
internal sealed class KeptVram(ulong size, ulong most)
{
    private const int BitShift = 6;
    private readonly Lock _lock = new();
    private readonly ulong[] _kept = new ulong[((size >> PageConstants.PageShift) + 63) >> BitShift];
    private ulong _bytes;

    /// <summary>Bytes that are kept now.</summary>
    public ulong Bytes
    {
        get
        {
            lock (_lock)
            {
                return _bytes;
            }
        }
    }

    /// <summary>A part is used again.</summary>
    public void Take(ulong offset, ulong length)
    {
        lock (_lock)
        {
            Set(offset, length, kept: false);
        }
    }

    /// <summary>A part is no longer used. False when there is enough already: its pages are to be freed.</summary>
    public bool TryKeep(ulong offset, ulong length)
    {
        lock (_lock)
        {
            if (_bytes + length > most)
            {
                return false;
            }

            Set(offset, length, kept: true);
            return true;
        }
    }

    private void Set(ulong offset, ulong length, bool kept)
    {
        ulong end = (offset + length) >> PageConstants.PageShift;
        for (ulong page = offset >> PageConstants.PageShift; page < end;)
        {
            // As many pages as one word has, at once.
            ref ulong word = ref _kept[page >> BitShift];
            int first = (int)(page & 63);
            int count = (int)Math.Min((ulong)(64 - first), end - page);
            ulong mask = ulong.MaxValue >> (64 - count) << first;
            ulong changed = (kept ? ~word : word) & mask;
            word ^= changed;
            ulong bytes = (ulong)ulong.PopCount(changed) << PageConstants.PageShift;
            _bytes = kept ? _bytes + bytes : _bytes - bytes;
            page += (ulong)count;
        }
    }
}
