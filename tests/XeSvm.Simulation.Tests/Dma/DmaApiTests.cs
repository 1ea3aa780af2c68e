using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Tests.Dma;

/// <summary>The rules of the DMA-mapping API itself, below the strategies.</summary>
public sealed class DmaApiTests : IDisposable
{
    private const ulong Page = 4096;
    private const ulong Large = 2 << 20;
    private const ulong Memory = PageShapes.Base;

    private readonly IommuDomain _domain = new(new IommuOptions { Mode = IommuMode.Strict, Processors = 1, Timers = false });
    private readonly DmaDevice _device;
    private DmaWork _work;
    private DmaWork _total;

    public DmaApiTests() => _device = new DmaDevice("gpu0", _domain);

    public void Dispose() => _domain.Dispose();

    // 8. Zero sizes.
    [Fact]
    public void A_zero_length_link_is_an_error_and_links_nothing()
    {
        IovaState state = Reserve(Page);
        Assert.Equal(-Errno.EINVAL, _device.Link(ref state, Memory, 0, 0, DmaDirection.ToDevice, ref _work));
        AssertMisuse(DmaMisuseKind.ZeroSize);
        Assert.Equal(0UL, _work.PteSet);
        Assert.Equal(0, _device.Free(ref state, ref _work));
    }

    [Fact]
    public void An_unlink_of_nothing_walks_nothing_and_invalidates_nothing()
    {
        IovaState state = Reserve(Page);
        Assert.Equal(0, _device.Unlink(ref state, 0, 0, DmaDirection.ToDevice, ref _work));
        Assert.Equal((0UL, 0UL), (_work.InvalStrict, _work.WalksUnmap));
        Assert.Equal(0, _device.Destroy(ref state, 0, DmaDirection.ToDevice, ref _work));
        Assert.Equal((0UL, 1UL), (_work.InvalStrict, _work.IovaFree));
    }

    [Fact]
    public void A_sync_of_nothing_is_refused()
    {
        IovaState state = Reserve(Page);
        Assert.Equal(-Errno.EINVAL, _device.Sync(ref state, 0, 0, ref _work));
        AssertMisuse(DmaMisuseKind.ZeroSize);
        Assert.Equal(0UL, _work.SyncCalls);
    }

    // 7. Repeated sync.
    [Fact]
    public void A_repeated_sync_changes_nothing_and_counts_each_time()
    {
        IovaState state = Reserve(Page);
        Link(ref state, Memory, 0, Page);
        for (ulong i = 1; i <= 3; i++)
        {
            Assert.Equal(0, _device.Sync(ref state, 0, Page, ref _work));
            Assert.Equal((i, 0UL), (_work.SyncCalls, _work.SyncHw));
            AssertReaches(state.Address, Memory);
        }
    }

    // 9. Reservation sizes.
    [Fact]
    public void A_reservation_of_nothing_or_of_a_size_with_bit_63_is_refused()
    {
        IovaState state = default;
        Assert.False(_device.TryAllocIova(ref state, 0, 0, ref _work));
        AssertMisuse(DmaMisuseKind.ZeroSize);
        Assert.False(_device.TryAllocIova(ref state, 0, 1UL << 63, ref _work));
        AssertMisuse(DmaMisuseKind.OversizedReservation);
        Assert.False(state.IsLive);
        Assert.Equal(default, _work);
    }

    [Fact]
    public void A_reservation_larger_than_its_links_goes_back_as_a_whole()
    {
        ulong free = _domain.Allocator.TreePages;
        IovaState state = Reserve(1024 * Page);
        Link(ref state, Memory, 0, 3 * Page);
        Assert.Equal(0, _device.Destroy(ref state, 3 * Page, DmaDirection.ToDevice, ref _work));
        Assert.Equal(free, _domain.Allocator.TreePages);
        AssertClean();
    }

    [Fact]
    public void A_reservation_is_aligned_to_its_size_and_the_physical_address_asks_for_nothing()
    {
        foreach (ulong pages in new ulong[] { 1, 2, 16, 32, 33, 512, 1024, 1000 })
        {
            IovaState state = default;
            Assert.True(_device.TryAllocIova(ref state, Memory + (7 * Page), pages * Page, ref _work));
            Assert.Equal(0UL, state.Address % (ulong.CreateChecked(System.Numerics.BitOperations.RoundUpToPowerOf2(pages)) * Page));
            Assert.Equal(pages * Page, state.Size);
        }
    }

    // 11. A 2M leaf where an empty leaf table is.
    [Fact]
    public void A_2M_leaf_over_an_empty_leftover_table_collects_it_with_an_invalidation_of_its_own()
    {
        IovaState small = Reserve(512 * Page);
        ulong address = small.Address;
        for (ulong i = 0; i < 512; i++)
        {
            Link(ref small, Memory + (i * 2 * Page), i * Page, Page);
        }

        // Page by page, so that the emptied table stays.
        for (ulong i = 0; i < 512; i++)
        {
            Assert.Equal(0, _device.Unlink(ref small, i * Page, Page, DmaDirection.ToDevice, ref _work));
        }

        int tables = _domain.Table.Tables;
        TakeWork();
        Link(ref small, Memory, 0, Large);
        Assert.Equal((1UL, 1UL, 1UL), (_work.Leaf2m, _work.TableFree, _work.InvalStrict));
        Assert.Equal(tables - 1, _domain.Table.Tables);
        Assert.Equal(0, _device.Sync(ref small, 0, Large, ref _work));
        AssertReaches(address + Large - Page, Memory + Large - Page);
        Assert.Equal(0, _device.Destroy(ref small, Large, DmaDirection.ToDevice, ref _work));
        AssertClean();
    }

    [Fact]
    public void A_2M_leaf_over_a_table_in_use_finds_the_address_occupied()
    {
        IovaState state = Reserve(512 * Page);
        Link(ref state, Memory, 77 * Page, Page);
        Assert.Equal(-Errno.EADDRINUSE, _device.Link(ref state, Memory, 0, Large, DmaDirection.ToDevice, ref _work));
        Assert.Equal((0UL, 0UL), (_work.Leaf2m, _work.TableFree));
        Assert.Equal(0, _device.Unlink(ref state, 77 * Page, Page, DmaDirection.ToDevice, ref _work));
        Assert.Equal(0, _device.Free(ref state, ref _work));
        AssertClean();
    }

    [Fact]
    public void Linking_an_occupied_slot_takes_back_what_the_call_had_mapped_before_it()
    {
        IovaState state = Reserve(8 * Page);
        Link(ref state, Memory, 4 * Page, Page);
        TakeWork();
        Assert.Equal(-Errno.EADDRINUSE, _device.Link(ref state, Memory + Large, 0, 8 * Page, DmaDirection.ToDevice, ref _work));
        Assert.Equal((4UL, 4UL, 1UL, 1UL), (_work.PteSet, _work.PteClear, _work.InvalStrict, _work.Errors));
        Assert.Equal([state.Address + (4 * Page)], MappingAssert.Leaves(_domain).Keys);
        Assert.Equal(0, _device.Unlink(ref state, 4 * Page, Page, DmaDirection.ToDevice, ref _work));
        Assert.Equal(0, _device.Free(ref state, ref _work));
        AssertClean();
    }

    // 12. Unlink across a hole.
    [Fact]
    public void An_unlink_across_a_hole_stops_there_and_says_what_is_left()
    {
        IovaState state = Reserve(8 * Page);
        Link(ref state, Memory, 0, 2 * Page);
        Link(ref state, Memory + Large, 3 * Page, 5 * Page);
        Assert.Equal(-Errno.ENOENT, _device.Unlink(ref state, 0, 8 * Page, DmaDirection.ToDevice, ref _work));
        DmaMisuse misuse = AssertMisuse(DmaMisuseKind.UnlinkAcrossHole);
        Assert.Equal((state.Address + (2 * Page), 6 * Page), (misuse.Address, misuse.Size));
        Assert.Equal(5, MappingAssert.Leaves(_domain).Count);
        Assert.Equal(-Errno.EBUSY, _device.Free(ref state, ref _work));
        AssertMisuse(DmaMisuseKind.FreeWithLinks);
        Assert.Equal(0, _device.Unlink(ref state, 3 * Page, 5 * Page, DmaDirection.ToDevice, ref _work));
        Assert.Equal(0, _device.Free(ref state, ref _work));
        AssertClean();
    }

    [Fact]
    public void An_unlink_of_what_was_never_linked_clears_nothing_and_invalidates_nothing()
    {
        IovaState state = Reserve(8 * Page);
        Assert.Equal(-Errno.ENOENT, _device.Unlink(ref state, 0, 8 * Page, DmaDirection.ToDevice, ref _work));
        Assert.Equal((0UL, 0UL), (_work.PteClear, _work.InvalStrict));
        Assert.Equal(0, _device.Free(ref state, ref _work));
    }

    // 13. Partial unlink inside a 2M leaf.
    [Fact]
    public void A_partial_unlink_inside_a_2M_leaf_takes_the_whole_leaf_and_is_reported()
    {
        IovaState state = Reserve(Large);
        Link(ref state, Memory, 0, Large);
        Assert.Equal(-Errno.EINVAL, _device.Unlink(ref state, 16 * Page, Page, DmaDirection.ToDevice, ref _work));
        Assert.Equal(Large, AssertMisuse(DmaMisuseKind.UnlinkInsideLeaf).Size);
        Assert.Empty(MappingAssert.Leaves(_domain));
        Assert.Equal(0, _device.Free(ref state, ref _work));
        AssertClean();
    }

    // 14. State checks.
    [Fact]
    public void A_reservation_that_has_been_freed_is_refused_by_every_call_also_through_a_copy()
    {
        IovaState state = Reserve(2 * Page);
        IovaState copy = state;
        Assert.Equal(0, _device.Free(ref state, ref _work));
        foreach (IovaState stale in new[] { state, copy })
        {
            IovaState used = stale;
            Assert.Equal(-Errno.EINVAL, _device.Link(ref used, Memory, 0, Page, DmaDirection.ToDevice, ref _work));
            Assert.Equal(-Errno.EINVAL, _device.Sync(ref used, 0, Page, ref _work));
            Assert.Equal(-Errno.EINVAL, _device.Unlink(ref used, 0, Page, DmaDirection.ToDevice, ref _work));
            Assert.Equal(-Errno.EINVAL, _device.Free(ref used, ref _work));
            Assert.Equal(-Errno.EINVAL, _device.Destroy(ref used, Page, DmaDirection.ToDevice, ref _work));
            AssertMisuse(DmaMisuseKind.NotReserved);
        }

        // The record lives a second life now; the copy of the first must not reach it.
        IovaState next = Reserve(2 * Page);
        Assert.Equal(-Errno.EINVAL, _device.Free(ref copy, ref _work));
        Assert.Equal(0, _device.Free(ref next, ref _work));
        AssertClean();
    }

    [Fact]
    public void A_state_that_holds_a_reservation_gets_no_second_one()
    {
        IovaState state = Reserve(Page);
        Assert.False(_device.TryAllocIova(ref state, 0, Page, ref _work));
        AssertMisuse(DmaMisuseKind.AlreadyReserved);
        Assert.Equal(0, _device.Free(ref state, ref _work));
        AssertClean();
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(2, 1)]
    [InlineData(3, 1)]
    [InlineData(ulong.MaxValue / 4096, 1)]
    public void Nothing_outside_of_a_reservation_can_be_linked_synced_or_unlinked(ulong offset, ulong size)
    {
        IovaState state = Reserve(2 * Page);
        Assert.Equal(-Errno.EINVAL, _device.Link(ref state, Memory, offset * Page, size * Page, DmaDirection.ToDevice, ref _work));
        Assert.Equal(-Errno.EINVAL, _device.Sync(ref state, offset * Page, size * Page, ref _work));
        Assert.Equal(-Errno.EINVAL, _device.Unlink(ref state, offset * Page, size * Page, DmaDirection.ToDevice, ref _work));
        AssertMisuse(DmaMisuseKind.OutsideReservation);
        Assert.Equal((0UL, 0UL), (_work.PteSet, _work.PteClear));
    }

    [Theory]
    [InlineData(1UL, 0UL, 4096UL)]
    [InlineData(0UL, 512UL, 4096UL)]
    [InlineData(0UL, 0UL, 4095UL)]
    public void Pieces_of_pages_are_refused(ulong physical, ulong offset, ulong size)
    {
        IovaState state = Reserve(4 * Page);
        Assert.Equal(-Errno.EINVAL, _device.Link(ref state, Memory + physical, offset, size, DmaDirection.ToDevice, ref _work));
        AssertMisuse(DmaMisuseKind.Unaligned);
    }

    [Fact]
    public void A_page_that_is_not_mapped_cannot_be_unmapped()
    {
        Assert.Equal(0, _device.MapPage(Memory, Page, DmaDirection.ToDevice, ref _work, out ulong address));
        Assert.Equal(0, _device.UnmapPage(address, Page, DmaDirection.ToDevice, ref _work));
        TakeWork();
        Assert.Equal(-Errno.EINVAL, _device.UnmapPage(address, Page, DmaDirection.ToDevice, ref _work));
        AssertMisuse(DmaMisuseKind.NotMapped);
        Assert.Equal((0UL, 0UL, 0UL), (_work.IovaFree, _work.PteClear, _work.InvalStrict));
        AssertClean();
    }

    [Theory]
    [InlineData(0UL, DmaMisuseKind.ZeroSize)]
    [InlineData(100UL, DmaMisuseKind.Unaligned)]
    public void A_map_of_no_whole_page_is_refused(ulong size, object kind)
    {
        Assert.Equal(-Errno.EINVAL, _device.MapPage(Memory, size, DmaDirection.ToDevice, ref _work, out _));
        AssertMisuse((DmaMisuseKind)kind);
        Assert.Equal(1UL, _work.Errors);
    }

    // 16. What the device may reach, and when.
    [Fact]
    public void The_device_reaches_linked_memory_only_after_the_sync()
    {
        IovaState state = Reserve(4 * Page);
        Link(ref state, Memory, 0, 2 * Page);
        AssertFault(state.Address, write: false, IommuFaultReason.Unsynced);
        Assert.Equal(0, _device.Sync(ref state, 0, Page, ref _work));
        AssertReaches(state.Address, Memory);
        AssertFault(state.Address + Page, write: false, IommuFaultReason.Unsynced);
        Assert.Equal(0, _device.Sync(ref state, Page, Page, ref _work));
        AssertReaches(state.Address + Page, Memory + Page);
        AssertFault(state.Address + (2 * Page), write: false, IommuFaultReason.Unmapped);
        Assert.Equal(0, _domain.Reservations.Unsynced);
    }

    [Fact]
    public void A_reservation_freed_unsynced_leaves_no_trace()
    {
        IovaState state = Reserve(4 * Page);
        Link(ref state, Memory, 0, 2 * Page);
        Assert.Equal(1, _domain.Reservations.Unsynced);
        Assert.Equal(0, _device.Destroy(ref state, 2 * Page, DmaDirection.ToDevice, ref _work));
        Assert.Equal(0, _domain.Reservations.Unsynced);
        AssertClean();
    }

    [Fact]
    public void In_strict_mode_an_unmapped_page_is_out_of_reach_at_once()
    {
        Assert.Equal(0, _device.MapPage(Memory, Page, DmaDirection.ToDevice, ref _work, out ulong address));
        AssertReaches(address, Memory);
        Assert.Equal(0, _device.UnmapPage(address, Page, DmaDirection.ToDevice, ref _work));
        AssertFault(address, write: false, IommuFaultReason.Unmapped);
    }

    [Fact]
    public void In_lazy_mode_the_IOTLB_keeps_an_unmapped_page_until_the_flush_and_the_access_is_reported()
    {
        using IommuDomain lazy = new(new IommuOptions { Mode = IommuMode.Lazy, Processors = 1, Timers = false });
        DmaDevice device = new("gpu1", lazy);
        Assert.Equal(0, device.MapPage(Memory, Page, DmaDirection.ToDevice, ref _work, out ulong address));
        Assert.Equal(0, device.Translate(address, write: false, out _));
        Assert.Equal(0, device.UnmapPage(address, Page, DmaDirection.ToDevice, ref _work));
        DmaAudit audit = DmaAudit.Run(lazy);
        Assert.True(audit.IsClean, audit.ToString());
        Assert.Equal(1, audit.OpenWindows);

        Assert.Equal(-Errno.EFAULT, device.Translate(address, write: false, out ulong physical));
        Assert.Equal(Memory, physical);
        Assert.Equal(new IommuFault("gpu1", address, false, IommuFaultReason.Stale), lazy.Faults.ToArray()[^1]);

        lazy.RunFlushTimer();
        Assert.Equal(-Errno.EFAULT, device.Translate(address, write: false, out _));
        Assert.Equal(IommuFaultReason.Unmapped, lazy.Faults.ToArray()[^1].Reason);
        Assert.Equal(0, DmaAudit.Run(lazy).OpenWindows);
    }

    [Fact]
    public void In_lazy_mode_an_unlinked_page_is_out_of_reach_at_once()
    {
        using IommuDomain lazy = new(new IommuOptions { Mode = IommuMode.Lazy, Processors = 1, Timers = false });
        DmaDevice device = new("gpu1", lazy);
        IovaState state = default;
        Assert.True(device.TryAllocIova(ref state, 0, Page, ref _work));
        Assert.Equal(0, device.Link(ref state, Memory, 0, Page, DmaDirection.ToDevice, ref _work));
        Assert.Equal(0, device.Sync(ref state, 0, Page, ref _work));
        Assert.Equal(0, device.Translate(state.Address, write: false, out _));
        ulong address = state.Address;
        Assert.Equal(0, device.Destroy(ref state, Page, DmaDirection.ToDevice, ref _work));
        Assert.Equal(-Errno.EFAULT, device.Translate(address, write: false, out _));
        Assert.Equal(IommuFaultReason.Unmapped, lazy.Faults.ToArray()[^1].Reason);
        Assert.Equal((1UL, 0UL), (_work.InvalStrict, _work.QueueEntries));
    }

    [Theory]
    [InlineData(DmaDirection.ToDevice, true, false)]
    [InlineData(DmaDirection.FromDevice, false, true)]
    [InlineData(DmaDirection.Bidirectional, true, true)]
    public void The_direction_limits_what_the_device_may_do(object direction, bool reads, bool writes)
    {
        Assert.Equal(0, _device.MapPage(Memory, Page, (DmaDirection)direction, ref _work, out ulong address));
        Assert.Equal(reads ? 0 : -Errno.EFAULT, _device.Translate(address, write: false, out _));
        Assert.Equal(writes ? 0 : -Errno.EFAULT, _device.Translate(address, write: true, out _));
        Assert.All(_domain.Faults.ToArray(), fault => Assert.Equal(IommuFaultReason.Permission, fault.Reason));
    }

    [Fact]
    public void The_first_stage_has_no_write_only_pages()
    {
        using IommuDomain first = new(new IommuOptions { Mode = IommuMode.Strict, FirstStage = true, Timers = false });
        DmaDevice device = new("gpu1", first);
        Assert.Equal(0, device.MapPage(Memory, Page, DmaDirection.FromDevice, ref _work, out ulong address));
        Assert.Equal(0, device.Translate(address, write: false, out _));
    }

    [Fact]
    public void An_access_anywhere_else_faults_and_is_recorded()
    {
        AssertFault(0x1234_5000, write: true, IommuFaultReason.Unmapped);
        AssertFault(1UL << 46, write: true, IommuFaultReason.BeyondMask);
        AssertFault(ulong.MaxValue, write: false, IommuFaultReason.BeyondMask);
        Assert.Equal(3, _domain.Faults.Count);
    }

    [Fact]
    public void Without_translation_an_address_is_physical_and_must_lie_within_the_mask()
    {
        using IommuDomain direct = new(new IommuOptions { Mode = IommuMode.Passthrough });
        DmaDevice device = new("gpu1", direct, addressBits: 33);
        Assert.Equal(0, device.MapPage(Memory, Page, DmaDirection.ToDevice, ref _work, out ulong address));
        Assert.Equal(Memory, address);
        Assert.Equal(0, device.Translate(address + 5, write: true, out ulong physical));
        Assert.Equal(Memory + 5, physical);
        Assert.Equal(-Errno.EIO, device.MapPage(1UL << 33, Page, DmaDirection.ToDevice, ref _work, out _));
        Assert.Equal(-Errno.EIO, device.MapPage((1UL << 33) - Page, 2 * Page, DmaDirection.ToDevice, ref _work, out _));
        Assert.Equal(-Errno.EFAULT, device.Translate(1UL << 33, write: false, out _));
    }

    [Fact]
    public void Below_4_GiB_comes_first_until_it_has_failed_once()
    {
        IovaState large = default;
        Assert.True(_device.TryAllocIova(ref large, 0, Page, ref _work));
        Assert.True(large.Address < 1UL << 32);
        IovaState huge = default;
        Assert.True(_device.TriesBelow4GFirst);
        Assert.True(_device.TryAllocIova(ref huge, 0, 4UL << 30, ref _work));
        Assert.True(huge.Address >= 1UL << 32);
        Assert.False(_device.TriesBelow4GFirst);
        IovaState small = default;
        Assert.True(_device.TryAllocIova(ref small, 0, 512 * Page, ref _work));
        Assert.True(small.Address >= 1UL << 32);

        // Another device of the domain makes its own experience.
        DmaDevice other = new("gpu1", _domain);
        IovaState theirs = default;
        Assert.True(other.TryAllocIova(ref theirs, 0, 512 * Page, ref _work));
        Assert.True(theirs.Address < 1UL << 32);
    }

    [Fact]
    public void Forced_DAC_starts_above_4_GiB()
    {
        using IommuDomain domain = new(new IommuOptions { Mode = IommuMode.Strict, ForceDac = true, Timers = false });
        IovaState state = default;
        Assert.True(new DmaDevice("gpu1", domain).TryAllocIova(ref state, 0, Page, ref _work));
        Assert.True(state.Address >= 1UL << 32);
    }

    [Fact]
    public void A_peer_mapping_is_unmapped_without_a_lookup()
    {
        Assert.Equal(0, _device.MapResource(0x40_0000_0000, Large, DmaDirection.Bidirectional, ref _work, out ulong address));
        Assert.Equal(0, _device.UnmapResource(address, Large, DmaDirection.Bidirectional, ref _work));
        Assert.Equal((1UL, 1UL, 0UL, 2UL), (_work.MapCalls, _work.UnmapCalls, _work.WalksLookup, _work.Walks));
        AssertClean();
    }

    private void TakeWork()
    {
        _total.Add(in _work);
        _work = default;
    }

    private IovaState Reserve(ulong bytes)
    {
        IovaState state = default;
        Assert.True(_device.TryAllocIova(ref state, 0, bytes, ref _work));
        return state;
    }

    private void Link(ref IovaState state, ulong physical, ulong offset, ulong size) =>
        Assert.Equal(0, _device.Link(ref state, physical, offset, size, DmaDirection.ToDevice, ref _work));

    private void AssertReaches(ulong address, ulong physical)
    {
        Assert.Equal(0, _device.Translate(address, write: false, out ulong reached));
        Assert.Equal(physical, reached);
    }

    private void AssertFault(ulong address, bool write, object reason)
    {
        Assert.Equal(-Errno.EFAULT, _device.Translate(address, write, out _));
        Assert.Equal(new IommuFault("gpu0", address, write, (IommuFaultReason)reason), _domain.Faults.ToArray()[^1]);
    }

    private DmaMisuse AssertMisuse(object kind)
    {
        DmaMisuse misuse = _domain.Misuses.ToArray()[^1];
        Assert.Equal((DmaMisuseKind)kind, misuse.Kind);
        return misuse;
    }

    private void AssertClean()
    {
        TakeWork();
        DmaAudit audit = DmaAudit.Run(_domain);
        audit.CheckBalance(in _total);
        Assert.True(audit.IsClean, audit.ToString());
    }
}
