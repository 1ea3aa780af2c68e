using System.Diagnostics.CodeAnalysis;
using System.Text;

using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Server;

/// <summary>A connection that carries the calls of one client, one at a time, and the thread that runs them.</summary>
internal sealed unsafe class ServerChannel(DeviceServer server, ClientProcess process, FileDescriptorHandle connection) : IoctlCaller, IDisposable
{
    private const int StackBytes = 1 << 20;
    private readonly ChannelWait _wait = new();
    private FileDescriptorHandle? _given;
    private volatile bool _isGone;

    public ClientProcess Process { get; } = process;

    public FileDescriptorHandle Connection { get; } = connection;

    public override ClientMemory Memory => Process.Memory.Memory;

    public override int ProcessId => Process.Id;

    public override bool IsGone => _isGone;

    /// <summary>Begins to serve; false when the system has no thread for it.</summary>
    public bool TryStart(FaultInjector faults) => DriverThread.TryStart(new Thread(Serve, StackBytes) { Name = "xe client" }, faults);

    /// <summary>The other side is gone, or cut off: the thread ends as soon as it can. Blocked calls are still to be woken.</summary>
    /// <remarks>
    /// A client that lives on sees the end of the connection only when its call has ended: the call may still write to memory of the caller, which
    /// has other uses for it once its ioctl has returned.
    /// </remarks>
    public void Abandon()
    {
        _isGone = true;
        SystemCalls.ShutdownReceiving(Connection);
    }

    public void Dispose()
    {
        _given?.Dispose();
        Connection.Dispose();
    }

    /// <inheritdoc/>
    protected override int TakeFrom(int descriptor, out FileDescriptorHandle? file) => SystemCalls.DuplicateFrom(Process.Process, descriptor, out file);

    /// <inheritdoc/>
    /// <remarks>The client's end of a file has the server's card in its queue.</remarks>
    protected override bool TryFindFileOf(int descriptor, [NotNullWhen(true)] out SoftwareFile? file)
    {
        CardMessage card;
        file = null;
        int result = TakeFrom(descriptor, out FileDescriptorHandle? taken);
        if (result == 0 && SystemCalls.Peek(taken!, &card, sizeof(CardMessage)) == sizeof(CardMessage)
            && card.Magic == ServerProtocol.CardMagic && server.TryGetFile(card.File, card.Secret, out ServerFile? found))
        {
            file = found.File;
        }

        taken?.Dispose();
        return file is not null;
    }

    /// <inheritdoc/>
    protected override void GiveAway(int descriptor)
    {
        _given?.Dispose();
        _given = new FileDescriptorHandle(descriptor);
    }

    private void Serve()
    {
        Enter();
        RequestMessage request;
        while (!_isGone && _wait.Receive(Connection, &request, sizeof(RequestMessage)) == sizeof(RequestMessage)
            && request.Magic == ServerProtocol.RequestMagic)
        {
            var answer = new AnswerMessage { Magic = ServerProtocol.AnswerMagic, Sequence = request.Sequence, Result = Run(request) };
            answer.Flags = server.FlagsFor(Process.Memory);

            // A client takes the answer of one call before it makes the next, so there is room; who does not must not hold the server up.
            int sent = SystemCalls.Send(Connection, &answer, sizeof(AnswerMessage), _given, wait: false);
            _given?.Dispose();
            _given = null;
            if (sent < 0)
            {
                break;
            }
        }

        server.Ended(this);
    }

    private int Run(in RequestMessage request)
    {
        switch (request.Call)
        {
            case ServerCall.Ioctl:
                return server.TryGetFile(request.File, request.Secret, out ServerFile? file)
                    ? file.File.Ioctl((uint)request.A, (void*)request.B)
                    : -Errno.EBADF;
            case ServerCall.Map:
                return server.TryGetFile(request.File, request.Secret, out file) ? Map(file.File, request) : -Errno.EBADF;
            case ServerCall.Invalidate:
                return Invalidate(request.A, request.B, request.C);
            case ServerCall.DebugFile:
                return ReadDebugFile(request);
            case ServerCall.Settle:
                Memory.Settle();
                return 0;
            default:
                return -Errno.EINVAL;
        }
    }

    private int Map(SoftwareFile file, in RequestMessage request)
    {
        var protection = (DrmMapProtection)(request.C & (ulong)(DrmMapProtection.Read | DrmMapProtection.Write));
        return file.OpenMapping(request.A, (nuint)request.B, protection, out _given);
    }

    private int Invalidate(ulong start, ulong end, ulong reason)
    {
        if (((start | end) & PageConstants.PageMask) != 0 || start >= end || reason is not (1 or 2))
        {
            return -Errno.EINVAL;
        }

        Process.Memory.Invalidate(start, end, reason == 1 ? MmuEvent.Unmap : MmuEvent.Clear);
        return 0;
    }

    private int ReadDebugFile(in RequestMessage request)
    {
        ReadOnlySpan<byte> name;
        fixed (byte* first = request.Name)
        {
            name = new ReadOnlySpan<byte>(first, ServerProtocol.NameBytes);
            int length = name.IndexOf((byte)0);
            if (length < 0)
            {
                return -Errno.EINVAL;
            }

            string? text = server.ReadDebugFile(request.A, Encoding.ASCII.GetString(name[..length]));
            if (text is null)
            {
                return -Errno.ENOENT;
            }

            byte[] bytes = Encoding.UTF8.GetBytes(text);
            int result = SystemCalls.MemfdCreate("xesvm-debugfs", out _given);
            return result < 0 ? result : Math.Min(SystemCalls.WriteAt(_given!, 0, bytes), 0);
        }
    }
}
