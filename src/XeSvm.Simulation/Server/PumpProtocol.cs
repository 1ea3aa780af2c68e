using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Simulation.Server;

/// <summary>What the server asks of a client's CPU-fault pump: the other half of native/preload/protocol.h, which says what the arguments are.</summary>
internal static class PumpProtocol
{
    public const uint RequestMagic = 0x50455658;
    public const uint AnswerMagic = 0x51455658;

    /// <summary>Most bytes of data that come with a request or an answer.</summary>
    public const int DataBytes = 4096;

    /// <summary>In place of a device where there is none.</summary>
    public const ulong NoDevice = ulong.MaxValue;

    /// <summary>How many devices can give their memory to one client.</summary>
    public const int MostDevices = 16;
}

/// <summary>The connections of one pump.</summary>
internal enum PumpLaneKind
{
    /// <summary>What is done at once.</summary>
    Prompt = 0,

    /// <summary>What may wait for something.</summary>
    Patient = 1,
}

/// <summary>What a request to a pump asks for.</summary>
internal enum PumpCall : uint
{
    Vram = 1,
    Isolate,
    Commit,
    Abort,
    RelocateBegin,
    RelocateEnd,
    Restore,
    Populate,
    Read,
    Write,
    Add,
    CompareExchange,
    ClientAdd,
    ClientCompareExchange,
    TakeEvents,
    Counters,
    Join,
}

/// <summary>A request, without its data.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PumpRequestMessage
{
    public uint Magic;
    public PumpCall Call;
    public ulong Sequence;
    public ulong A;
    public ulong B;
    public ulong C;
    public ulong D;
    public ulong E;
    public ulong F;
}

/// <summary>Its answer, without data.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PumpAnswerMessage
{
    public uint Magic;
    public int Result;
    public ulong Sequence;
    public PumpValues Values;
}

/// <summary>The values of an answer.</summary>
[InlineArray(10)]
internal struct PumpValues
{
    private ulong _value;
}
