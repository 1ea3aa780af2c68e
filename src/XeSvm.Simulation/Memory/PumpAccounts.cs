using System.Globalization;
using System.Text;

using XeSvm.Interop.Native;

namespace XeSvm.Simulation.Memory;

/// <summary>What a CPU-fault pump tells, of whatever process: events are settled, counters are written down.</summary>
internal static class PumpAccounts
{
    /// <summary>Settles one event. The rules for locks are those of <see cref="ClientMemory.Settle"/>.</summary>
    public static void Settle(ClientMemory memory, in xesvm_pump_event e)
    {
        ulong end = e.address + ((ulong)e.pages << PageConstants.PageShift);
        switch (e.type)
        {
            case Xesvm.XESVM_EVENT_HOME:
            case Xesvm.XESVM_EVENT_DISCARD:
                memory.Owners.Find(e.allocation)?.PagesLeft(memory, new DevicePagesLeft(
                    e.allocation, e.address, (int)e.pages, (int)e.remaining, e.type == Xesvm.XESVM_EVENT_DISCARD, e.copy_ns));
                break;
            case Xesvm.XESVM_EVENT_INVALIDATE when e.invalidation == Xesvm.XESVM_INVALIDATE_REMOVE:
                memory.Notifiers.Invalidate(e.address, end, MmuEvent.Clear);
                break;
            case Xesvm.XESVM_EVENT_INVALIDATE:
                memory.Mappings.Remove(e.address, end);
                memory.Notifiers.Invalidate(e.address, end, MmuEvent.Unmap);
                break;
            case Xesvm.XESVM_EVENT_OVERFLOW:
                memory.Notifiers.Invalidate(0, ulong.MaxValue & ~PageConstants.PageMask, MmuEvent.Unmap);
                break;
        }
    }

    /// <summary>Adds counters as <c>name: value</c> lines.</summary>
    public static void Format(in xesvm_pump_counters counters, StringBuilder text)
    {
        Line("cpu_faults", counters.cpu_faults);
        Line("cpu_faults_isolated", counters.cpu_faults_isolated);
        Line("zero_pages", counters.zero_pages);
        Line("isolations", counters.isolations);
        Line("commits", counters.commits);
        Line("aborts", counters.aborts);
        Line("busy", counters.busy);
        Line("pages_isolated", counters.pages_isolated);
        Line("pages_committed", counters.pages_committed);
        Line("pages_home", counters.pages_home);
        Line("pages_discarded", counters.pages_discarded);
        Line("restarts", counters.restarts);

        void Line(string name, ulong value) => text.Append(CultureInfo.InvariantCulture, $"pump.{name}: {value}\n");
    }
}
