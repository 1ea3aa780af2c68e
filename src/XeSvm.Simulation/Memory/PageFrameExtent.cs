using System.Runtime.InteropServices;

namespace XeSvm.Simulation.Memory;

/// <summary>
/// 1024 page frames of the machine, of which a block of client memory uses up to 512. Written under its block's lock, read without one:
/// a change of owner makes the version odd while it happens.
/// </summary>
internal sealed unsafe class PageFrameExtent
{
    private readonly int* _uses;
    private readonly nint* _hosts;
    private readonly PagePlacement _placement;
    private ClientMemory? _client;
    private ulong _clientAddress;
    private long _version;

    /// <summary>An extent without an owner.</summary>
    /// <param name="physical">Physical address of the first frame.</param>
    /// <param name="placement">Where pages lie; shared with other extents unless blocks differ.</param>
    public PageFrameExtent(ulong physical, PagePlacement placement)
    {
        Physical = physical;
        _placement = placement;
        _uses = (int*)NativeMemory.AllocZeroed(PageLayout.BlockPages, sizeof(int));
        _hosts = (nint*)NativeMemory.AllocZeroed(PageLayout.BlockPages, (nuint)sizeof(nint));
    }

    ~PageFrameExtent()
    {
        NativeMemory.Free(_uses);
        NativeMemory.Free(_hosts);
    }

    /// <summary>Physical address of the first frame.</summary>
    public ulong Physical { get; }

    /// <summary>Gives the frames to a block of a client.</summary>
    public void Attach(ClientMemory client, ulong clientAddress)
    {
        Interlocked.Increment(ref _version);
        _placement.PlaceBlock(clientAddress);
        _client = client;
        _clientAddress = clientAddress;
        Interlocked.Increment(ref _version);
    }

    /// <summary>Takes the frames from their block; all are released by then.</summary>
    public void Detach()
    {
        Interlocked.Increment(ref _version);
        _client = null;
        Interlocked.Increment(ref _version);
    }

    /// <summary>Physical address of a page's frame.</summary>
    public ulong PhysicalOf(int page) => Physical + ((ulong)_placement.FrameOf(page) << PageFrames.PageShift);

    /// <summary>One more user of a page's frame; returns the number before.</summary>
    public int Acquire(int page)
    {
        int before = _uses[page];
        if (before == 0)
        {
            Volatile.Write(ref _hosts[page], 0);
        }

        Volatile.Write(ref _uses[page], before + 1);
        return before;
    }

    /// <summary>One user less; returns the number left, or -1 when there was none.</summary>
    public int Release(int page)
    {
        int left = _uses[page] - 1;
        if (left >= 0)
        {
            Volatile.Write(ref _uses[page], left);
        }

        return left;
    }

    /// <summary>Says where a page's content is.</summary>
    public void SetHost(int page, byte* host) => Volatile.Write(ref _hosts[page], (nint)host);

    /// <summary>Resolves a byte of a frame; false when the frame is not in use.</summary>
    public bool TryResolve(int frameIndex, int offset, out ResolvedFrame frame)
    {
        frame = default;
        while (true)
        {
            long version = Volatile.Read(ref _version);
            ClientMemory? client = Volatile.Read(ref _client);
            int page = _placement.PageOf(frameIndex);
            int known = Math.Max(page, 0);
            ulong address = Volatile.Read(ref _clientAddress) + ((ulong)known << PageFrames.PageShift) + (ulong)offset;
            int uses = Volatile.Read(ref _uses[known]);
            byte* host = (byte*)Volatile.Read(ref _hosts[known]);
            Volatile.ReadBarrier();
            if ((version & 1) == 0 && Volatile.Read(ref _version) == version)
            {
                if (client is null || page < 0 || uses == 0)
                {
                    return false;
                }

                frame = new ResolvedFrame(client, address, host is null ? null : host + offset);
                return true;
            }

            Thread.SpinWait(1);
        }
    }
}
