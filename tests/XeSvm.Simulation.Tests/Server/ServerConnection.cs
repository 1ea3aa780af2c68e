using XeSvm.Interop.LibC;
using XeSvm.Simulation.Server;

namespace XeSvm.Simulation.Tests.Server;

/// <summary>One connection to a server as the preload library makes it, of this process.</summary>
internal sealed unsafe class ServerConnection : IDisposable
{
    private readonly FileDescriptorHandle _connection;
    private ulong _sequence;

    private ServerConnection(FileDescriptorHandle connection, CardMessage card)
    {
        _connection = connection;
        Card = card;
    }

    public CardMessage Card { get; }

    public FileDescriptorHandle Handle => _connection;

    public static ServerConnection OpenFile(string path, uint minor = 128) => Open(path, ConnectionKind.File, minor);

    public static ServerConnection OpenChannel(string path, ulong space = 1) => Open(path, ConnectionKind.Channel, 0, space);

    public static FileDescriptorHandle Connect(string path)
    {
        Assert.Equal(0, SystemCalls.ConnectTo(path, out FileDescriptorHandle? connection));
        return connection!;
    }

    public static ServerConnection Open(string path, ConnectionKind kind, uint minor, ulong space = 1)
    {
        FileDescriptorHandle connection = Connect(path);
        var hello = new HelloMessage
        {
            Magic = ServerProtocol.HelloMagic,
            Version = ServerProtocol.Version,
            Kind = kind,
            Minor = minor,
            AddressSpace = space,
        };
        CardMessage card;
        Assert.Equal(sizeof(HelloMessage), SystemCalls.Send(connection, &hello, sizeof(HelloMessage), null));
        Assert.Equal(sizeof(CardMessage), SystemCalls.Receive(connection, &card, sizeof(CardMessage), wait: true));
        Assert.Equal(ServerProtocol.CardMagic, card.Magic);
        return new ServerConnection(connection, card);
    }

    /// <summary>One call; null when the server has ended the connection.</summary>
    public int? Call(RequestMessage request, out FileDescriptorHandle? descriptor)
    {
        request.Magic = ServerProtocol.RequestMagic;
        request.Sequence = ++_sequence;
        AnswerMessage answer;
        descriptor = null;
        if (SystemCalls.Send(_connection, &request, sizeof(RequestMessage), null) < 0
            || SystemCalls.Receive(_connection, &answer, sizeof(AnswerMessage), out descriptor) <= 0)
        {
            return null;
        }

        Assert.Equal(ServerProtocol.AnswerMagic, answer.Magic);
        Assert.Equal(_sequence, answer.Sequence);
        return answer.Result;
    }

    /// <summary>An ioctl on a file.</summary>
    public int? Ioctl<T>(ServerConnection file, uint number, ref T argument)
        where T : unmanaged
    {
        fixed (T* pointer = &argument)
        {
            return Call(
                new RequestMessage { Call = ServerCall.Ioctl, File = file.Card.File, Secret = file.Card.Secret, A = number, B = (ulong)pointer },
                out _);
        }
    }

    public void Dispose() => _connection.Dispose();
}
