using XeSvm.Interop.Native;
using XeSvm.Simulation.Pagemap;

namespace XeSvm.Simulation.Memory;

/// <summary>
/// What one migration takes from several places: isolated pages and allocations on other devices. Its capacity is what
/// <see cref="ClientMemory.Join"/> takes. One thread's, used again and again.
/// </summary>
internal sealed class MigrationParts
{
    /// <summary>Parts of each kind at most.</summary>
    public const int Most = Xesvm.XESVM_JOIN_PARTS;

    private readonly PageIsolation[] _isolations = new PageIsolation[Most];
    private readonly MovingAllocation[] _allocations = new MovingAllocation[Most];
    private int _isolationCount;
    private int _allocationCount;

    /// <summary>The isolated pages, by address.</summary>
    public ReadOnlySpan<PageIsolation> Isolations => _isolations.AsSpan(0, _isolationCount);

    /// <summary>The allocations that are moved, by address.</summary>
    public ReadOnlySpan<MovingAllocation> Allocations => _allocations.AsSpan(0, _allocationCount);

    /// <summary>Adds isolated pages; there must be room.</summary>
    public void Add(in PageIsolation isolation) => _isolations[_isolationCount++] = isolation;

    /// <summary>Adds an allocation; false when there is no room.</summary>
    public bool TryAdd(in MovingAllocation allocation)
    {
        // One isolation more than allocations may be needed, for what lies between them.
        if (_allocationCount == Most - 1)
        {
            return false;
        }

        _allocations[_allocationCount++] = allocation;
        return true;
    }

    /// <summary>Forgets all parts.</summary>
    public void Clear()
    {
        Array.Clear(_allocations, 0, _allocationCount);
        (_isolationCount, _allocationCount) = (0, 0);
    }
}

/// <summary>A whole allocation on its way to another device.</summary>
/// <param name="Allocation">The record, which serves others once its pages have left.</param>
/// <param name="Cookie">What tells it from those.</param>
/// <param name="Start">Client address of the first page.</param>
/// <param name="Pages">How many.</param>
/// <param name="VramOffset">Where its pages are.</param>
internal readonly record struct MovingAllocation(DeviceMemoryAllocation Allocation, ulong Cookie, ulong Start, int Pages, ulong VramOffset)
{
    /// <summary>One past its last byte.</summary>
    public ulong End => Start + ((ulong)Pages << PageConstants.PageShift);

    /// <summary>The allocation as it is now.</summary>
    public static MovingAllocation Of(DeviceMemoryAllocation allocation) =>
        new(allocation, allocation.Cookie, allocation.Start, allocation.Pages, allocation.VramOffset);
}
