using XeSvm.Interop.Native;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Pagemap;

namespace XeSvm.Simulation.Server;

/// <summary>Whether events that a client sends can be true: they free VRAM.</summary>
internal static class PumpEventCheck
{
    private const ulong LongestCopy = 3_600_000_000_000; // nanoseconds

    /// <summary>False when a pump that works cannot have told of it. To be asked under the lock of the memory's settlements.</summary>
    public static bool IsPlausible(ClientMemory memory, in xesvm_pump_event e) => e.type switch
    {
        Xesvm.XESVM_EVENT_HOME or Xesvm.XESVM_EVENT_DISCARD => HasLeft(memory, e),
        Xesvm.XESVM_EVENT_INVALIDATE => (e.address & PageConstants.PageMask) == 0
            && e.pages != 0 && e.address <= ulong.MaxValue - ((ulong)e.pages << PageConstants.PageShift),
        Xesvm.XESVM_EVENT_OVERFLOW => true,
        _ => false,
    };

    private static bool HasLeft(ClientMemory memory, in xesvm_pump_event e)
    {
        if (memory.Owners.Find(e.allocation) is not DeviceMemoryAllocation allocation)
        {
            return true; // of one that has ended: without effect
        }

        uint had = (uint)allocation.RemainingPages;
        return e.remaining < had && e.pages != 0 && e.pages <= had - e.remaining && e.copy_ns <= LongestCopy
            && (e.address & PageConstants.PageMask) == 0 && e.address - allocation.Start < allocation.Size;
    }
}
