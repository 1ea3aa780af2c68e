using System.Runtime.InteropServices;

namespace XeSvm.Simulation.Server;

/// <summary>What the preload library and the server say to each other: native/preload/protocol.h, of which this is the other half.</summary>
internal static class ServerProtocol
{
    public const uint HelloMagic = 0x48455658;
    public const uint CardMagic = 0x43455658;
    public const uint RequestMagic = 0x52455658;
    public const uint AnswerMagic = 0x41455658;
    public const uint Version = 2;

    /// <summary>Node numbers from here on are render nodes.</summary>
    public const uint FirstRenderMinor = 128;

    public const int NameBytes = 64;
}

/// <summary>What a connection is for.</summary>
internal enum ConnectionKind : uint
{
    /// <summary>The connection is an open file.</summary>
    File = 1,

    /// <summary>The connection carries calls.</summary>
    Channel = 2,

    /// <summary>The connection is a lane of a CPU-fault pump: the server asks and the client answers.</summary>
    Pump = 3,
}

/// <summary>What a request asks for.</summary>
internal enum ServerCall : uint
{
    Ioctl = 1,
    Map = 2,
    Invalidate = 3,
    DebugFile = 4,

    /// <summary>The CPU-fault pump has events.</summary>
    Settle = 5,
}

/// <summary>The first message of a client.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct HelloMessage
{
    public uint Magic;
    public uint Version;
    public ConnectionKind Kind;
    public uint Minor;
    public ulong AddressSpace;
}

/// <summary>The server's answer to it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CardMessage
{
    public uint Magic;
    public uint Version;
    public int Result;

    /// <summary>Of the node; on a channel how many devices there are.</summary>
    public uint Minor;

    public ulong File;
    public ulong Secret;
}

/// <summary>A call.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct RequestMessage
{
    public uint Magic;
    public ServerCall Call;
    public ulong Sequence;
    public ulong File;
    public ulong Secret;
    public ulong A;
    public ulong B;
    public ulong C;
    public fixed byte Name[ServerProtocol.NameBytes];
}

/// <summary>The end of a call.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AnswerMessage
{
    /// <summary>The server mirrors the client's memory: it wants to hear of changes.</summary>
    public const uint Mirrored = 1;

    /// <summary>The client is to start a CPU-fault pump.</summary>
    public const uint WantsPump = 2;

    /// <summary>With it: of the unprivileged kind.</summary>
    public const uint UserMode = 4;

    public uint Magic;
    public int Result;
    public ulong Sequence;
    public uint Flags;
    public uint Reserved;
}
