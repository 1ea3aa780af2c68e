using System.Runtime.InteropServices;

using XeSvm.Interop.LibC;

namespace XeSvm.Simulation.Server;

/// <summary>
/// One connection to the CPU-fault pump of a client, which answers one request at a time. What the other side says is checked; a client that
/// breaks the protocol, or does not answer for long, loses the lane, and with it the server: its pages it brings home by itself.
/// </summary>
internal sealed unsafe class PumpLane : IDisposable
{
    /// <summary>The lane is broken.</summary>
    public const int Broken = -Errno.ENODEV;

    private const int LowestError = -4095;
    private static readonly int s_requestHead = sizeof(PumpRequestMessage);
    private static readonly int s_answerHead = sizeof(PumpAnswerMessage);

    private readonly Lock _lock = new();
    private readonly byte* _request;
    private readonly byte* _answer;
    private ulong _sequence;
    private volatile bool _isBroken;
    private bool _disposed;

    /// <param name="connection">The connection, which is the lane's from now on.</param>
    /// <param name="patience">How long an answer may take: a client that is stopped must not stop others for ever.</param>
    public PumpLane(FileDescriptorHandle connection, TimeSpan patience)
    {
        Connection = connection;
        _request = (byte*)NativeMemory.AlignedAlloc((nuint)(s_requestHead + PumpProtocol.DataBytes), sizeof(ulong));
        _answer = (byte*)NativeMemory.AlignedAlloc((nuint)(s_answerHead + PumpProtocol.DataBytes), sizeof(ulong));
        _isBroken = SystemCalls.SetReceiveTimeout(connection, patience) < 0;
    }

    public FileDescriptorHandle Connection { get; }

    /// <summary>Asks.</summary>
    /// <param name="request">What; magic and sequence are filled in here.</param>
    /// <param name="values">The values of the answer, when the result is not <see cref="Broken"/>.</param>
    /// <param name="data">Data to send, at most 4096 bytes, or null.</param>
    /// <param name="length">How much.</param>
    /// <param name="answerData">Where data of the answer goes, or null.</param>
    /// <param name="answerLength">Most of it; an answer that has more breaks the protocol. How much there was comes back.</param>
    /// <param name="descriptor">A descriptor to send along, or null.</param>
    /// <returns>What the pump says: 0 or more, or a negative errno.</returns>
    public int Call(
        PumpRequestMessage request,
        out PumpValues values,
        void* data,
        int length,
        void* answerData,
        ref int answerLength,
        FileDescriptorHandle? descriptor = null)
    {
        lock (_lock)
        {
            values = default;
            if (_isBroken)
            {
                answerLength = 0;
                return Broken;
            }

            request.Magic = PumpProtocol.RequestMagic;
            request.Sequence = ++_sequence;
            *(PumpRequestMessage*)_request = request;
            Buffer.MemoryCopy(data, _request + s_requestHead, PumpProtocol.DataBytes, length);
            int received = SystemCalls.Send(Connection, _request, s_requestHead + length, descriptor);
            if (received >= 0)
            {
                received = SystemCalls.Receive(Connection, _answer, s_answerHead + PumpProtocol.DataBytes, wait: true);
            }

            var answer = (PumpAnswerMessage*)_answer;
            int dataLength = received - s_answerHead;
            if (dataLength < 0 || dataLength > answerLength || answer->Magic != PumpProtocol.AnswerMagic || answer->Sequence != _sequence
                || answer->Result < LowestError)
            {
                answerLength = 0;
                Break();
                return Broken;
            }

            values = answer->Values;
            answerLength = dataLength;
            Buffer.MemoryCopy(_answer + s_answerHead, answerData, dataLength, dataLength);
            return answer->Result == Broken ? -Errno.EIO : answer->Result;
        }
    }

    /// <summary>Ends the lane: the client brings its pages home. A call that is under way ends too.</summary>
    public void Break()
    {
        _isBroken = true;
        SystemCalls.Shutdown(Connection);
    }

    public void Dispose()
    {
        Break();
        lock (_lock)
        {
            if (!_disposed)
            {
                _disposed = true;
                NativeMemory.AlignedFree(_request);
                NativeMemory.AlignedFree(_answer);
            }
        }

        Connection.Dispose();
    }
}
