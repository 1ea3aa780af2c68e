using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Peers.Locks;
using XeSvm.Simulation.Peers.Mapping;

namespace XeSvm.Simulation.Peers.Machine;

/// <summary>
/// One device's view of up to 2 MiB of an allocation that lies on another device: fetches its addresses, hears of invalidations, and
/// accesses the memory as the device's engines do.
/// </summary>
internal sealed unsafe class PeerSvmPages
{
    /// <summary>How often fetching starts again before it gives up.</summary>
    private const int Attempts = 100;

    private readonly PeerMachine _machine;
    private readonly PeerRangeMapping _mapping;
    private readonly PeerAllocation _allocation;
    private readonly PeerDevice _initiator;
    private readonly CheckedLock _addressSpace;
    private readonly CheckedLock _notifier;
    private readonly ulong _start;
    private readonly int _pages;

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
        _mapping = new PeerRangeMapping(machine.Topology, iova);
        _allocation = allocation;
        _initiator = initiator;
        _start = start;
        _pages = (int)(length / IoEntry.PageSize);
        _addressSpace = new CheckedLock(machine.Locks, LockClass.AddressSpace, "the address space's lock");
        _notifier = new CheckedLock(machine.Locks, LockClass.Notifier, "the notifier lock");
        allocation.Register(this);
    }

    /// <summary>Whether there are addresses now.</summary>
    public bool IsMapped => _mapping.IsMapped;

    /// <summary>Whether a cookie is held, linked or not.</summary>
    public bool HasCookie => _mapping.HasCookie;

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
                int allocated = _mapping.Prepare(buffer.Device, _initiator, _pages, ref work);
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

            if (_allocation.Buffer?.Device != _mapping.Target)
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
        _mapping.Unmap(ref work);
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

    private ulong Length => (ulong)_pages * IoEntry.PageSize;

    private int Resolve(ulong offset, int length, bool write, out byte* pointer)
    {
        pointer = null;
        ulong inPage = offset % IoEntry.PageSize;
        if (offset >= Length || length < 1 || inPage + (ulong)length > IoEntry.PageSize)
        {
            return -Errno.EINVAL;
        }

        if (!_mapping.IsMapped)
        {
            return -Errno.EFAULT;
        }

        int result = _machine.Bus.Resolve(_initiator, in _mapping.Addresses[(int)(offset / IoEntry.PageSize)], 0, write, out pointer);
        pointer += inPage;
        return result;
    }

    private int MapUnderNotifier(PeerBuffer buffer, long sequence, ref PeerWork work)
    {
        using CheckedLock.Scope notifier = _notifier.Take();
        return _allocation.Sequence != sequence || buffer.Device != _mapping.Target ? -Errno.EAGAIN : _mapping.Map(buffer.Offset + _start, ref work);
    }

    private void FreeCookie(ref PeerWork work)
    {
        using (_notifier.Take())
        {
            _mapping.Unmap(ref work);
        }

        _mapping.Free(ref work);
    }
}
