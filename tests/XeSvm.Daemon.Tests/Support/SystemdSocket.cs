using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace XeSvm.Daemon.Tests.Support;

/// <summary>A listening socket as a service manager hands it over: descriptor 3 of the child, by the protocol of sd_listen_fds(3).</summary>
internal sealed partial class SystemdSocket : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly int _inherited;

    internal SystemdSocket(string path)
    {
        _socket.Bind(new UnixDomainSocketEndPoint(path));
        _socket.Listen();
        _inherited = Duplicate((int)_socket.Handle);
        Assert.True(_inherited > 0);
    }

    /// <summary>The shell that carries the daemon's command line, if this machine has one that can move descriptors beyond 9.</summary>
    internal static string? Shell => ExternalTool.Find("bash");

    /// <summary>What goes before a command line. LISTEN_PID is the child's own, which only the child knows before it becomes the daemon.</summary>
    internal IReadOnlyList<string> Launcher =>
    [
        Shell!, "-c", "export LISTEN_PID=$$ LISTEN_FDS=1; exec 3<&\"$0\" \"$@\"", _inherited.ToString(CultureInfo.InvariantCulture),
    ];

    public void Dispose()
    {
        _ = Close(_inherited);
        _socket.Dispose();
    }

    /// <summary>The copy is inherited by children, which sockets of .NET are not.</summary>
    [LibraryImport("libc", EntryPoint = "dup", SetLastError = true)]
    private static partial int Duplicate(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
