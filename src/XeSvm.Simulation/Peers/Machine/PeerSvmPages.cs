using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Peers.Locks;
using XeSvm.Simulation.Peers.Mapping;

namespace XeSvm.Simulation.Peers.Machine;

/// <summary>
/// One device's addresses of up to 2 MiB of an allocation that lies on another device (drm_gpusvm_pages with patch 11). At most one live
/// cookie: an invalidation only unlinks, under the notifier lock; the cookie stays and is freed outside of it, when pages are fetched
/// again or given up.
/// </summary>
internal sealed unsafe class PeerSvmPages
{
    /// <summary>How often fetching starts again before it gives up.</summary>
    private const int Attempts = 100;

    private readonly PeerMachine _machine;
    private readonly PagemapIova _iova;
    private readonly PeerAllocation _allocation;
    private readonly PeerDevice _initiator;
    private readonly CheckedLock _addressSpace;
    private readonly CheckedLock _notifier;
    private readonly BusAddress[] _addresses;
    private readonly ulong _start;
    private PeerDevice? _target;
    private PeerCookie _cookie;
    private ulong _linked;
    private bool _mapped;

    /// <param name="machine">The machine.</param>
    /// <param name="iova">How addresses are made.</param>
    /// <param name="allocation">Whose pages.</param>
    /// <param name="initiator">Who accesses them.</param>
    /// <param name="start">First byte; a multiple of 4 KiB.</param>
    /// <param name="length">Bytes; a multiple of 4 KiB up to 2 MiB, within the allocation.</param>
    public PeerSvmPages(PeerMachine machine, PagemapIova iova, PeerAllocation allocation, PeerDevice initiator, ulong start, ulong length)
    {
        if (start % IoEntry.PageSize != 0 || length is 0 or > PeerScratch.Pages * IoEntry.PageSize || length % IoEntry.PageSize != 0
            || start > allocation.Size || length > allocation.Size - start)
        {
            throw new ArgumentOutOfRangeException(
                nameof(length), length, $"[{start}, {start + length}) is no run of 1 to 512 pages within {allocation.Size} bytes.");
        }

        _machine = machine;
        _iova = iova;
        _allocation = allocation;
        _initiator = initiator;
        _start = start;
        _addresses = new BusAddress[length / IoEntry.PageSize];
        _addressSpace = new CheckedLock(machine.Locks, LockClass.AddressSpace, "the address space's lock");
        _notifier = new CheckedLock(machine.Locks, LockClass.Notifier, "the notifier lock");
        allocation.Register(this);
    }

    /// <summary>Whether there are addresses now.</summary>
    public bool IsMapped => Volatile.Read(ref _mapped);

    /// <summary>Whether a cookie is held, linked or not.</summary>
    public bool HasCookie => _cookie.IsLive;

    /// <summary>Makes addresses of the pages, where they are now.</summary>
    /// <returns>
    /// 0; -ENXIO while the pages are in system memory, which has a path of its own; -EBUSY when they move all the time; -ENOLINK, -ENOMEM
    /// and other errors of mapping: then nothing is mapped.
    /// </returns>
    public int Get(ref PeerWork work)
    {
        using CheckedLock.Scope addressSpace = _addressSpace.Take();
        FreeCookie(ref work);
        bool tried = false;
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            long sequence = _allocation.Sequence;
            if ((sequence & 1) != 0)
            {
                _allocation.AwaitMove();
                continue;
            }

            if (_allocation.Buffer is not { } buffer)
            {
                return -Errno.ENXIO;
            }

            if (!tried)
            {
                // Met the first device page: the lock was dropped for this, so the pages are looked at again.
                int allocated = _iova.Alloc(buffer.Device, _initiator, Length, DmaDirection.Bidirectional, ref work, out _cookie);
                _target = buffer.Device;
                tried = true;
                if (allocated < 0)
                {
                    return allocated;
                }
            }

            int result = MapUnderNotifier(buffer, sequence, ref work);
            if (result != -Errno.EAGAIN)
            {
                return result;
            }

            if (_allocation.Buffer?.Device != _target)
            {
                FreeCookie(ref work);
                tried = false;
            }
        }

        FreeCookie(ref work);
        return -Errno.EBUSY;
    }

    /// <summary>The notifier: makes the addresses useless. The cookie stays.</summary>
    public void Invalidate(ref PeerWork work)
    {
        using CheckedLock.Scope notifier = _notifier.Take();
        Unmap(ref work);
    }

    /// <summary>Gives everything up.</summary>
    public void Free(ref PeerWork work)
    {
        using CheckedLock.Scope addressSpace = _addressSpace.Take();
        _allocation.Unregister(this);
        Invalidate(ref work);
        FreeCookie(ref work);
    }

    /// <summary>A GPU access of the initiator, within one page.</summary>
    /// <returns>0; -EFAULT while there are no addresses: fetch them again, as a GPU page fault does.</returns>
    public int Access(ulong offset, Span<byte> data, bool write)
    {
        using CheckedLock.Scope notifier = _notifier.Take();
        int result = Resolve(offset, data.Length, write, out byte* pointer);
        if (result == 0)
        {
            Span<byte> memory = new(pointer, data.Length);
            (write ? data : memory).CopyTo(write ? memory : data);
        }

        return result;
    }

    /// <summary>A GPU atomic of the initiator on an aligned 32-bit word.</summary>
    public int AtomicAdd(ulong offset, int addend)
    {
        using CheckedLock.Scope notifier = _notifier.Take();
        if (offset % sizeof(int) != 0)
        {
            return -Errno.EINVAL;
        }

        int result = Resolve(offset, sizeof(int), write: true, out byte* pointer);
        if (result == 0)
        {
            Interlocked.Add(ref *(int*)pointer, addend);
        }

        return result;
    }

    private ulong Length => (ulong)_addresses.Length * IoEntry.PageSize;

    private int Resolve(ulong offset, int length, bool write, out byte* pointer)
    {
        pointer = null;
        ulong inPage = offset % IoEntry.PageSize;
        if (offset >= Length || length < 1 || inPage + (ulong)length > IoEntry.PageSize)
        {
            return -Errno.EINVAL;
        }

        if (!_mapped)
        {
            return -Errno.EFAULT;
        }

        int result = _machine.Bus.Resolve(_initiator, in _addresses[offset / IoEntry.PageSize], 0, write, out pointer);
        pointer += inPage;
        return result;
    }

    private int MapUnderNotifier(PeerBuffer buffer, long sequence, ref PeerWork work)
    {
        using CheckedLock.Scope notifier = _notifier.Take();
        if (_allocation.Sequence != sequence || buffer.Device != _target)
        {
            return -Errno.EAGAIN;
        }

        int result = 0;
        for (int i = 0; i < _addresses.Length && result == 0; i++)
        {
            PeerPage page = new(buffer.Offset + _start + ((ulong)i << IoEntry.PageShift), 0, IsHole: false);
            result = _cookie.IsLive
                ? _iova.Link(buffer.Device, in page, _linked, ref _cookie, DmaDirection.Bidirectional, ref work, out _addresses[i])
                : DeviceMap.Map(_machine.Topology, buffer.Device, _initiator, in page, DmaDirection.Bidirectional, ref work, out _addresses[i]);
            _linked += result == 0 && _cookie.IsLive ? page.Bytes : 0;
        }

        if (result == 0 && _cookie.IsLive)
        {
            result = _iova.Sync(ref _cookie, _linked, ref work);
        }

        _mapped = true;
        if (result < 0)
        {
            Unmap(ref work);
        }

        return result;
    }

    private void Unmap(ref PeerWork work)
    {
        if (!_mapped)
        {
            return;
        }

        if (_linked > 0)
        {
            _iova.Unlink(ref _cookie, _linked, DmaDirection.Bidirectional, ref work);
            _linked = 0;
        }
        else if (!_cookie.IsLive)
        {
            foreach (ref BusAddress address in _addresses.AsSpan())
            {
                if (address.IsValid)
                {
                    DeviceMap.Unmap(_target!, _initiator, in address, ref work);
                }
            }
        }

        Array.Clear(_addresses);
        _mapped = false;
    }

    private void FreeCookie(ref PeerWork work)
    {
        using (_notifier.Take())
        {
            Unmap(ref work);
        }

        if (_cookie.IsLive)
        {
            _iova.Free(ref _cookie, ref work);
        }
    }
}
