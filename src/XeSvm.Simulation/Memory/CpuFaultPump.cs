using System.Globalization;

using XeSvm.Interop.Native;

namespace XeSvm.Simulation.Memory;

/// <summary>
/// The managed face of native code's pump, which resolves CPU faults on device pages by itself: one per process, shared by all
/// devices. Managed code only settles afterwards what the pump has done, here.
/// </summary>
internal sealed unsafe class CpuFaultPump
{
    private const int EventsAtOnce = 32;
    private static readonly Lock s_gate = new();
    private static CpuFaultPump? s_current;

    private readonly Lock _settleLock = new();
    private readonly Thread _settler;
    private readonly xesvm_pump* _pump;
    private volatile bool _stopping;
    private int _users = 1;

    private CpuFaultPump(xesvm_pump* pump, CpuFaultMode mode, string reason)
    {
        _pump = pump;
        Memory = new ProcessClientMemory(this, pump, mode, reason);
        _settler = new Thread(SettleForever) { IsBackground = true, Name = "xe cpu-fault settlement" };
        _settler.Start();
    }

    /// <summary>This process's memory as the pump reaches it.</summary>
    public ProcessClientMemory Memory { get; }

    /// <summary>Takes a share in the process's pump, starting it if need be.</summary>
    /// <param name="userModeOnly">Ask for no more than an unprivileged process gets. Without effect when the pump runs already.</param>
    /// <param name="pump">The pump when the result is 0.</param>
    /// <param name="reason">Otherwise one sentence: why there is none.</param>
    public static int Acquire(bool userModeOnly, out CpuFaultPump? pump, out string reason)
    {
        lock (s_gate)
        {
            reason = "";
            if (s_current is not null)
            {
                s_current._users++;
                pump = s_current;
                return 0;
            }

            pump = null;
            xesvm_pump* handle;
            xesvm_pump_info info;
            int result = NativeMethods.xesvm_pump_create(userModeOnly ? Xesvm.XESVM_PUMP_USER_MODE_ONLY : 0, &handle, &info);
            if (result < 0)
            {
                reason = string.Create(CultureInfo.InvariantCulture, $"userfaultfd cannot be used: {Errno.Describe(result)}.");
                return result;
            }

            CpuFaultMode mode = info.mode == Xesvm.XESVM_PUMP_MODE_FULL ? CpuFaultMode.Full : CpuFaultMode.UserModeOnly;
            s_current = pump = new CpuFaultPump(handle, mode, Explain(mode, userModeOnly));
            return 0;
        }
    }

    /// <summary>Gives a share back; the last one stops the pump, after every device page is home.</summary>
    public void Release()
    {
        lock (s_gate)
        {
            if (--_users > 0)
            {
                return;
            }

            s_current = null;
            _stopping = true;
            _ = NativeMethods.xesvm_pump_wake(_pump);
            _settler.Join();
            Settle();
            int result = NativeMethods.xesvm_pump_destroy(_pump);
            if (result < 0)
            {
                throw new InvalidOperationException($"The CPU-fault pump did not end: {Errno.Describe(result)}.");
            }
        }
    }

    /// <summary>Held while events are settled.</summary>
    internal Lock SettleLock => _settleLock;

    /// <summary>Settles everything that the pump has logged so far; a settlement that another thread has begun is complete afterwards too.</summary>
    public void Settle()
    {
        xesvm_pump_event* events = stackalloc xesvm_pump_event[EventsAtOnce];
        lock (_settleLock)
        {
            int count;
            do
            {
                count = NativeMethods.xesvm_pump_take_events(_pump, events, EventsAtOnce);
                for (int i = 0; i < count; i++)
                {
                    PumpAccounts.Settle(Memory, events[i]);
                }
            }
            while (count == EventsAtOnce);
        }
    }

    private static string Explain(CpuFaultMode mode, bool userModeOnly) => mode == CpuFaultMode.Full
        ? "userfaultfd resolves faults of user code and of system calls."
        : userModeOnly
            ? "userfaultfd for user code only, as asked for: a system call that meets a device page gets EFAULT."
            : "userfaultfd for user code only, as the process lacks the privilege for more: a system call that meets a device page gets EFAULT.";

    private void SettleForever()
    {
        while (!_stopping)
        {
            // Woken for events or to look at the flag above: settling is right in both cases.
            _ = NativeMethods.xesvm_pump_wait(_pump, -1);
            Settle();
        }
    }
}
