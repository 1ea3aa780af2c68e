using XeSvm.Interop.Native;

namespace XeSvm.Simulation.Server;

/// <summary>How CPU touches of memory in VRAM are noticed, of clients that are other processes.</summary>
internal enum ServerCpuFaults
{
    /// <summary>They are not: GPU accesses go to the pages of the client.</summary>
    Coherent,

    /// <summary>By userfaultfd in the client, as far as its privileges go.</summary>
    Full,

    /// <summary>By userfaultfd of the unprivileged kind.</summary>
    UserMode,
}

/// <summary>The values of <see cref="SoftwareBackendOptions.CpuFaults"/> as the server understands them.</summary>
internal static unsafe class ServerCpuFaultsOption
{
    /// <summary>The mode of a name.</summary>
    /// <exception cref="ArgumentException">There is no such name, or this machine cannot do it; the message says why.</exception>
    public static ServerCpuFaults Parse(string name)
    {
        ServerCpuFaults faults = name switch
        {
            "auto" or "coherent" => ServerCpuFaults.Coherent,
            "userfaultfd" => ServerCpuFaults.Full,
            "userfaultfd-user-mode" => ServerCpuFaults.UserMode,
            _ => throw new ArgumentException(
                $"'{name}' is no way to notice CPU faults; auto, userfaultfd, userfaultfd-user-mode, coherent are.", nameof(name)),
        };
        if (faults != ServerCpuFaults.Coherent)
        {
            Probe(name, faults == ServerCpuFaults.UserMode);
        }

        return faults;
    }

    /// <summary>What this process may not, its clients, which run as the same user, may hardly.</summary>
    private static void Probe(string name, bool userModeOnly)
    {
        xesvm_pump* pump;
        xesvm_pump_info info;
        int result = NativeMethods.xesvm_pump_create(userModeOnly ? Xesvm.XESVM_PUMP_USER_MODE_ONLY : 0, &pump, &info);
        if (result < 0)
        {
            throw new ArgumentException(
                $"CPU faults cannot be noticed by '{name}': {Errno.Describe(result)}. 'coherent' is possible.", nameof(name));
        }

        result = NativeMethods.xesvm_pump_destroy(pump);
        if (result < 0)
        {
            throw new InvalidOperationException($"The CPU-fault pump did not end: {Errno.Describe(result)}.");
        }
    }
}
