namespace XeSvm.Simulation.Memory;

/// <summary>
/// The machine's page frames: which physical address belongs to which page of which client. An extent that comes free is used again only
/// after many others, so that a translation somebody forgot to remove names a released frame and not somebody's memory.
/// </summary>
internal sealed unsafe class PageFrames
{
    /// <summary>Physical address of the first extent.</summary>
    public const ulong FirstPhysical = 1UL << 32;

    internal const int PageShift = 12;

    private const int ExtentShift = PageShift + 10;
    private const ulong BlockBytes = 2UL << 20;

    /// <summary>Extents that stay unused before one of them is used again.</summary>
    private const int Quarantine = 64;

    private readonly Lock _lock = new();
    private readonly Dictionary<(ClientMemory Client, ulong Address), PageFrameBlock> _blocks = [];
    private readonly Queue<PageFrameExtent> _released = [];
    private readonly PagePlacement _placement;
    private PageFrameExtent[] _extents = new PageFrameExtent[Quarantine];
    private int _extentCount;

    public PageFrames(PageLayout layout)
    {
        Layout = layout;
        _placement = new PagePlacement(layout);
    }

    /// <summary>How pages fall on frames.</summary>
    public PageLayout Layout { get; }

    /// <summary>Extents ever made.</summary>
    public int Extents => Volatile.Read(ref _extentCount);

    /// <summary>The frames of the 2 MiB-aligned block that contains an address; always the same object for a block.</summary>
    public PageFrameBlock Block(ClientMemory client, ulong address)
    {
        ulong start = address & ~(BlockBytes - 1);
        lock (_lock)
        {
            if (!_blocks.TryGetValue((client, start), out PageFrameBlock? block))
            {
                block = new PageFrameBlock(this, client, start);
                _blocks.Add((client, start), block);
            }

            return block;
        }
    }

    /// <summary>Forgets the blocks of a client that is gone; returns the number of pages that were still in use and stay.</summary>
    public int Forget(ClientMemory client)
    {
        int pagesInUse = 0;
        lock (_lock)
        {
            foreach (KeyValuePair<(ClientMemory Client, ulong Address), PageFrameBlock> entry in _blocks)
            {
                if (!ReferenceEquals(entry.Key.Client, client))
                {
                    continue;
                }

                if (entry.Value.PagesInUse == 0)
                {
                    _blocks.Remove(entry.Key);
                }

                pagesInUse += entry.Value.PagesInUse;
            }
        }

        return pagesInUse;
    }

    /// <summary>Whether a physical address is of these frames at all, in use or not; others are device memory.</summary>
    public bool Contains(ulong physical) =>
        physical >= FirstPhysical && (physical - FirstPhysical) >> ExtentShift < (ulong)Extents;

    /// <summary>What a physical address means; false when its frame is not in use. Takes no lock.</summary>
    public bool TryResolve(ulong physical, out ResolvedFrame frame)
    {
        frame = default;
        ulong index = (physical - FirstPhysical) >> ExtentShift;
        if (physical < FirstPhysical || index >= (ulong)Extents)
        {
            return false;
        }

        int frameIndex = (int)(physical >> PageShift) & (PageLayout.ExtentFrames - 1);
        int offset = (int)(physical & ((1 << PageShift) - 1));
        return Volatile.Read(ref _extents)[index].TryResolve(frameIndex, offset, out frame);
    }

    internal PageFrameExtent TakeExtent()
    {
        lock (_lock)
        {
            if (_released.Count > Quarantine)
            {
                return _released.Dequeue();
            }

            if (_extentCount == _extents.Length)
            {
                PageFrameExtent[] larger = new PageFrameExtent[_extents.Length * 2];
                _extents.CopyTo(larger, 0);
                Volatile.Write(ref _extents, larger);
            }

            PagePlacement placement = Layout.DiffersByBlock ? new PagePlacement(Layout) : _placement;
            PageFrameExtent extent = new(FirstPhysical + ((ulong)_extentCount << ExtentShift), placement);
            _extents[_extentCount] = extent;
            Volatile.Write(ref _extentCount, _extentCount + 1);
            return extent;
        }
    }

    internal void ReturnExtent(PageFrameExtent extent)
    {
        lock (_lock)
        {
            _released.Enqueue(extent);
        }
    }
}
