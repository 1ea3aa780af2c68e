using System.Runtime.InteropServices;

namespace XeSvm.Simulation.Iommu;

/// <summary>
/// Memory of one domain's page tables. A table that is given back stays mapped until the domain ends, so that a device walk that
/// races with its release reads zeros or entries that the walk's generation check throws away, and never foreign memory.
/// </summary>
internal sealed unsafe class IoTableMemory : IDisposable
{
    private const int TablesPerChunk = 64;
    private const int ChunkBytes = TablesPerChunk * IoEntry.TableBytes;

    private readonly Lock _lock = new();
    private readonly List<nint> _chunks = [];
    private readonly bool _shadowed;
    private readonly int _limit;
    private ulong* _free;
    private int _unused;
    private int _inUse;

    /// <summary>Memory for a domain.</summary>
    /// <param name="shadowed">Whether the walker reads a copy of its own, which a cache flush brings up to date.</param>
    /// <param name="limit">Tables that may be in use at one time.</param>
    public IoTableMemory(bool shadowed, int limit)
    {
        _shadowed = shadowed;
        _limit = limit;
    }

    /// <summary>Tables given out.</summary>
    public int InUse => Volatile.Read(ref _inUse);

    /// <summary>A zeroed table; null when there is no memory or the limit is reached.</summary>
    public ulong* Rent()
    {
        ulong* table;
        lock (_lock)
        {
            if (_inUse == _limit || (_free is null && _unused == 0 && !AddChunk()))
            {
                return null;
            }

            if (_free is not null)
            {
                table = _free;
                _free = NextOf(table);
            }
            else
            {
                // Slot 0 of a chunk holds the links of the others.
                table = (ulong*)(_chunks[^1] + ((TablesPerChunk - _unused) * IoEntry.TableBytes));
                _unused--;
            }

            _inUse++;
        }

        NativeMemory.Clear(table, IoEntry.TableBytes);
        return table;
    }

    /// <summary>Gives one table back.</summary>
    public void Return(ulong* table)
    {
        lock (_lock)
        {
            Link(table) = _free;
            _free = table;
            _inUse--;
        }
    }

    /// <summary>Gives the tables of a list back.</summary>
    public void Return(in IoTableList list)
    {
        for (ulong* table = list.First; table is not null;)
        {
            ulong* next = NextOf(table);
            Return(table);
            table = next;
        }
    }

    /// <summary>The link of a table to the next one of its list; it lies outside of the table, which a walk may still be reading.</summary>
    public static ref ulong* Link(ulong* table)
    {
        nuint chunk = (nuint)table & ~(nuint)(ChunkBytes - 1);
        return ref ((ulong**)chunk)[((nuint)table - chunk) / IoEntry.TableBytes];
    }

    /// <summary>Where the hardware walker reads what the CPU writes to <paramref name="entry"/>.</summary>
    public ulong* WalkerView(ulong* entry) => _shadowed ? entry + (ChunkBytes / sizeof(ulong)) : entry;

    /// <summary>
    /// A cache flush: the walker's copy of some entries becomes what the CPU wrote. Neighbours in the same line are left to whoever wrote
    /// them, so what nobody flushes stays unseen, which on hardware is a matter of luck.
    /// </summary>
    /// <returns>Lines that hold the entries.</returns>
    public int Flush(ulong* first, int entries)
    {
        for (ulong* entry = first; entry < first + entries; entry++)
        {
            Volatile.Write(ref *WalkerView(entry), Volatile.Read(ref *entry));
        }

        Interlocked.MemoryBarrier();
        nuint firstLine = (nuint)first / IoEntry.LineBytes;
        nuint lastLine = (nuint)(first + entries - 1) / IoEntry.LineBytes;
        return (int)(lastLine - firstLine) + 1;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            foreach (nint chunk in _chunks)
            {
                NativeMemory.AlignedFree((void*)chunk);
            }

            _chunks.Clear();
            _free = null;
            _unused = 0;
        }
    }

    private static ulong* NextOf(ulong* table) => Link(table);

    private bool AddChunk()
    {
        try
        {
            nuint bytes = (nuint)(_shadowed ? 2 * ChunkBytes : ChunkBytes);
            void* chunk = NativeMemory.AlignedAlloc(bytes, ChunkBytes);
            NativeMemory.Clear(chunk, IoEntry.TableBytes);
            if (_shadowed)
            {
                NativeMemory.Clear((byte*)chunk + ChunkBytes, ChunkBytes);
            }

            _chunks.Add((nint)chunk);
            _unused = TablesPerChunk - 1;
            return true;
        }
        catch (OutOfMemoryException)
        {
            return false;
        }
    }
}
