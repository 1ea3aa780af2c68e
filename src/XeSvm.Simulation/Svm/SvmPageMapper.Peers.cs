using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Pagemap;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Peers.Locks;

namespace XeSvm.Simulation.Svm;

/// <content>
/// Data that lies in another device's VRAM (patch 11). Addresses are reserved before the notifier lock is taken, linked and unlinked under it,
/// and given back outside of it.
/// </content>
internal sealed partial class SvmPageMapper
{
    /// <summary>
    /// Reserves addresses for the memory of the device that has a range's pages, and keeps that device. Not under the notifier lock; the range
    /// has no mapping.
    /// </summary>
    /// <returns>0; -EAGAIN when the pages are elsewhere by now; the error of a reservation that is mandatory.</returns>
    public int PreparePeer(ClientMemory client, SvmRange range)
    {
        if (client.Residency.Examine(range.Start, range.End, out DeviceMemoryAllocation? allocation) != Residency.Device)
        {
            return -Errno.EAGAIN;
        }

        SoftwareDevice target = allocation!.Pagemap.Device;
        if (target == _device || range.Pages.Peer?.Target == target.Port)
        {
            return 0;
        }

        if (_device.Machine.Route(_device, target) == PeerRoute.None || !vm.Peers.Keep(target))
        {
            // Out of reach: the pages have to come home.
            return -Errno.EOPNOTSUPP;
        }

        FreePeer(range);
        range.Pages.Peer ??= _device.Machine.CreateMapping();
        PeerWork work = default;
        int result = range.Pages.Peer.Prepare(target.Port, _device.Port, range.PageCount, ref work);
        _device.Machine.Counters.AddGetPages(in work);
        return result;
    }

    /// <summary>Gives back the addresses that a range keeps from an earlier mapping. Not under the notifier lock; the range has no mapping.</summary>
    public void FreePeer(SvmRange range)
    {
        if (range.Pages.Peer is { Target: not null } peer)
        {
            PeerWork work = default;
            peer.Free(ref work);
            _device.Machine.Counters.AddGetPages(in work);
        }
    }

    /// <summary>Links the pages of an allocation on another device. Under the notifier lock.</summary>
    private int MapPeer(SvmRange range, DeviceMemoryAllocation allocation)
    {
        if (range.Pages.Peer is not { } peer || peer.Target != allocation.Pagemap.Device.Port)
        {
            return -Errno.EAGAIN;
        }

        using LockChecker.Scope notifier = _device.Machine.Locks.Hold(LockClass.Notifier, this, "the notifier lock");
        PeerWork work = default;
        int result = peer.Map(allocation.VramOffset + (range.Start - allocation.Start), ref work);
        _device.Machine.Counters.AddGetPages(in work);
        range.Pages.Device = result < 0 ? null : allocation;
        return result;
    }

    /// <summary>Unlinks what <see cref="MapPeer"/> has linked; the reservation stays. Under the notifier lock.</summary>
    private void UnmapPeer(SvmRange range)
    {
        if (!range.Pages.IsPeer)
        {
            return;
        }

        using LockChecker.Scope notifier = _device.Machine.Locks.Hold(LockClass.Notifier, this, "the notifier lock");
        PeerWork work = default;
        range.Pages.Peer!.Unmap(ref work);
        _device.Machine.Counters.AddGetPages(in work);
    }
}
