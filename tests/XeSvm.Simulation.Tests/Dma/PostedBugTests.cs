using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Tests.Memory;

namespace XeSvm.Simulation.Tests.Dma;

/// <summary>
/// Bugs of the posted versions of the series, rebuilt here as test doubles on a domain that does on misuse what the kernel does, which is to
/// warn and go on. Each must be caught.
/// </summary>
public sealed class PostedBugTests : IDisposable
{
    private const ulong Page = 4096;

    private readonly IommuDomain _domain =
        new(new IommuOptions { Mode = IommuMode.Strict, Processors = 1, Timers = false, RefuseMisuse = false });

    private readonly PageFrames _frames = new(PageLayout.Parse("contiguous"));
    private readonly PageFrameBlock _block;
    private readonly DmaDevice _device;
    private DmaWork _work;

    public PostedBugTests()
    {
        _device = new DmaDevice("gpu0", _domain);
        _block = _frames.Block(new UnreachableClientMemory(), 0x7f00_0000_0000);
    }

    public void Dispose() => _domain.Dispose();

    [Fact]
    public void The_corruption_of_the_first_RFC_is_caught_a_hole_stops_the_unlink_and_freed_addresses_keep_live_entries()
    {
        // Pages at their places, nothing at the hole, one destroy over everything.
        MigratePage[] pages = Acquire("SS.SS...");
        IovaState state = LinkAtPlaces(pages);
        Assert.Equal(0, _device.Sync(ref state, 0, state.Size, ref _work));
        ulong behindHole = state.Address + (4 * Page);
        ulong victim = pages[4].Physical;
        Assert.Equal(-Errno.ENOENT, _device.Destroy(ref state, 8 * Page, DmaDirection.ToDevice, ref _work));
        Release("SS.SS...");

        Assert.Equal(
            [DmaMisuseKind.UnlinkAcrossHole, DmaMisuseKind.FreeWithLinks], _domain.Misuses.ToArray().Select(misuse => misuse.Kind));
        DmaAudit audit = DmaAudit.Run(_domain, _frames);
        Assert.Equal(2, audit.Findings.Count(finding => finding.Kind == DmaAuditKind.EntryToReleasedFrame));
        Assert.Equal(2, audit.Findings.Count(finding => finding.Kind == DmaAuditKind.EntryWithoutOwner));
        Assert.Contains($"0x{victim:x}", audit.ToString(), StringComparison.Ordinal);

        // The corruption itself: the device still reaches the page that its owner has given back.
        Assert.Equal(0, _device.Translate(behindHole, write: false, out ulong reached));
        Assert.Equal(victim, reached);
        Assert.False(_frames.TryResolve(reached, out _));

        // And the next user of the same addresses finds them occupied.
        MigratePage[] next = Acquire("SSSSSSSS");
        DeviceAddress[] addresses = new DeviceAddress[8];
        DmaMapping mapping = default;
        Assert.Equal(
            -Errno.EADDRINUSE,
            MappingStrategy.Parse("iova").MapMigrate(_device, next, DmaDirection.ToDevice, addresses, ref mapping, ref _work));
    }

    [Fact]
    public void The_same_array_on_the_merged_form_leaves_nothing_behind()
    {
        foreach (MappingStrategy strategy in MappingStrategy.All)
        {
            MigratePage[] pages = Acquire("SS.SS...");
            DeviceAddress[] addresses = new DeviceAddress[8];
            DmaMapping mapping = default;
            Assert.Equal(0, strategy.MapMigrate(_device, pages, DmaDirection.ToDevice, addresses, ref mapping, ref _work));
            Assert.True(DmaAudit.Run(_domain, _frames).IsClean);
            Assert.Equal(0, _device.Translate(addresses[4].Value, write: false, out _));
            strategy.UnmapMigrate(_device, pages, addresses, DmaDirection.ToDevice, ref mapping, ref _work);
            Release("SS.SS...");
            DmaAudit audit = DmaAudit.Run(_domain, _frames);
            audit.CheckBalance(in _work);
            Assert.True(audit.IsClean, audit.ToString());
        }
    }

    [Fact]
    public void A_map_that_forgets_the_sync_faults_at_the_first_access()
    {
        MigratePage[] pages = Acquire("SS");
        IovaState state = LinkAtPlaces(pages);
        Assert.Equal(-Errno.EFAULT, _device.Translate(state.Address, write: false, out _));
        Assert.Equal(IommuFaultReason.Unsynced, _domain.Faults.ToArray()[^1].Reason);
    }

    [Fact]
    public void A_leading_hole_linked_as_one_piece_from_the_first_page_exposes_the_pages_behind_it()
    {
        MigratePage[] pages = Acquire("...S");
        IovaState state = default;
        Assert.True(_device.TryAllocIova(ref state, 0, 4 * Page, ref _work));
        Assert.Equal(0, _device.Link(ref state, pages[3].Physical, 0, 3 * Page, DmaDirection.ToDevice, ref _work));
        Assert.Equal(0, _device.Link(ref state, pages[3].Physical, 3 * Page, Page, DmaDirection.ToDevice, ref _work));
        DmaAudit audit = DmaAudit.Run(_domain, _frames);
        Assert.Equal(2, audit.Findings.Count(finding => finding.Kind == DmaAuditKind.EntryToReleasedFrame));
    }

    [Fact]
    public void A_filler_of_a_whole_device_folio_exposes_the_memory_behind_the_last_system_page()
    {
        MigratePage[] pages = Acquire("S");
        IovaState state = default;
        Assert.True(_device.TryAllocIova(ref state, 0, 17 * Page, ref _work));
        Assert.Equal(0, _device.Link(ref state, pages[0].Physical, 0, Page, DmaDirection.ToDevice, ref _work));
        Assert.Equal(0, _device.Link(ref state, pages[0].Physical, Page, Page << 4, DmaDirection.ToDevice, ref _work));
        DmaAudit audit = DmaAudit.Run(_domain, _frames);
        Assert.Equal(15, audit.Findings.Count(finding => finding.Kind == DmaAuditKind.EntryToReleasedFrame));
    }

    [Fact]
    public void A_run_length_of_page_size_times_pages_leaves_a_folio_behind_a_run_out_of_reach()
    {
        // Two pages and the order-2 folio behind them, linked as if all were order 0 by count of slots that are no tails.
        MigratePage[] pages = Acquire("SSSSSS");
        IovaState state = default;
        Assert.True(_device.TryAllocIova(ref state, 0, 6 * Page, ref _work));
        Assert.Equal(0, _device.Link(ref state, pages[0].Physical, 0, 3 * Page, DmaDirection.ToDevice, ref _work));
        Assert.Equal(0, _device.Sync(ref state, 0, 6 * Page, ref _work));
        Assert.Equal(0, _device.Translate(state.Address + (2 * Page), write: false, out _));
        Assert.Equal(-Errno.EFAULT, _device.Translate(state.Address + (3 * Page), write: false, out _));
        Assert.Equal(-Errno.ENOENT, _device.Destroy(ref state, 6 * Page, DmaDirection.ToDevice, ref _work));
        Assert.Equal(DmaMisuseKind.UnlinkAcrossHole, _domain.Misuses.ToArray()[^1].Kind);
    }

    [Fact]
    public void A_folio_that_is_linked_twice_finds_its_place_occupied()
    {
        MigratePage[] pages = Acquire("SS");
        IovaState state = LinkAtPlaces(pages);
        Assert.Equal(-Errno.EADDRINUSE, _device.Link(ref state, pages[1].Physical, Page, Page, DmaDirection.ToDevice, ref _work));
    }

    [Fact]
    public void An_error_path_that_destroys_more_than_was_linked_is_reported()
    {
        MigratePage[] pages = Acquire("SSSS");
        IovaState state = default;
        Assert.True(_device.TryAllocIova(ref state, 0, 4 * Page, ref _work));
        Assert.Equal(0, _device.Link(ref state, pages[0].Physical, 0, Page, DmaDirection.ToDevice, ref _work));
        ulong linkedEnd = state.Address + Page;
        Assert.Equal(-Errno.ENOENT, _device.Destroy(ref state, 4 * Page, DmaDirection.ToDevice, ref _work));
        Assert.Equal(new DmaMisuse("gpu0", DmaMisuseKind.UnlinkAcrossHole, linkedEnd, 3 * Page), Assert.Single(_domain.Misuses.ToArray()));
    }

    [Fact]
    public void An_unmap_that_goes_by_a_page_array_which_is_cleared_already_leaks_its_mappings()
    {
        MigratePage[] pages = Acquire("SSS");
        DeviceAddress[] addresses = new DeviceAddress[3];
        DmaMapping mapping = default;
        MappingStrategy.Parse("per-page").MapMigrate(_device, pages, DmaDirection.FromDevice, addresses, ref mapping, ref _work);

        // The old order: finalize first, then unmap what the page array still names.
        Array.Clear(pages);
        for (int i = 0; i < pages.Length; i++)
        {
            if (pages[i].Kind == MigratePageKind.System)
            {
                _device.UnmapPage(addresses[i].Value, Page, DmaDirection.FromDevice, ref _work);
            }
        }

        Release("SSS");
        DmaAudit audit = DmaAudit.Run(_domain, _frames);
        Assert.Equal(3, audit.Findings.Count(finding => finding.Kind == DmaAuditKind.EntryToReleasedFrame));
    }

    [Fact]
    public void A_page_released_before_the_flush_is_seen_through_the_open_window_of_lazy_mode()
    {
        using IommuDomain lazy = new(new IommuOptions { Mode = IommuMode.Lazy, Processors = 1, Timers = false });
        DmaDevice device = new("gpu1", lazy);
        ulong physical = _block.Acquire(0);
        Assert.Equal(0, device.MapPage(physical, Page, DmaDirection.ToDevice, ref _work, out ulong address));
        Assert.Equal(0, device.Translate(address, write: false, out _));
        Assert.Equal(0, device.UnmapPage(address, Page, DmaDirection.ToDevice, ref _work));
        _block.Release(0);
        DmaAudit audit = DmaAudit.Run(lazy, _frames);
        Assert.True(audit.IsClean, audit.ToString());
        Assert.Equal((1, 1), (audit.OpenWindows, audit.OpenWindowsToReleasedFrames));
        lazy.RunFlushTimer();
        Assert.Equal(0, DmaAudit.Run(lazy, _frames).OpenWindows);
    }

    [Fact]
    public void Addresses_that_are_given_back_twice_are_found()
    {
        IovaState state = default;
        Assert.True(_device.TryAllocIova(ref state, 0, Page, ref _work));
        ulong page = state.Address / Page;
        Assert.Equal(0, _device.Free(ref state, ref _work));
        _domain.Allocator.Free(page, 1, ref _work);
        DmaAudit audit = DmaAudit.Run(_domain);
        Assert.Contains(audit.Findings, finding => finding.Kind == DmaAuditKind.AddressHeldTwice);
        Assert.Contains(audit.Findings, finding => finding.Kind == DmaAuditKind.AddressesLost);
    }

    [Fact]
    public void Addresses_and_work_that_are_lost_are_found()
    {
        _domain.Allocator.Allocate(1, IovaAllocator.Page4G - 1, flushCaches: false, ref _work);
        DmaAudit audit = DmaAudit.Run(_domain);
        Assert.Equal(DmaAuditKind.AddressesLost, Assert.Single(audit.Findings).Kind);
        audit.CheckBalance(in _work);
        Assert.Contains(audit.Findings, finding => finding.Kind == DmaAuditKind.CountersDiffer);
    }

    private MigratePage[] Acquire(string shape)
    {
        MigratePage[] pages = new MigratePage[shape.Length];
        for (int i = 0; i < shape.Length; i++)
        {
            pages[i] = shape[i] == 'S' ? PageShapes.System(_block.Acquire(i)) : default;
        }

        return pages;
    }

    private void Release(string shape)
    {
        for (int i = 0; i < shape.Length; i++)
        {
            if (shape[i] == 'S')
            {
                _block.Release(i);
            }
        }
    }

    private IovaState LinkAtPlaces(MigratePage[] pages)
    {
        IovaState state = default;
        Assert.True(_device.TryAllocIova(ref state, 0, (ulong)pages.Length * Page, ref _work));
        for (int i = 0; i < pages.Length; i++)
        {
            if (pages[i].Kind == MigratePageKind.System)
            {
                Assert.Equal(0, _device.Link(ref state, pages[i].Physical, (ulong)i * Page, Page, DmaDirection.ToDevice, ref _work));
            }
        }

        return state;
    }
}
