using System.Runtime.InteropServices;
using System.Text;
using static Tmds.Linux.LibC;

namespace XeSvm.Interop.LibC;

/// <content>Unix sockets that keep message boundaries (SOCK_SEQPACKET) and carry descriptors, and other processes.</content>
internal static unsafe partial class SystemCalls
{
    private const int SequencedPacket = 5; // SOCK_SEQPACKET
    private const int CloseOnExecSocket = 0x80000; // SOCK_CLOEXEC
    private const int NonBlockingSocket = 0x800; // SOCK_NONBLOCK
    private const int UnixFamily = 1; // AF_UNIX
    private const int SocketLevel = 1; // SOL_SOCKET
    private const int PeerCredentials = 17; // SO_PEERCRED
    private const int PeerGroups = 59; // SO_PEERGROUPS
    private const int MostGroups = 65536; // NGROUPS_MAX
    private const int PassRights = 1; // SCM_RIGHTS
    private const int NoSignal = 0x4000; // MSG_NOSIGNAL
    private const int DontWait = 0x40; // MSG_DONTWAIT
    private const int LongestPath = 107; // of sockaddr_un, without the 0 at its end
    private const long PidfdOpen = 434;
    private const long PidfdGetfd = 438;

    /// <summary>Listens for connections at a path; accepting does not block. Nobody can connect before the file has its mode, owner and group.</summary>
    /// <param name="path">Path of the socket; at most 107 bytes. -EADDRINUSE when it exists.</param>
    /// <param name="mode">The file's mode, whatever the umask is.</param>
    /// <param name="owner">Its owner, or -1: that of this process. -EPERM when it cannot be given away.</param>
    /// <param name="group">Its group, or -1.</param>
    /// <param name="listener">The socket when the result is 0.</param>
    internal static int ListenAt(string path, UnixFileMode mode, int owner, int group, out FileDescriptorHandle? listener)
    {
        SocketAddress address;
        int result = MakeAddress(path, &address);
        listener = null;
        if (result < 0)
        {
            return result;
        }

        result = Own(socket(UnixFamily, SequencedPacket | CloseOnExecSocket | NonBlockingSocket, 0), out FileDescriptorHandle? made);
        if (result < 0)
        {
            return result;
        }

        int number = (int)made!.DangerousGetHandle();
        result = bind(number, &address, sizeof(SocketAddress)) < 0 ? -errno : 0;
        if (result == 0)
        {
            result = Admit(path, mode, owner, group);
            result = result == 0 && listen(number, 64) < 0 ? -errno : result;
            if (result < 0)
            {
                fixed (byte* bytes = Terminated(path))
                {
                    unlink(bytes);
                }
            }
        }

        if (result < 0)
        {
            made.Dispose();
            return result;
        }

        listener = made;
        return 0;
    }

    /// <summary>Connects to a socket at a path.</summary>
    internal static int ConnectTo(string path, out FileDescriptorHandle? connection)
    {
        SocketAddress address;
        int result = MakeAddress(path, &address);
        connection = null;
        if (result < 0)
        {
            return result;
        }

        result = Own(socket(UnixFamily, SequencedPacket | CloseOnExecSocket, 0), out FileDescriptorHandle? made);
        if (result < 0)
        {
            return result;
        }

        result = connect((int)made!.DangerousGetHandle(), &address, sizeof(SocketAddress)) < 0 ? -errno : 0;
        if (result < 0)
        {
            made.Dispose();
            return result;
        }

        connection = made;
        return 0;
    }

    /// <summary>Takes the next connection; -EAGAIN when there is none.</summary>
    internal static int Accept(FileDescriptorHandle listener, out FileDescriptorHandle? connection) =>
        Own(accept4((int)listener.DangerousGetHandle(), null, null, CloseOnExecSocket), out connection);

    /// <summary>Which process has made a connection, and as whom.</summary>
    internal static int FindPeer(FileDescriptorHandle connection, out int process, out uint user) => FindPeer(connection, out process, out user, out _);

    /// <summary>All groups of who has made a connection, the supplementary ones too.</summary>
    internal static int FindPeerGroups(FileDescriptorHandle connection, out uint[] groups)
    {
        groups = [];
        int result = FindPeer(connection, out _, out _, out uint group);
        uint[] supplementary = new uint[32];
        while (result == 0)
        {
            int length = supplementary.Length * sizeof(uint);
            fixed (uint* first = supplementary)
            {
                result = getsockopt((int)connection.DangerousGetHandle(), SocketLevel, PeerGroups, first, &length) < 0 ? -errno : 0;
            }

            if (result == 0)
            {
                groups = [group, .. supplementary.AsSpan(0, length / sizeof(uint))];
                return 0;
            }

            if (result == -Errno.ERANGE && supplementary.Length < MostGroups)
            {
                supplementary = new uint[MostGroups];
                result = 0;
            }
        }

        return result;
    }

    /// <summary>Limits how long receiving waits for a message (SO_RCVTIMEO); -EAGAIN afterwards.</summary>
    internal static int SetReceiveTimeout(FileDescriptorHandle connection, TimeSpan timeout)
    {
        const int ReceiveTimeout = 20; // SO_RCVTIMEO, whose value is a timeval
        long* value = stackalloc long[2];
        value[0] = (long)timeout.TotalSeconds;
        value[1] = timeout.Milliseconds * 1000L;
        return setsockopt((int)connection.DangerousGetHandle(), SocketLevel, ReceiveTimeout, value, 2 * sizeof(long)) < 0 ? -errno : 0;
    }

    /// <summary>Sends one message, with a descriptor when there is one.</summary>
    /// <param name="connection">The connection. -EPIPE when the other side is gone.</param>
    /// <param name="message">The message.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <param name="descriptor">A descriptor of this process to send along, or null.</param>
    /// <param name="wait">Whether to wait for room when the other side has not taken what was sent before; -EAGAIN otherwise.</param>
    internal static int Send(FileDescriptorHandle connection, void* message, int length, FileDescriptorHandle? descriptor, bool wait = true)
    {
        int result = connection.Acquire(out int number);
        if (result < 0)
        {
            return result;
        }

        var part = new MessagePart { Base = message, Length = (nuint)length };
        var rights = new RightsMessage { Length = 20, Level = SocketLevel, Type = PassRights };
        var header = new MessageHeader { Parts = &part, PartCount = 1 };
        if (descriptor is not null && (result = descriptor.Acquire(out rights.Descriptor)) == 0)
        {
            header.Control = &rights;
            header.ControlLength = (nuint)sizeof(RightsMessage);
        }

        if (result == 0)
        {
            do
            {
                result = Result(sendmsg(number, &header, wait ? NoSignal : NoSignal | DontWait));
            }
            while (result == -Errno.EINTR);
            if (header.Control is not null)
            {
                descriptor!.Release();
            }
        }

        connection.Release();
        return result;
    }

    /// <summary>Receives one message; 0 when the other side is gone. Descriptors that come with it are closed.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="buffer">Where to put it.</param>
    /// <param name="length">Most that is taken; a longer message is cut, and the result says so by being greater.</param>
    /// <param name="wait">Whether to wait for one; -EAGAIN otherwise.</param>
    internal static int Receive(FileDescriptorHandle connection, void* buffer, int length, bool wait)
    {
        const int Truncate = 0x20; // MSG_TRUNC: the result is the message's own length
        int result = connection.Acquire(out int number);
        if (result < 0)
        {
            return result;
        }

        do
        {
            result = Result((long)recv(number, buffer, (nuint)length, Truncate | (wait ? 0 : DontWait)));
        }
        while (result == -Errno.EINTR);
        connection.Release();
        return result;
    }

    /// <summary>Looks at the next message without taking it; -EAGAIN when there is none, -ENOTSOCK when the descriptor is something else.</summary>
    internal static int Peek(FileDescriptorHandle connection, void* buffer, int length)
    {
        const int PeekOnly = 2; // MSG_PEEK
        int result = connection.Acquire(out int number);
        if (result == 0)
        {
            result = Result((long)recv(number, buffer, (nuint)length, PeekOnly | DontWait));
            connection.Release();
        }

        return result;
    }

    /// <summary>Receives one message together with the descriptor that comes with it, if any.</summary>
    internal static int Receive(FileDescriptorHandle connection, void* buffer, int length, out FileDescriptorHandle? descriptor)
    {
        const int CloseOnExec = 0x40000000; // MSG_CMSG_CLOEXEC
        var part = new MessagePart { Base = buffer, Length = (nuint)length };
        RightsMessage rights = default;
        var header = new MessageHeader { Parts = &part, PartCount = 1, Control = &rights, ControlLength = (nuint)sizeof(RightsMessage) };
        int result;
        do
        {
            result = Result((long)recvmsg((int)connection.DangerousGetHandle(), &header, CloseOnExec));
        }
        while (result == -Errno.EINTR);
        descriptor = result >= 0 && rights.Type == PassRights ? new FileDescriptorHandle(rights.Descriptor) : null;
        return result;
    }

    /// <summary>Receives one message together with the descriptors that come with it; does not wait.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="buffer">Where to put it.</param>
    /// <param name="length">Most that is taken.</param>
    /// <param name="descriptors">The descriptors, at most four.</param>
    internal static int Receive(FileDescriptorHandle connection, void* buffer, int length, out FileDescriptorHandle[] descriptors)
    {
        const int CloseOnExec = 0x40000000; // MSG_CMSG_CLOEXEC
        var part = new MessagePart { Base = buffer, Length = (nuint)length };
        ManyRightsMessage rights = default;
        var header = new MessageHeader { Parts = &part, PartCount = 1, Control = &rights, ControlLength = (nuint)sizeof(ManyRightsMessage) };
        int result;
        do
        {
            result = Result((long)recvmsg((int)connection.DangerousGetHandle(), &header, CloseOnExec | DontWait));
        }
        while (result == -Errno.EINTR);
        int count = result >= 0 && rights.Level == SocketLevel && rights.Type == PassRights ? ((int)rights.Length - ManyRightsMessage.HeaderBytes) / sizeof(int) : 0;
        descriptors = new FileDescriptorHandle[count];
        for (int index = 0; index < count; index++)
        {
            descriptors[index] = new FileDescriptorHandle(rights.Descriptors[index]);
        }

        return result;
    }

    /// <summary>Ends a connection in both directions: whoever waits at it, on either side, is woken.</summary>
    internal static int Shutdown(FileDescriptorHandle connection) => Shutdown(connection, how: 2);

    /// <summary>Nothing is received any more: who waits for it here is woken, and the other side may wait until the connection is closed.</summary>
    internal static int ShutdownReceiving(FileDescriptorHandle connection) => Shutdown(connection, how: 0);

    private static int Shutdown(FileDescriptorHandle connection, int how)
    {
        int result = connection.Acquire(out int number);
        if (result == 0)
        {
            result = Result(shutdown(number, how));
            connection.Release();
        }

        return result;
    }

    /// <summary>Waits until something happens at one of several descriptors (poll).</summary>
    internal static int WaitForAny(Span<PollEntry> entries)
    {
        fixed (PollEntry* first = entries)
        {
            return Result(poll((Tmds.Linux.pollfd*)first, (uint)entries.Length, -1));
        }
    }

    /// <summary>A descriptor that stands for a process; it is readable once the process has ended (pidfd_open).</summary>
    internal static int OpenProcess(int process, out FileDescriptorHandle? file) =>
        Own((int)syscall(PidfdOpen, process, 0, 0), out file);

    /// <summary>A descriptor of this process for what a descriptor of another one stands for (pidfd_getfd).</summary>
    internal static int DuplicateFrom(FileDescriptorHandle process, int descriptor, out FileDescriptorHandle? file)
    {
        file = null;
        int result = process.Acquire(out int number);
        if (result == 0)
        {
            result = Own((int)syscall(PidfdGetfd, number, descriptor, 0), out file);
            process.Release();
        }

        return result;
    }

    /// <summary>Writes to a position of a file.</summary>
    internal static int WriteAt(FileDescriptorHandle file, ulong offset, ReadOnlySpan<byte> source)
    {
        int result = file.Acquire(out int descriptor);
        if (result == 0)
        {
            fixed (byte* bytes = source)
            {
                result = Result((long)pwrite(descriptor, bytes, source.Length, (long)offset));
            }

            file.Release();
        }

        return result;
    }

    /// <summary>Who this process acts as.</summary>
    internal static uint EffectiveUser => (uint)geteuid();

    /// <summary>As which group this process acts.</summary>
    internal static uint EffectiveGroup => (uint)getegid();

    private static int FindPeer(FileDescriptorHandle connection, out int process, out uint user, out uint group)
    {
        int* credentials = stackalloc int[3];
        int length = 3 * sizeof(int);
        int result = getsockopt((int)connection.DangerousGetHandle(), SocketLevel, PeerCredentials, credentials, &length) < 0 ? -errno : 0;
        process = credentials[0];
        user = (uint)credentials[1];
        group = (uint)credentials[2];
        return result;
    }

    private static int Admit(string path, UnixFileMode mode, int owner, int group)
    {
        int result = ChangeMode(path, mode);
        return result < 0 || (owner < 0 && group < 0) ? result : ChangeOwner(path, owner, group);
    }

    private static int MakeAddress(string path, SocketAddress* address)
    {
        if (HasNul(path) || Encoding.UTF8.GetByteCount(path) is 0 or > LongestPath)
        {
            return -Errno.EINVAL;
        }

        *address = default;
        address->Family = UnixFamily;
        Encoding.UTF8.GetBytes(path, new Span<byte>(address->Path, LongestPath));
        return 0;
    }

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int unlink(byte* path);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int bind(int descriptor, SocketAddress* address, int length);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int listen(int descriptor, int backlog);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int connect(int descriptor, SocketAddress* address, int length);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int accept4(int descriptor, void* address, int* length, int flags);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int setsockopt(int descriptor, int level, int option, void* value, int length);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int getsockopt(int descriptor, int level, int option, void* value, int* length);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial nint sendmsg(int descriptor, MessageHeader* message, int flags);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial nint recvmsg(int descriptor, MessageHeader* message, int flags);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial nint recv(int descriptor, void* buffer, nuint length, int flags);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int shutdown(int descriptor, int how);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial long syscall(long number, long a, long b, long c);

    private struct SocketAddress
    {
        public ushort Family;
        public fixed byte Path[LongestPath + 1];
    }

    private struct MessagePart
    {
        public void* Base;
        public nuint Length;
    }

    private struct MessageHeader
    {
        public void* Name;
        public nuint NameLength;
        public MessagePart* Parts;
        public nuint PartCount;
        public void* Control;
        public nuint ControlLength;
        public nuint Flags;
    }

    /// <summary>A cmsghdr with room for four descriptors behind it; the kernel closes what has none.</summary>
    private struct ManyRightsMessage
    {
        internal const int HeaderBytes = 16;
        private const int Most = 4;

        public nuint Length;
        public int Level;
        public int Type;
        public fixed int Descriptors[Most];
    }

    /// <summary>A cmsghdr with one descriptor behind it, padded as CMSG_SPACE has it.</summary>
    private struct RightsMessage
    {
        public nuint Length;
        public int Level;
        public int Type;
        public int Descriptor;
        public int Padding;
    }
}

/// <summary>A descriptor and what to wait for at it (struct pollfd).</summary>
internal struct PollEntry
{
    /// <summary>Something can be read.</summary>
    internal const short Readable = 1;

    /// <summary>The other side is gone, or the descriptor is broken; reported without being asked for.</summary>
    internal const short Gone = 8 | 16 | 32;

    /// <summary>The descriptor; a negative one is passed over.</summary>
    internal int Descriptor;

    /// <summary>What to wait for.</summary>
    internal short Wanted;

    /// <summary>What has happened.</summary>
    internal short Happened;
}
