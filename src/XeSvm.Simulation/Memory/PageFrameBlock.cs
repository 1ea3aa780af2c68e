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

    /// <summary>Order of the folio that a page is the head of: 9 for page 0 of a huge folio, else 0.</summary>
    public int Order(int page) => page == 0 && _frames.Layout.IsHugeFolio ? 9 : 0;

    /// <summary>Takes the block's lock for changes to any number of pages, until the result is disposed.</summary>
    public Changes Change() => new(this);

    /// <summary>One change by itself: see <see cref="Changes.Acquire"/>.</summary>
    public ulong Acquire(int page)
    {
        using Changes changes = Change();
        return changes.Acquire(page);
    }

    /// <summary>One change by itself: see <see cref="Changes.Release"/>.</summary>
    public void Release(int page)
    {
        using Changes changes = Change();
        changes.Release(page);
    }

    /// <summary>One change by itself: see <see cref="Changes.SetHost"/>.</summary>
    public void SetHost(int page, byte* host)
    {
        using Changes changes = Change();
        changes.SetHost(page, host);
    }

    /// <summary>Changes to the pages of a block, whose lock is held meanwhile.</summary>
    internal readonly ref struct Changes : IDisposable
    {
        private readonly PageFrameBlock _block;
        private readonly Lock.Scope _scope;

        internal Changes(PageFrameBlock block)
        {
            _block = block;
            _scope = block._lock.EnterScope();
        }

        /// <summary>Adds a user of a page's frame; a page in use keeps its frame.</summary>
        /// <param name="page">0 to 511.</param>
        /// <returns>The frame's physical address in bytes.</returns>
        public ulong Acquire(int page)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)page, (uint)PageLayout.BlockPages);
            PageFrameExtent extent = _block._extent ??= _block.AttachExtent();
            if (extent.Acquire(page) == 0)
            {
                _block._pagesInUse++;
            }

            return extent.PhysicalOf(page);
        }

        /// <summary>Takes a user of a page's frame away; the frame of a page without users is released.</summary>
        /// <exception cref="InvalidOperationException">The frame has no user.</exception>
        public void Release(int page)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)page, (uint)PageLayout.BlockPages);
            int left = _block._extent is { } extent ? extent.Release(page) : -1;
            if (left < 0)
            {
                throw new InvalidOperationException($"Page {page} of the block at 0x{_block._address:x} was released without being in use.");
            }

            if (left == 0 && --_block._pagesInUse == 0)
            {
                _block.DetachExtent();
            }
        }

        /// <summary>Says that the content of a page in use is at a host address now (staging); null: in place, at the client's address.</summary>
        /// <exception cref="InvalidOperationException">The block has no page in use.</exception>
        public void SetHost(int page, byte* host)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)page, (uint)PageLayout.BlockPages);
            if (_block._extent is not { } extent)
            {
                throw new InvalidOperationException($"No page of the block at 0x{_block._address:x} is in use.");
            }

            extent.SetHost(page, host);
        }

        /// <summary>Gives the lock back.</summary>
        public void Dispose() => _scope.Dispose();
    }

    private PageFrameExtent AttachExtent()
    {
        PageFrameExtent extent = _frames.TakeExtent();
        extent.Attach(_client, _address);
        return extent;
    }

    private void DetachExtent()
    {
        _extent!.Detach();
        _frames.ReturnExtent(_extent);
        _extent = null;
    }
}
