using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Peers.Machine;
using XeSvm.Simulation.Peers.Mapping;
using Xunit;

namespace XeSvm.Simulation.Tests.Peers;

/// <summary>A device's addresses of pages that lie on another (patch 11): notifier, restart, life of the cookie.</summary>
public sealed class PeerSvmPagesTests : IDisposable
{
    private const ulong Size = 2 * PeerMachines.Megabyte;

    private readonly PeerMachine _machine = new(BuiltInPeerTopologies.Load("pair-p2p"));
    private readonly PeerMover _mover;
    private readonly DevicePagemapIova _iova;
    private readonly PeerAllocation _allocation;
    private PeerWork _work;

    public PeerSvmPagesTests()
    {
        _mover = PeerMachines.Mover(_machine, "driver-owned");
        _iova = new DevicePagemapIova(_machine.Topology, _machine.Locks);
        _allocation = PeerMachines.Allocate(_machine, Size);
        Assert.Equal(0, _mover.ToDevice(_allocation, 1, 0, ref _work));
        _work = default;
    }

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void A_range_takes_one_reservation_a_link_for_each_page_and_one_sync()
    {
        PeerSvmPages pages = Open();
        Assert.Equal(0, pages.Get(ref _work));
        Assert.True(pages.IsMapped);
        Assert.Equal((1UL, 512UL, 1UL), (_work.CookieAlloc, _work.Initiator.LinkCalls, _work.Initiator.SyncCalls));
        pages.Free(ref _work);
        Assert.Equal((1UL, 1UL), (_work.CookieFree, _work.Initiator.UnlinkCalls));
        PeerMachines.AssertClean(_machine);
    }

    [Fact]
    public void Memory_on_another_device_is_read_written_and_added_to_without_moving()
    {
        PeerSvmPages pages = Open();
        pages.Get(ref _work);
        Assert.Equal(0, pages.Access(4100, [1, 2, 3, 4], write: true));
        Assert.Equal(0, pages.AtomicAdd(4100, 5));
        byte[] read = new byte[4];
        Assert.Equal(0, pages.Access(4100, read, write: false));
        Assert.Equal([6, 2, 3, 4], read);
        Assert.Equal(1, _allocation.Buffer!.Device.Index);
        Assert.Equal(0x04030206u, PeerMachines.Words(_machine, _allocation)[1025]);
        pages.Free(ref _work);
    }

    [Fact]
    public void An_invalidation_unlinks_and_keeps_the_cookie_and_the_next_get_frees_it_and_allocates_outside_the_lock()
    {
        PeerSvmPages pages = Open();
        pages.Get(ref _work);
        pages.Invalidate(ref _work);
        Assert.False(pages.IsMapped);
        Assert.True(pages.HasCookie);
        Assert.Equal((1UL, 0UL, 1UL), (_work.CookieAlloc, _work.CookieFree, _work.Initiator.UnlinkCalls));
        Assert.Equal(-Errno.EFAULT, pages.Access(0, new byte[4], write: false));
        Assert.Equal(0, pages.Get(ref _work));
        Assert.Equal((2UL, 1UL), (_work.CookieAlloc, _work.CookieFree));
        Assert.Empty(_machine.Locks.Violations);
        pages.Free(ref _work);
        Assert.Equal(_work.CookieAlloc, _work.CookieFree);
        PeerMachines.AssertClean(_machine);
    }

    [Fact]
    public void A_migration_invalidates_and_the_pages_are_found_where_they_went()
    {
        PeerSvmPages pages = Open();
        pages.Get(ref _work);
        pages.Access(0, [42], write: true);
        Assert.Equal(0, _mover.ToDevice(_allocation, 0, 0, ref _work));
        Assert.Equal(-Errno.EFAULT, pages.Access(0, new byte[1], write: false));
        PeerMachines.AssertClean(_machine);
        Assert.Equal(0, pages.Get(ref _work));
        byte[] read = new byte[1];
        Assert.Equal(0, pages.Access(0, read, write: false));
        Assert.Equal(42, read[0]);
        Assert.False(pages.HasCookie, "the device's own memory needs none");
        Assert.Equal(0, _mover.ToSystem(_allocation, ref _work));
        Assert.Equal(-Errno.ENXIO, pages.Get(ref _work));
        pages.Free(ref _work);
        Assert.Equal(_work.CookieAlloc, _work.CookieFree);
        PeerMachines.AssertClean(_machine);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(511)]
    public void A_link_that_fails_leaves_no_link_and_the_cookie_is_freed_once(int page)
    {
        PeerSvmPages pages = Open();
        _machine.Device(0).Faults.Add(new FaultRule(FaultPoint.Link) { At = page + 1 });
        Assert.Equal(-Errno.ENOMEM, pages.Get(ref _work));
        Assert.False(pages.IsMapped);
        Assert.Equal(_work.Initiator.PteSet, _work.Initiator.PteClear);
        Assert.Equal(0, pages.Get(ref _work));
        pages.Free(ref _work);
        Assert.Equal((2UL, 2UL), (_work.CookieAlloc, _work.CookieFree));
        PeerMachines.AssertClean(_machine);
    }

    [Fact]
    public void Freeing_twice_is_harmless()
    {
        PeerSvmPages pages = Open();
        pages.Get(ref _work);
        pages.Free(ref _work);
        pages.Free(ref _work);
        Assert.Equal((1UL, 1UL), (_work.CookieAlloc, _work.CookieFree));
    }

    [Theory]
    [InlineData(1, 4096)]
    [InlineData(0, 0)]
    [InlineData(0, 100)]
    [InlineData(0, 4194304)]
    [InlineData(2097152, 4096)]
    public void A_range_that_is_no_run_of_the_allocations_pages_is_refused(ulong start, ulong length) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new PeerSvmPages(_machine, _iova, _allocation, _machine.Device(0), start, length));

    [Theory]
    [InlineData(4095, 2)]
    [InlineData(2097152, 1)]
    [InlineData(0, 0)]
    public void An_access_is_within_one_page_of_the_range(ulong offset, int length)
    {
        PeerSvmPages pages = Open();
        pages.Get(ref _work);
        Assert.Equal(-Errno.EINVAL, pages.Access(offset, new byte[length], write: false));
        Assert.Equal(-Errno.EINVAL, pages.AtomicAdd(2, 1));
        pages.Free(ref _work);
    }

    private PeerSvmPages Open() => new(_machine, _iova, _allocation, _machine.Device(0), 0, Size);
}
