using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Interop.Native;

/// <summary>The pump itself, known to managed code by address only.</summary>
internal struct xesvm_pump;

/// <summary>What the kernel gives the pump.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct xesvm_pump_info
{
    /// <summary>One of <c>XESVM_PUMP_MODE_*</c>.</summary>
    internal uint mode;

    /// <summary>0.</summary>
    internal uint reserved;

    /// <summary>The kernel's <c>UFFD_FEATURE_*</c> bits.</summary>
    internal ulong features;
}

/// <summary>Pages in staging.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct xesvm_isolation
{
    /// <summary>Id of the isolation; not 0.</summary>
    internal ulong id;

    /// <summary>Host address of the staging slot of the first page.</summary>
    internal ulong staging;

    /// <summary>Bit i: page i had content, which is now at staging + i * 4096. Clear: a hole, which reads as 0.</summary>
    internal InlineArray8<ulong> present;
}

/// <summary>Something that happened to registered memory.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct xesvm_pump_event
{
    /// <summary>Number of the event, in the order in which they happened.</summary>
    internal ulong sequence;

    /// <summary>One of <c>XESVM_EVENT_*</c>.</summary>
    internal uint type;

    /// <summary>HOME, DISCARD: device pages that left. INVALIDATE: length in pages.</summary>
    internal uint pages;

    /// <summary>Address of the first page.</summary>
    internal ulong address;

    /// <summary>HOME, DISCARD: the value given to commit.</summary>
    internal ulong allocation;

    /// <summary>HOME, DISCARD: device pages that the allocation still has.</summary>
    internal uint remaining;

    /// <summary>HOME: 1 when asked for by a restore, 0 when a CPU fault did it.</summary>
    internal uint by_restore;

    /// <summary>CLOCK_MONOTONIC in nanoseconds when the fault message was read.</summary>
    internal ulong begin_ns;

    /// <summary>Duration of the copy out of VRAM in nanoseconds.</summary>
    internal ulong copy_ns;

    /// <summary>CLOCK_MONOTONIC in nanoseconds when the pages were in place.</summary>
    internal ulong end_ns;

    /// <summary>INVALIDATE: one of <c>XESVM_INVALIDATE_*</c>, else 0.</summary>
    internal uint invalidation;

    /// <summary>0.</summary>
    internal uint reserved;
}

/// <summary>What the pump has counted since it was created.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct xesvm_pump_counters
{
    /// <summary>Fault messages read.</summary>
    internal ulong cpu_faults;

    /// <summary>Of these: met a page under migration and took it back.</summary>
    internal ulong cpu_faults_isolated;

    /// <summary>Never-touched pages filled.</summary>
    internal ulong zero_pages;

    /// <summary>Isolations that succeeded.</summary>
    internal ulong isolations;

    /// <summary>Commits that succeeded.</summary>
    internal ulong commits;

    /// <summary>Aborts.</summary>
    internal ulong aborts;

    /// <summary>Isolations that answered EBUSY.</summary>
    internal ulong busy;

    /// <summary>Pages put in staging.</summary>
    internal ulong pages_isolated;

    /// <summary>Pages that became device pages.</summary>
    internal ulong pages_committed;

    /// <summary>Device pages that went home.</summary>
    internal ulong pages_home;

    /// <summary>Device pages whose content was dropped.</summary>
    internal ulong pages_discarded;

    /// <summary>Times that userfaultfd answered EAGAIN and the call went on.</summary>
    internal ulong restarts;

    /// <summary>Events that wait to be taken.</summary>
    internal ulong events_pending;
}
