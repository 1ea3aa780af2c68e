using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Simulation.Driver;

namespace XeSvm.Simulation.Server;

/// <summary>
/// Gives the software devices to other processes: unmodified programs that run with libxesvm_preload.so. It listens on a Unix socket; who
/// may connect is decided by the credentials of the peer: the user of this process and root, and whoever a <see cref="DeviceServerAccess"/> lets in.
/// A client reaches its own files and memory only, and one that dies at any moment leaves nothing behind.
/// </summary>
public sealed partial class DeviceServer : IDisposable
{
    /// <summary>Connections that have not said hello yet; above this the oldest is dropped.</summary>
    private const int MostPending = 64;

    /// <summary>Calls of one process that may be under way at once, whatever address spaces it says that it has.</summary>
    private const int MostChannels = 1024;

    private static readonly byte[] s_one = [1, 0, 0, 0, 0, 0, 0, 0];

    private readonly Lock _lock = new();
    private readonly SoftwareBackend _backend;
    private readonly bool _ownsBackend;
    private readonly ServerCpuFaults _cpuFaults;
    private readonly IReadOnlyList<DrmNode> _nodes;
    private readonly FileDescriptorHandle _listener;
    private readonly FileDescriptorHandle _wake;
    private readonly Thread _thread;
    private readonly ConcurrentDictionary<ulong, ServerFile> _files = new();
    private readonly Dictionary<(int Process, ulong Space), ClientProcess> _processes = [];
    private readonly List<ServerChannel> _channels = [];
    private readonly List<FileDescriptorHandle> _pending = [];
    private readonly List<IRemoteClientMemory> _departed = [];
    private readonly HashSet<SoftwareDevice> _devices = [];
    private readonly CountdownEvent _atWork = new(1);
    private readonly SystemTree _tree;
    private readonly DeviceServerAccess _access;
    private ulong _lastFile;
    private volatile bool _stopping;

    private DeviceServer(
        SoftwareBackend backend,
        bool ownsBackend,
        ServerCpuFaults cpuFaults,
        string path,
        DeviceServerAccess access,
        FileDescriptorHandle listener,
        FileDescriptorHandle wake,
        SystemTree tree)
    {
        _tree = tree;
        _access = access;
        _backend = backend;
        _ownsBackend = ownsBackend;
        _cpuFaults = cpuFaults;
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

    /// <summary>How long a client may take to answer what is asked of its CPU-fault pump: it is stopped, or lost. For those that connect later.</summary>
    internal TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Makes chosen operations of the devices and of the server fail.</summary>
    internal FaultInjector Faults => _backend.Faults;

    /// <summary>How many files and channels are being closed, beside those that are open.</summary>
    internal int ClosingCount => _atWork.CurrentCount - 1 - ChannelCount;

    /// <summary>Makes the devices and begins to listen.</summary>
    /// <param name="options">
    /// What the machine is like. <see cref="SoftwareBackendOptions.CpuFaults"/>: with <c>userfaultfd</c> and <c>userfaultfd-user-mode</c> memory
    /// that migrates leaves the page tables of the clients, and a CPU touch brings it home; with <c>coherent</c>, and with <c>auto</c>, it is
    /// reached in place.
    /// </param>
    /// <param name="socketPath">Where to listen: at most 107 bytes. Must not exist, nor what has its name with <c>.sys</c> at the end.</param>
    /// <exception cref="ArgumentException">An option has a value that is not valid; the message says which are.</exception>
    /// <exception cref="FormatException">A device, a strategy or a layout has no such name.</exception>
    /// <exception cref="IOException">The socket cannot be made; the message says why.</exception>
    public static DeviceServer Start(SoftwareBackendOptions options, string socketPath)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentException.ThrowIfNullOrEmpty(socketPath);
        ServerCpuFaults cpuFaults = ServerCpuFaultsOption.Parse(options.CpuFaults);
        var backend = new SoftwareBackend(options with { CpuFaults = "coherent" });
        try
        {
            return Start(backend, ownsBackend: true, cpuFaults, socketPath, DeviceServerAccess.OwnUser);
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
    public static DeviceServer Start(SoftwareBackend backend, string socketPath) => Start(backend, socketPath, DeviceServerAccess.OwnUser);

    /// <summary>Begins to listen for a backend that others use too, and that stays theirs: it must end after the server.</summary>
    /// <param name="backend">The backend; made with <see cref="SoftwareBackendOptions.CpuFaults"/> <c>coherent</c>.</param>
    /// <param name="socketPath">Where to listen: at most 107 bytes. Must not exist.</param>
    /// <param name="access">
    /// Who may connect. Programs of other users give the files of their memory along, so that no privilege is needed for it; descriptors that they
    /// hand to the driver (PRIME, syncobj and sync files) can be taken by a server with CAP_SYS_PTRACE only, EPERM otherwise.
    /// </param>
    /// <exception cref="IOException">The socket cannot be made, or not for these; the message says why.</exception>
    public static DeviceServer Start(SoftwareBackend backend, string socketPath, DeviceServerAccess access)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentException.ThrowIfNullOrEmpty(socketPath);
        ArgumentNullException.ThrowIfNull(access);
        return Start(backend, ownsBackend: false, ServerCpuFaults.Coherent, socketPath, access);
    }

    /// <summary>
    /// Removes what a server that was killed has left: its socket, and the folder with the devices' entries of /sys beside it. A socket that
    /// somebody listens at stays with its folder, and so does anything else that has these names.
    /// </summary>
    /// <param name="socketPath">Where the server listened.</param>
    /// <exception cref="IOException">What is there cannot be removed; the message says why.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be removed by this user.</exception>
    public static void RemoveAbandoned(string socketPath)
    {
        ArgumentException.ThrowIfNullOrEmpty(socketPath);
        int result = SystemCalls.ConnectTo(socketPath, out FileDescriptorHandle? connection);
        connection?.Dispose();
        if (result == -Errno.ECONNREFUSED && new FileInfo(socketPath).Length == 0)
        {
            File.Delete(socketPath);
            SystemTree.RemoveAbandoned(socketPath);
        }
    }

    private static DeviceServer Start(SoftwareBackend backend, bool ownsBackend, ServerCpuFaults cpuFaults, string socketPath, DeviceServerAccess access)
    {
        bool forOthers = access.IsForOthers(SystemCalls.EffectiveUser);
        int result = SystemCalls.ListenAt(socketPath, access.Mode, access.Owner ?? -1, access.Group ?? -1, out FileDescriptorHandle? listener);
        if (result == -Errno.EPERM)
        {
            throw new IOException(
                $"The socket '{socketPath}' cannot be given to user {access.Owner ?? (int)SystemCalls.EffectiveUser} and group {access.Group ?? (int)SystemCalls.EffectiveGroup}: {Errno.Describe(result)}. "
                + "Without privilege the owner must be this process's user, and the group one of its groups.");
        }

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

        SystemTree tree;
        try
        {
            tree = SystemTree.Create(socketPath, backend.Enumerate(), backend.DeviceProfile, forOthers);
        }
        catch (IOException)
        {
            wake!.Dispose();
            listener!.Dispose();
            File.Delete(socketPath);
            throw;
        }

        return new DeviceServer(backend, ownsBackend, cpuFaults, socketPath, access, listener!, wake!, tree);
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
        _tree.Dispose();
        _listener.Dispose();
        _pending.ForEach(connection => connection.Dispose());
        lock (_lock)
        {
            _channels.ForEach(channel => channel.Abandon());
            foreach (ClientProcess process in _processes.Values)
            {
                process.Memory.Pump?.Break(); // nobody waits for an answer of one that is stopped
            }
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
            return SystemTree.NameFile(node);
        }

        if (_backend.Open(node, out DrmFile? file) < 0)
        {
            return null;
        }

        ClientProcess[] processes;
        lock (_lock)
        {
            processes = [.. _processes.Values];
        }

        // What CPU faults of the clients have done is not in the counters yet.
        Array.ForEach(processes, process => process.Memory.Memory.Settle());
        using (file)
        {
            return file!.ReadDebugFile(name).Text;
        }
    }

    /// <summary>What an answer tells a client of its memory.</summary>
    internal uint FlagsFor(IRemoteClientMemory memory)
    {
        uint flags = memory.Memory.Notifiers.IsEmpty ? 0 : AnswerMessage.Mirrored;
        if (memory is RemoteFaultingMemory { WantsPump: true })
        {
            flags |= AnswerMessage.WantsPump | (_cpuFaults == ServerCpuFaults.UserMode ? AnswerMessage.UserMode : 0);
        }

        return flags;
    }

    private void WakeUp() => _ = SystemCalls.Write(_wake, s_one);
}
