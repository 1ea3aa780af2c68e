using System.Runtime.InteropServices;

namespace XeSvm.Interop.Native;

/// <content>The CPU-fault half of the software backend: one pump per process.</content>
internal static unsafe partial class NativeMethods
{
    /// <summary>Starts the pump; -EPERM, -ENOSYS or -EOPNOTSUPP where the kernel does not give what it needs.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_create(uint flags, xesvm_pump** pump, xesvm_pump_info* info);

    /// <summary>Brings every device page home and ends the pump; -EBUSY while isolations are open.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_destroy(xesvm_pump* pump);

    /// <summary>Takes pages of one 2 MiB block out of the CPU's page table, all of them or none.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_isolate(xesvm_pump* pump, ulong va, uint pages, xesvm_isolation* isolation);

    /// <summary>The same, and until <paramref name="holdUntil"/> (monotonic nanoseconds; 0: not at all) CPU faults do not take the pages back.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_isolate_held(xesvm_pump* pump, ulong va, uint pages, ulong holdUntil, xesvm_isolation* isolation);

    /// <summary>Ends a migration: the pages are device pages now. -EBUSY when a CPU touch took them back.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_commit(xesvm_pump* pump, ulong isolation, ulong vram, ulong allocation);

    /// <summary>The same, and until <paramref name="holdUntil"/> (monotonic nanoseconds; 0: not at all) CPU faults wait.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_commit_held(xesvm_pump* pump, ulong isolation, ulong vram, ulong allocation, ulong holdUntil);

    /// <summary>Ends a migration without effect.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_abort(xesvm_pump* pump, ulong isolation);

    /// <summary>Brings home every allocation that has a device page in the range; the result is the number of pages.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_restore(xesvm_pump* pump, ulong va, uint pages);

    /// <summary>
    /// Begins to move a whole allocation to other VRAM: GPU access answers -EAGAIN, a CPU touch brings it home as ever. -EBUSY when a page
    /// has left, or it is being moved.
    /// </summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_relocate_begin(xesvm_pump* pump, ulong va, uint pages, ulong vram, ulong allocation);

    /// <summary>Ends that: the pages are at <paramref name="toVram"/> of allocation <paramref name="to"/>, or stay when it is 0. -EBUSY when a page has left.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_relocate_end(xesvm_pump* pump, ulong va, ulong allocation, ulong toVram, ulong to, ulong holdUntilNs);

    /// <summary>
    /// Makes the pages of open isolations and of allocations under relocation device pages of one allocation, at <paramref name="vram"/>; -EBUSY,
    /// without effect, when a page has left or has never been one of theirs.
    /// </summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_join(
        xesvm_pump* pump,
        ulong va,
        uint pages,
        ulong* isolations,
        uint isolationCount,
        ulong* allocations,
        uint allocationCount,
        ulong vram,
        ulong allocation,
        ulong holdUntil);

    /// <summary>Writes one of <c>XESVM_PAGE_*</c> for each page.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_query(xesvm_pump* pump, ulong va, uint pages, byte* states);

    /// <summary>Makes every page of the range present for the CPU.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_populate(xesvm_pump* pump, ulong va, uint pages, uint write);

    /// <summary>Reads from a device page; -EAGAIN without access when the page is no longer at <paramref name="vram"/>.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_device_read(xesvm_pump* pump, ulong va, ulong vram, void* destination, uint length);

    /// <summary>Writes to a device page; -EAGAIN without access when the page is no longer at <paramref name="vram"/>.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_device_write(xesvm_pump* pump, ulong va, ulong vram, void* source, uint length);

    /// <summary>Adds to a word of 4 or 8 bytes in a device page, atomically; the value before comes back in <paramref name="old"/>.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_device_add(
        xesvm_pump* pump,
        ulong va,
        ulong vram,
        ulong addend,
        uint size,
        ulong* old);

    /// <summary>
    /// Writes <paramref name="desired"/> to a word of 4 or 8 bytes in a device page when it is <paramref name="expected"/>; the value before
    /// comes back in <paramref name="old"/>.
    /// </summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_device_compare_exchange(
        xesvm_pump* pump,
        ulong va,
        ulong vram,
        ulong expected,
        ulong desired,
        uint size,
        ulong* old);

    /// <summary>The same in a page of client memory, atomically against the CPU; refuses what cannot be isolated, and holes with -ENODATA.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_client_compare_exchange(
        xesvm_pump* pump,
        ulong va,
        ulong expected,
        ulong desired,
        uint size,
        ulong* old);

    /// <summary>Takes up to <paramref name="capacity"/> events; the result is how many.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_take_events(xesvm_pump* pump, xesvm_pump_event* events, uint capacity);

    /// <summary>Blocks until there are events (1), or until woken or timed out (0). A negative timeout has no limit.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_wait(xesvm_pump* pump, long timeout_ns);

    /// <summary>Ends the waits that <see cref="xesvm_pump_wait"/> is in.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_wake(xesvm_pump* pump);

    /// <summary>Copies the pump's counters.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_pump_read_counters(xesvm_pump* pump, xesvm_pump_counters* counters);
}
