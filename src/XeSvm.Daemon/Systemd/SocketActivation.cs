using System.Globalization;

namespace XeSvm.Daemon.Systemd;

/// <summary>Listening sockets that the service manager has opened, by the protocol of sd_listen_fds(3).</summary>
internal static class SocketActivation
{
    private const int FirstDescriptor = 3;
    private const int Most = 64;

    /// <summary>The descriptors; empty when there are none for this process.</summary>
    internal static IReadOnlyList<int> Descriptors(IReadOnlyDictionary<string, string> environment) =>
        environment.GetValueOrDefault("LISTEN_PID") == Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
        && int.TryParse(environment.GetValueOrDefault("LISTEN_FDS"), NumberStyles.None, CultureInfo.InvariantCulture, out int count)
        && count is > 0 and <= Most
            ? [.. Enumerable.Range(FirstDescriptor, count)]
            : [];
}
