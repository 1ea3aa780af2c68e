using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Simulation.Driver;

namespace XeSvm.Simulation.Server;

/// <summary>
/// Gives the software devices to other processes: unmodified programs that run with libxesvm_preload.so. It listens on a Unix socket; who
/// may connect is decided by the credentials of the peer: the user of this process, and root. A client reaches its own files and memory only,
/// and one that dies at any moment leaves nothing behind.
/// </summary>
public sealed unsafe class DeviceServer : IDisposable
{
    /// <summary>Connections that have not said hello yet; above this the oldest is dropped.</summary>
    private const int MostPending = 64;

    /// <summary>Calls of one process that may be under way at once.</summary>
    private const int MostChannels = 1024;

    private static readonly byte[] s_one = [1, 0, 0, 0, 0, 0, 0, 0];

    private readonly Lock _lock = new();
    private readonly SoftwareBackend _backend;
    private readonly bool _ownsBackend;
    private readonly IReadOnlyList<DrmNode> _nodes;
    private readonly FileDescriptorHandle _listener;
    private readonly FileDescriptorHandle _wake;
    private readonly Thread _thread;
    private readonly ConcurrentDictionary<ulong, ServerFile> _files = new();
    private readonly Dictionary<(int Process, ulong Space), ClientProcess> _processes = [];
    private readonly List<ServerChannel> _channels = [];
    private readonly List<FileDescriptorHandle> _pending = [];
    private readonly List<RemoteClientMemory> _departed = [];
    private readonly HashSet<SoftwareDevice> _devices = [];
    private readonly CountdownEvent _atWork = new(1);
    private ulong _lastFile;
    private volatile bool _stopping;

    private DeviceServer(SoftwareBackend backend, bool ownsBackend, string path, FileDescriptorHandle listener, FileDescriptorHandle wake)
    {
        _backend = backend;
        _ownsBackend = ownsBackend;
        _nodes = backend.Enumerate();
        SocketPath = path;
        _listener = listener;
        _wake = wake;
        _thread = new Thread(Watch) { IsBackground = true, Name = "xe server" };
        _thread.Start();
    }

    /// <summary>Where the server listens: what a program's <c>XESVM_SERVER</c> has to name.</summary>
    public string SocketPath { get; }

    /// <summary>How many files clients have open.</summary>
    public int FileCount => _files.Count;

    /// <summary>How many processes are connected.</summary>
    public int ProcessCount
    {
        get
        {
            lock (_lock)
            {
                return _processes.Count;
            }
        }
    }

    /// <summary>How many channels are open; each has a thread.</summary>
    public int ChannelCount
    {
        get
        {
            lock (_lock)
            {
                return _channels.Count;
            }
        }
    }

    /// <summary>How many files and channels are being closed, beside those that are open.</summary>
    internal int ClosingCount => _atWork.CurrentCount - 1 - ChannelCount;

    /// <summary>Makes the devices and begins to listen.</summary>
    /// <param name="options">
    /// What the machine is like. <see cref="SoftwareBackendOptions.CpuFaults"/> may be <c>auto</c> or <c>coherent</c>: the memory of another
    /// process is reached in place.
    /// </param>
    /// <param name="socketPath">Where to listen: at most 107 bytes. Must not exist.</param>
    /// <exception cref="ArgumentException">An option has a value that is not valid; the message says which are.</exception>
    /// <exception cref="FormatException">A device, a strategy or a layout has no such name.</exception>
    /// <exception cref="IOException">The socket cannot be made; the message says why.</exception>
    public static DeviceServer Start(SoftwareBackendOptions options, string socketPath)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentException.ThrowIfNullOrEmpty(socketPath);
        if (options.CpuFaults is not ("auto" or "coherent"))
        {
            throw new ArgumentException(
                $"CPU faults of other processes cannot be noticed by '{options.CpuFaults}'; auto and coherent are possible.", nameof(options));
        }

        var backend = new SoftwareBackend(options with { CpuFaults = "coherent" });
        try
        {
            return Start(backend, ownsBackend: true, socketPath);
        }
        catch (IOException)
        {
            backend.Dispose();
            throw;
        }
    }

    /// <summary>Begins to listen for a backend that others use too, and that stays theirs: it must end after the server.</summary>
    /// <param name="backend">The backend; made with <see cref="SoftwareBackendOptions.CpuFaults"/> <c>coherent</c>.</param>
    /// <param name="socketPath">Where to listen: at most 107 bytes. Must not exist.</param>
    /// <exception cref="IOException">The socket cannot be made; the message says why.</exception>
    public static DeviceServer Start(SoftwareBackend backend, string socketPath)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentException.ThrowIfNullOrEmpty(socketPath);
        return Start(backend, ownsBackend: false, socketPath);
    }

    private static DeviceServer Start(SoftwareBackend backend, bool ownsBackend, string socketPath)
    {
        int result = SystemCalls.ListenAt(socketPath, out FileDescriptorHandle? listener);
        if (result < 0)
        {
            throw new IOException($"The socket '{socketPath}' cannot be made: {Errno.Describe(result)}.");
        }

        result = SystemCalls.CreateEventFd(out FileDescriptorHandle? wake);
        if (result < 0)
        {
            listener!.Dispose();
            File.Delete(socketPath);
            throw new IOException($"An eventfd cannot be made: {Errno.Describe(result)}.");
        }

        return new DeviceServer(backend, ownsBackend, socketPath, listener!, wake!);
    }

    /// <summary>Ends all connections, for which the device is gone from here on (ENODEV), and gives everything back.</summary>
    public void Dispose()
    {
        if (_stopping)
        {
            return;
        }

        _stopping = true;
        WakeUp();
        _thread.Join();
        File.Delete(SocketPath);
        _listener.Dispose();
        _pending.ForEach(connection => connection.Dispose());
        lock (_lock)
        {
            _channels.ForEach(channel => channel.Abandon());
        }

        foreach (ServerFile file in _files.Values)
        {
            Close(file);
        }

        _atWork.Signal();
        _atWork.Wait();
        lock (_lock)
        {
            foreach (ClientProcess process in _processes.Values.ToArray())
            {
                Depart(process);
            }
        }

        if (_ownsBackend)
        {
            _backend.Dispose();
        }

        _atWork.Dispose();
        _wake.Dispose();
    }

    /// <summary>The open file of an id; false when there is none, or the secret is not its own.</summary>
    internal bool TryGetFile(ulong id, ulong secret, [NotNullWhen(true)] out ServerFile? file) =>
        _files.TryGetValue(id, out file) && file.Secret == secret;

    /// <summary>The text of a debugfs file; null when there is none.</summary>
    internal string? ReadDebugFile(ulong minor, string name)
    {
        ulong index = minor % ServerProtocol.FirstRenderMinor;
        if (minor >= 2 * ServerProtocol.FirstRenderMinor || index >= (ulong)_nodes.Count)
        {
            return null;
        }

        DrmNode node = _nodes[(int)index];
        if (name == "name")
        {
            return $"{node.Driver} dev={node.BusAddress} unique={node.BusAddress}\n";
        }

        if (_backend.Open(node, out DrmFile? file) < 0)
        {
            return null;
        }

        using (file)
        {
            return file!.ReadDebugFile(name).Text;
        }
    }

    /// <summary>A channel's thread ends.</summary>
    internal void Ended(ServerChannel channel)
    {
        ClientProcess? last = null;
        lock (_lock)
        {
            if (_channels.Remove(channel) && --channel.Process.Channels == 0)
            {
                last = channel.Process;
            }

            if (last is not null)
            {
                Depart(last);
            }
        }

        channel.Dispose();
        WakeUp();
        _atWork.Signal();
    }

    private void WakeUp() => _ = SystemCalls.Write(_wake, s_one);

    /// <summary>The server's own thread: connections come and go, processes end.</summary>
    private void Watch()
    {
        List<PollEntry> entries = [];
        List<object> subjects = [];
        while (!_stopping)
        {
            Prepare(entries, subjects);
            Span<PollEntry> span = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(entries);
            if (SystemCalls.WaitForAny(span) < 0)
            {
                continue; // a signal
            }

            for (int i = 0; i < span.Length && !_stopping; i++)
            {
                if (span[i].Happened != 0)
                {
                    Handle(subjects[i], span[i].Happened);
                }
            }
        }
    }

    private void Prepare(List<PollEntry> entries, List<object> subjects)
    {
        entries.Clear();
        subjects.Clear();
        Add(_wake, PollEntry.Readable, _wake);
        Add(_listener, PollEntry.Readable, _listener);
        _pending.ForEach(connection => Add(connection, PollEntry.Readable, connection));
        foreach (ServerFile file in _files.Values)
        {
            Add(file.Connection, PollEntry.Readable, file);
        }

        lock (_lock)
        {
            foreach (ServerChannel channel in _channels)
            {
                if (!channel.IsGone)
                {
                    Add(channel.Connection, 0, channel);
                }
            }

            foreach (ClientProcess process in _processes.Values)
            {
                Add(process.Process, PollEntry.Readable, process);
            }
        }

        void Add(FileDescriptorHandle handle, short wanted, object subject)
        {
            entries.Add(new PollEntry { Descriptor = (int)handle.DangerousGetHandle(), Wanted = wanted });
            subjects.Add(subject);
        }
    }

    private void Handle(object subject, short happened)
    {
        switch (subject)
        {
            case ServerFile file when (happened & PollEntry.Gone) == 0 && Discard(file.Connection):
                break;
            case ServerFile file:
                Close(file);
                break;
            case ServerChannel channel:
                channel.Abandon();
                WakeBlockedCalls();
                break;
            case ClientProcess process:
                Ended(process);
                break;
            case FileDescriptorHandle handle when handle == _listener:
                Accept();
                break;
            case FileDescriptorHandle handle when handle == _wake:
                Span<byte> count = stackalloc byte[sizeof(ulong)];
                _ = SystemCalls.Read(_wake, count);
                break;
            case FileDescriptorHandle connection:
                Welcome(connection);
                break;
        }
    }

    /// <summary>
    /// Takes a message that nobody asked for: one may carry the client's own end, which would then stay open for as long as it waits here, and
    /// with it the file (unix(7), SCM_RIGHTS). What is not received is closed by the kernel.
    /// </summary>
    /// <returns>False at the end of the connection.</returns>
    private static bool Discard(FileDescriptorHandle connection)
    {
        byte first;
        int result = SystemCalls.Receive(connection, &first, sizeof(byte), wait: false);
        return result > 0 || result == -Errno.EAGAIN;
    }

    private void Accept()
    {
        if (SystemCalls.Accept(_listener, out FileDescriptorHandle? connection) < 0)
        {
            return; // gone again, or no descriptor is free: the next event comes to it
        }

        if (SystemCalls.FindPeer(connection!, out _, out uint user) < 0 || (user != 0 && user != SystemCalls.EffectiveUser))
        {
            connection!.Dispose();
            return;
        }

        if (_pending.Count == MostPending)
        {
            _pending[0].Dispose();
            _pending.RemoveAt(0);
        }

        _pending.Add(connection!);
    }

    private void Welcome(FileDescriptorHandle connection)
    {
        HelloMessage hello;
        if (!_pending.Remove(connection))
        {
            return; // dropped by an event before this one
        }

        if (SystemCalls.Receive(connection, &hello, sizeof(HelloMessage), wait: false) != sizeof(HelloMessage)
            || hello.Magic != ServerProtocol.HelloMagic || hello.Version != ServerProtocol.Version || hello.AddressSpace == 0
            || SystemCalls.FindPeer(connection, out int process, out _) < 0)
        {
            connection.Dispose();
            return;
        }

        int result = hello.Kind switch
        {
            ConnectionKind.File => OpenFile(connection, hello.Minor),
            ConnectionKind.Channel => OpenChannel(connection, process, hello.AddressSpace),
            _ => -Errno.EINVAL,
        };
        if (result < 0)
        {
            SendCard(connection, new CardMessage { Result = result });
            connection.Dispose();
        }
    }

    private static int SendCard(FileDescriptorHandle connection, CardMessage card)
    {
        card.Magic = ServerProtocol.CardMagic;
        card.Version = ServerProtocol.Version;
        return SystemCalls.Send(connection, &card, sizeof(CardMessage), descriptor: null);
    }

    private int OpenFile(FileDescriptorHandle connection, uint minor)
    {
        uint index = minor % ServerProtocol.FirstRenderMinor;
        if (minor >= 2 * ServerProtocol.FirstRenderMinor || index >= _nodes.Count)
        {
            return -Errno.ENODEV;
        }

        int result = _backend.Open(_nodes[(int)index], out DrmFile? opened);
        if (result < 0)
        {
            return result;
        }

        ulong secret = 0;
        RandomNumberGenerator.Fill(new Span<byte>(&secret, sizeof(ulong)));
        var file = new ServerFile(++_lastFile, secret, (SoftwareFile)opened!, connection);
        lock (_lock)
        {
            _devices.Add(file.File.Device);
        }

        _files[file.Id] = file;
        if (SendCard(connection, new CardMessage { Minor = minor, File = file.Id, Secret = secret }) < 0)
        {
            Close(file);
        }

        return 0;
    }

    private int OpenChannel(FileDescriptorHandle connection, int id, ulong addressSpace)
    {
        ServerChannel channel;
        lock (_lock)
        {
            if (!_processes.TryGetValue((id, addressSpace), out ClientProcess? process))
            {
                int result = ClientProcess.Open(id, addressSpace, out process);
                if (result < 0)
                {
                    return result;
                }

                _processes.Add((id, addressSpace), process!);
            }

            if (process!.Channels == MostChannels)
            {
                return -Errno.EMFILE;
            }

            process.Channels++;
            channel = new ServerChannel(this, process, connection);
            _channels.Add(channel);
        }

        _atWork.AddCount();
        SendCard(connection, new CardMessage { Minor = (uint)_nodes.Count }); // when it cannot be sent, the channel finds its end at once
        channel.Start();
        return 0;
    }

    /// <summary>Nobody has the file open any more. Closing waits for calls and jobs, so others must not wait for it.</summary>
    private void Close(ServerFile file)
    {
        if (_files.TryRemove(file.Id, out _))
        {
            _atWork.AddCount();
            ThreadPool.UnsafeQueueUserWorkItem(CloseNow, file, preferLocal: false);
        }
    }

    private void CloseNow(ServerFile file)
    {
        file.Dispose();
        lock (_lock)
        {
            _departed.RemoveAll(IsForgotten);
        }

        _atWork.Signal();
    }

    /// <summary>Drops what work that was under way has left of memory that is gone; false while a file knows of it still. Under the lock.</summary>
    private bool IsForgotten(RemoteClientMemory memory)
    {
        memory.DropDevicePages();
        return !memory.IsMirrored && _devices.Sum(device => device.Frames.Forget(memory)) == 0;
    }

    /// <summary>A process has ended.</summary>
    private void Ended(ClientProcess process)
    {
        lock (_lock)
        {
            _channels.ForEach(channel =>
            {
                if (channel.Process == process)
                {
                    channel.Abandon();
                }
            });
            Depart(process);
        }

        WakeBlockedCalls();
    }

    /// <summary>An address space is no more. Under the lock.</summary>
    private void Depart(ClientProcess process)
    {
        if (_processes.Remove((process.Id, process.AddressSpace)))
        {
            process.Dispose();
            if (!IsForgotten(process.Memory))
            {
                _departed.Add(process.Memory);
            }
        }
    }

    private void WakeBlockedCalls()
    {
        foreach (ServerFile file in _files.Values)
        {
            file.File.WakeBlockedCalls();
        }
    }
}
