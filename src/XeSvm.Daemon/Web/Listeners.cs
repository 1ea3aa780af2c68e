using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using XeSvm.Daemon.Settings;
using XeSvm.Interop;
using XeSvm.Interop.LibC;

namespace XeSvm.Daemon.Web;

/// <summary>Opens what the server listens at.</summary>
internal static class Listeners
{
    private const string UnixPrefix = "unix:";
    private const int SendBufferBytes = 32 * 1024;
    private const int MaximumSegmentBytes = 1448; // of Ethernet
    private const int TcpMaximumSegment = 2; // TCP_MAXSEG of tcp(7)
    private const int Unchanged = -1; // what chown(2) leaves as it is

    /// <summary>What is wrong with the addresses, beyond their form: whatever is not loopback needs a token.</summary>
    internal static IReadOnlyList<string> ErrorsOf(DaemonSettings settings, bool hasToken) =>
    [
        .. settings.Listen.Where(address => !hasToken && !address.StartsWith(UnixPrefix, StringComparison.Ordinal) && !IPAddress.IsLoopback(IPEndPoint.Parse(address).Address))
            .Select(address => $"http.listen: {address} can be reached from other machines, and there is no token: set http.token-file."),
    ];

    /// <summary>Adds all listeners. Sockets of the service manager take the place of the configured ones.</summary>
    /// <param name="kestrel">The server's options.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="descriptors">The service manager's sockets.</param>
    internal static void Add(KestrelServerOptions kestrel, DaemonSettings settings, IReadOnlyList<int> descriptors)
    {
        foreach (int descriptor in descriptors)
        {
            kestrel.ListenHandle((ulong)descriptor);
        }

        if (descriptors.Count > 0)
        {
            return;
        }

        foreach (string address in settings.Listen)
        {
            if (address.StartsWith(UnixPrefix, StringComparison.Ordinal))
            {
                kestrel.ListenUnixSocket(address[UnixPrefix.Length..]);
            }
            else
            {
                kestrel.Listen(IPEndPoint.Parse(address));
            }
        }
    }

    /// <summary>Makes the socket of an endpoint; for Unix sockets with owner, group and mode.</summary>
    internal static Socket Bind(EndPoint endpoint, DaemonSettings settings)
    {
        if (endpoint is UnixDomainSocketEndPoint unix)
        {
            return BindUnixSocket(unix.ToString(), settings);
        }

        Socket socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        if (endpoint is IPEndPoint)
        {
            // Connections inherit it (tcp(7)). Without it the kernel takes megabytes for each client that does not read.
            socket.SendBufferSize = SendBufferBytes;

            // The loopback's segments are as long as that buffer. A receiver that has got one alone waits 40 ms for another before it acknowledges.
            socket.SetRawSocketOption((int)SocketOptionLevel.Tcp, TcpMaximumSegment, MemoryMarshal.AsBytes([MaximumSegmentBytes]));
        }

        return socket;
    }

    /// <summary>Removes the sockets of this process from the file system.</summary>
    internal static void Remove(DaemonSettings settings, IReadOnlyList<int> descriptors)
    {
        foreach (string address in descriptors.Count > 0 ? [] : settings.Listen.Where(address => address.StartsWith(UnixPrefix, StringComparison.Ordinal)))
        {
            File.Delete(address[UnixPrefix.Length..]);
        }
    }

    /// <summary>
    /// Binds under another name, gives owner, group and mode, and only then moves the socket to its place: nobody can connect to one that
    /// does not have its mode yet.
    /// </summary>
    /// <exception cref="SettingsException">The socket cannot be made as the settings ask.</exception>
    private static Socket BindUnixSocket(string path, DaemonSettings settings)
    {
        int owner = settings.SocketOwner.Length == 0 ? Unchanged : Accounts.Find(Accounts.Users, settings.SocketOwner);
        int group = settings.SocketGroup.Length == 0 ? Unchanged : Accounts.Find(Accounts.Groups, settings.SocketGroup);
        string temporary = string.Create(CultureInfo.InvariantCulture, $"{path}.{Environment.ProcessId}");
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        bool isInPlace = false;
        try
        {
            File.Delete(temporary);
            socket.Bind(new UnixDomainSocketEndPoint(temporary));
            File.SetUnixFileMode(temporary, settings.SocketMode);
            if ((owner != Unchanged || group != Unchanged) && SystemCalls.ChangeOwner(temporary, owner, group) is < 0 and int result)
            {
                throw new SettingsException([$"http.socket-owner, http.socket-group: {path}: {Errno.Describe(result)}."]);
            }

            socket.Listen();
            File.Move(temporary, path, overwrite: true);
            isInPlace = true;
            return socket;
        }
        catch (Exception exception) when (exception is SocketException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new SettingsException([$"http.listen: unix:{path}: {exception.Message}"]);
        }
        finally
        {
            if (!isInPlace)
            {
                socket.Dispose();
                RemoveQuietly(temporary);
            }
        }
    }

    /// <summary>Removes what a failure leaves; where even that fails, the failure itself is what matters.</summary>
    private static void RemoveQuietly(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The folder is not there, or not this user's: then there is nothing of this process in it.
        }
    }
}
