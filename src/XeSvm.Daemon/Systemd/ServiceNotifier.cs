using System.Globalization;
using System.Net.Sockets;
using System.Text;
using XeSvm.Daemon.Logs;

namespace XeSvm.Daemon.Systemd;

/// <summary>Tells the service manager how the daemon is, by the protocol of sd_notify(3). Silent when there is no manager.</summary>
internal sealed class ServiceNotifier : IDisposable
{
    private readonly Lock _lock = new();
    private readonly FaultLog _faults;
    private readonly Socket? _socket;
    private readonly UnixDomainSocketEndPoint? _manager;
    private string _status = "";

    internal ServiceNotifier(IReadOnlyDictionary<string, string> environment, FaultLog faults)
    {
        _faults = faults;
        if (environment.GetValueOrDefault("NOTIFY_SOCKET") is { Length: > 1 } path && path[0] is '/' or '@')
        {
            _socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { SendTimeout = 1000 };
            _manager = new UnixDomainSocketEndPoint(path[0] == '@' ? "\0" + path[1..] : path);
        }

        bool forUs = environment.GetValueOrDefault("WATCHDOG_PID") is not { } pid
            || pid == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        if (forUs && long.TryParse(environment.GetValueOrDefault("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out long microseconds)
            && microseconds > 0)
        {
            WatchdogInterval = TimeSpan.FromMicroseconds(Math.Min(microseconds, TimeSpan.FromDays(1).TotalMicroseconds));
        }
    }

    /// <summary>How often the manager wants to hear from the daemon, or <see langword="null"/>.</summary>
    internal TimeSpan? WatchdogInterval { get; }

    public void Dispose() => _socket?.Dispose();

    /// <summary>Sends assignments, one a line.</summary>
    internal void Notify(string assignments)
    {
        if (_socket is null)
        {
            return;
        }

        try
        {
            lock (_lock)
            {
                _socket.SendTo(Encoding.UTF8.GetBytes(assignments), _manager!);
            }

            _faults.Clear("service-manager");
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            _faults.Report("service-manager", exception.Message);
        }
    }

    /// <summary>Sends a status line, when it is another one than the last.</summary>
    internal void Status(string status)
    {
        string line = status.ReplaceLineEndings(" ");
        if (line != _status)
        {
            _status = line;
            Notify("STATUS=" + line);
        }
    }
}
