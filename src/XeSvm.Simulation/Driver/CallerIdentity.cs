using System.Globalization;

using XeSvm.Interop.LibC;

namespace XeSvm.Simulation.Driver;

/// <summary>Who makes the calls of this thread, as far as permissions ask (<c>current</c>).</summary>
internal static class CallerIdentity
{
    private const int CapSysAdmin = 21;

    /// <summary>The process, by its id here.</summary>
    public static int Process => IoctlCaller.Current?.ProcessId ?? Environment.ProcessId;

    /// <summary>The process, by the id by which it knows itself (task_pid_vnr); 0 when it is gone.</summary>
    public static int ProcessAsItSeesItself =>
        IoctlCaller.Current is { } caller && long.TryParse(LastField(caller.ProcessId, "NSpid:"), CultureInfo.InvariantCulture, out long id) ? (int)id
        : IoctlCaller.Current is null ? Environment.ProcessId : 0;

    /// <summary>Whether it has CAP_SYS_ADMIN.</summary>
    public static bool IsAdministrator => IoctlCaller.Current is { } caller ? HasCapability(caller.ProcessId) : SystemCalls.HasCapability(CapSysAdmin);

    /// <summary>Whether another process has CAP_SYS_ADMIN.</summary>
    public static bool HasCapability(int process) =>
        ulong.TryParse(LastField(process, "CapEff:"), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong effective)
        && (effective >> CapSysAdmin & 1) != 0;

    /// <summary>The last field of a line of /proc/PID/status; empty when the process is gone.</summary>
    private static string LastField(int process, string name)
    {
        try
        {
            string? line = File.ReadLines($"/proc/{process}/status").FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal));
            return line is null ? "" : line[(line.LastIndexOf('\t') + 1)..];
        }
        catch (IOException)
        {
            return "";
        }
    }
}
