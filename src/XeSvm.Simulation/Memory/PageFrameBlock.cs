namespace XeSvm.Simulation.Memory;

/// <summary>
/// The page frames of one 2 MiB-aligned block of client memory. Frames are there while somebody uses them; when the last is released, the
/// block gives its extent back and gets another one at the next use.
/// </summary>
internal sealed unsafe class PageFrameBlock
{
    private readonly Lock _lock = new();
    private readonly PageFrames _frames;
    private readonly ClientMemory _client;
    private readonly ulong _address;
    private PageFrameExtent? _extent;
    private int _pagesInUse;

    internal PageFrameBlock(PageFrames frames, ClientMemory client, ulong address)
    {
        _frames = frames;
        _client = client;
        _address = address;
    }

    /// <summary>Client address of the block.</summary>
    public ulong Address => _address;

    /// <summary>Pages whose frames are in use.</summary>
    public int PagesInUse => Volatile.Read(ref _pagesInUse);

    /// <summary>Adds a user of a page's frame; a page in use keeps its frame.</summary>
    /// <param name="page">0 to 511.</param>
    /// <returns>The frame's physical address in bytes.</returns>
    public ulong Acquire(int page)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)page, (uint)PageLayout.BlockPages);
        lock (_lock)
        {
            if (_extent is null)
            {
                _extent = _frames.TakeExtent();
                _extent.Attach(_client, _address);
            }

            if (_extent.Acquire(page) == 0)
            {
                _pagesInUse++;
            }

            return _extent.PhysicalOf(page);
        }
    }

    /// <summary>Takes a user of a page's frame away; the frame of a page without users is released.</summary>
    /// <exception cref="InvalidOperationException">The frame has no user.</exception>
    public void Release(int page)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)page, (uint)PageLayout.BlockPages);
        lock (_lock)
        {
            int left = _extent is null ? -1 : _extent.Release(page);
            if (left < 0)
            {
                throw new InvalidOperationException($"Page {page} of the block at 0x{_address:x} was released without being in use.");
            }

            if (left == 0 && --_pagesInUse == 0)
            {
                _extent!.Detach();
                _frames.ReturnExtent(_extent);
                _extent = null;
            }
        }
    }

    /// <summary>Says that the content of a page in use is at a host address now (staging); null: in place, at the client's address.</summary>
    /// <exception cref="InvalidOperationException">The block has no page in use.</exception>
    public void SetHost(int page, byte* host)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)page, (uint)PageLayout.BlockPages);
        lock (_lock)
        {
            if (_extent is null)
            {
                throw new InvalidOperationException($"No page of the block at 0x{_address:x} is in use.");
            }

            _extent.SetHost(page, host);
        }
    }

    /// <summary>Order of the folio that a page is the head of: 9 for page 0 of a huge folio, else 0.</summary>
    public int Order(int page) => page == 0 && _frames.Layout.IsHugeFolio ? 9 : 0;
}
