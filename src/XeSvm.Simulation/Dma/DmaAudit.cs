using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Dma;

/// <summary>
/// A full check of a quiet domain: no translation leads to a released page, every entry and every address has exactly one holder, and
/// nothing is lost. For tests, and on demand.
/// </summary>
internal sealed class DmaAudit
{
    private readonly IommuDomain _domain;
    private readonly PageFrames? _frames;
    private readonly List<DmaAuditFinding> _findings = [];
    private readonly List<Block> _unheld = [];
    private readonly List<Block> _queued = [];
    private readonly List<Block> _reserved = [];
    private long _leaves;
    private int _tables;

    private DmaAudit(IommuDomain domain, PageFrames? frames)
    {
        _domain = domain;
        _frames = frames;
    }

    /// <summary>What is wrong; empty in a healthy domain.</summary>
    public IReadOnlyList<DmaAuditFinding> Findings => _findings;

    /// <summary>
    /// Cached translations of addresses that are unmapped and wait in the flush queue: lazy mode's open window, legal for as long as it lasts.
    /// </summary>
    public int OpenWindows { get; private set; }

    /// <summary>Of the open windows, those through which a released page can be reached.</summary>
    public int OpenWindowsToReleasedFrames { get; private set; }

    /// <summary>Whether nothing is wrong.</summary>
    public bool IsClean => _findings.Count == 0;

    /// <summary>Audits a domain.</summary>
    /// <param name="domain">The domain; nobody may be using it meanwhile. Its own timers wait.</param>
    /// <param name="frames">The page frames that entries may name; null: frames are not checked.</param>
    public static DmaAudit Run(IommuDomain domain, PageFrames? frames = null)
    {
        DmaAudit audit = new(domain, frames);
        if (domain.Translates)
        {
            lock (domain.Background)
            {
                audit.CollectBlocks();
                audit.CheckEntries();
                audit.CheckCached();
                audit.CheckAddresses();
            }
        }

        return audit;
    }

    /// <summary>Checks that work done and undone since the domain's beginning match what there is now.</summary>
    public void CheckBalance(in DmaWork total)
    {
        ExpectCount("pte_set - pte_clear", total.PteSet - total.PteClear, _leaves, "entries");
        if (_domain.Translates)
        {
            ExpectCount("table_alloc - table_free", total.TableAlloc - total.TableFree, _tables - 1, "tables below the root");
        }

        if (_domain.Reservations.Live().Count == 0 && _domain.LivePages.Sum == 0)
        {
            ExpectCount("iova allocations - iova_free", total.IovaAllocs - total.IovaFree, _queued.Count, "queued blocks");
        }
    }

    /// <inheritdoc/>
    public override string ToString() =>
        IsClean ? "clean" : string.Join(Environment.NewLine, _findings.Select(finding => $"{finding.Kind}: {finding.Text}"));

    private static long Rounded(Block block) => (long)IovaAllocator.RoundUp(block.Pages);

    private void CollectBlocks()
    {
        _domain.Allocator.Verify();
        _domain.Allocator.VisitCached((page, pages) => _unheld.Add(new Block(page, pages, null)));
        _domain.FlushQueue?.Visit((page, pages) => _queued.Add(new Block(page, pages, null)));
        foreach (IovaReservation reservation in _domain.Reservations.Live())
        {
            _reserved.Add(new Block(reservation.Page, reservation.Pages, reservation));
        }

        List<Block> all = [.. _unheld, .. _queued, .. _reserved];
        all.Sort();
        for (int i = 1; i < all.Count; i++)
        {
            if (all[i - 1].Page + all[i - 1].Pages > all[i].Page)
            {
                ulong address = all[i].Page << IoEntry.PageShift;
                Report(DmaAuditKind.AddressHeldTwice, address, $"0x{address:x} has two holders.");
            }
        }

        _unheld.Sort();
        _queued.Sort();
        _reserved.Sort();
    }

    private void CheckEntries()
    {
        Dictionary<IovaReservation, long> linked = [];
        long single = 0;
        Dictionary<ulong, ulong> seen = [];
        _tables = _domain.Table.VisitLeaves(walker: false, (address, entry, level) =>
        {
            _leaves++;
            seen.Add(address, entry);
            long pages = 1L << (IoEntry.Shift(level) - IoEntry.PageShift);
            CheckFrames(address, entry, (int)pages);
            ulong page = address >> IoEntry.PageShift;
            if (Find(_reserved, page) is { } block)
            {
                linked[block.Reservation!] = linked.GetValueOrDefault(block.Reservation!) + pages;
            }
            else if (Find(_unheld, page) is not null || Find(_queued, page) is not null || !_domain.Allocator.TryFind(page, out _, out _))
            {
                Report(DmaAuditKind.EntryWithoutOwner, address, $"The entry at 0x{address:x} maps 0x{IoEntry.Address(entry):x}, but nobody holds the address.");
            }
            else
            {
                single += pages;
            }
        });

        foreach (Block block in _reserved)
        {
            long found = linked.GetValueOrDefault(block.Reservation!);
            if (found != block.Reservation!.LinkedPages)
            {
                ulong address = block.Page << IoEntry.PageShift;
                Report(
                    DmaAuditKind.LinkedMismatch,
                    address,
                    $"The reservation at 0x{address:x} counts {block.Reservation.LinkedPages} linked pages; {found} are mapped.");
            }
        }

        if (single != _domain.LivePages.Sum)
        {
            Report(DmaAuditKind.MappedMismatch, 0, $"{_domain.LivePages.Sum} pages are mapped singly; entries for {single} exist.");
        }

        CheckWalkerView(seen);
    }

    private void CheckWalkerView(Dictionary<ulong, ulong> seen)
    {
        _domain.Table.VisitLeaves(walker: true, (address, entry, _) =>
        {
            if (!seen.Remove(address, out ulong written) || written != entry)
            {
                Report(DmaAuditKind.NotFlushed, address, $"The walker sees an entry at 0x{address:x} that the CPU has cleared or changed.");
            }
        });
        foreach (ulong address in seen.Keys)
        {
            Report(DmaAuditKind.NotFlushed, address, $"The walker does not see the entry at 0x{address:x}.");
        }
    }

    private void CheckFrames(ulong address, ulong entry, int pages)
    {
        for (int i = 0; i < pages; i++)
        {
            ulong physical = IoEntry.Address(entry) + ((ulong)i << IoEntry.PageShift);
            if (IsReleased(physical))
            {
                Report(
                    DmaAuditKind.EntryToReleasedFrame,
                    address,
                    $"The entry at 0x{address:x} leads to the page frame at 0x{physical:x}, which has been released.");
            }
        }
    }

    private bool IsReleased(ulong physical) =>
        _frames is not null && _frames.Contains(physical) && !_frames.TryResolve(physical, out _);

    private void CheckCached() => _domain.Tlb.Visit((address, entry, level) =>
    {
        ulong current = _domain.Table.Lookup(address, out int currentLevel);
        if (current == entry && currentLevel == level)
        {
            return;
        }

        bool released = IsReleased(IoEntry.Address(entry));
        if (Find(_queued, address >> IoEntry.PageShift) is not null)
        {
            OpenWindows++;
            OpenWindowsToReleasedFrames += released ? 1 : 0;
            return;
        }

        Report(
            released ? DmaAuditKind.CachedReleasedFrame : DmaAuditKind.CachedStale,
            address,
            $"The IOTLB still leads from 0x{address:x} to 0x{IoEntry.Address(entry):x}{(released ? ", which has been released" : "")}.");
    });

    private void CheckAddresses()
    {
        long held = _unheld.Sum(Rounded) + _queued.Sum(Rounded) + _reserved.Sum(Rounded)
            + _domain.LivePages.Sum + _domain.LiveSlackPages.Sum;
        long taken = (long)(_domain.Allocator.TreePages - IovaAllocator.ReservedPages);
        if (held != taken)
        {
            Report(DmaAuditKind.AddressesLost, 0, $"{taken} pages of addresses are taken, {held} are held.");
        }
    }

    private void ExpectCount(string what, ulong difference, long expected, string of)
    {
        if ((long)difference != expected)
        {
            Report(DmaAuditKind.CountersDiffer, 0, $"{what} is {(long)difference}; there are {expected} {of}.");
        }
    }

    private void Report(DmaAuditKind kind, ulong address, string text) => _findings.Add(new DmaAuditFinding(kind, address, text));

    private static Block? Find(List<Block> sorted, ulong page)
    {
        int index = sorted.BinarySearch(new Block(page, 1, null));
        index = index < 0 ? ~index - 1 : index;
        return index >= 0 && page < sorted[index].Page + sorted[index].Pages ? sorted[index] : null;
    }

    private readonly record struct Block(ulong Page, ulong Pages, IovaReservation? Reservation) : IComparable<Block>
    {
        public int CompareTo(Block other) => Page.CompareTo(other.Page);
    }
}
