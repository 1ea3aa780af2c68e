using System.Runtime.InteropServices;

namespace XeSvm.Tests.Doubles;

/// <summary>A request as it was when it arrived.</summary>
internal sealed unsafe class ScriptedRequest
{
    private readonly byte[] _argument;

    /// <summary>Copies the argument; its size is in the request number.</summary>
    public ScriptedRequest(uint number, void* argument)
    {
        Number = number;
        _argument = new ReadOnlySpan<byte>(argument, (int)((number >> 16) & 0x3fff)).ToArray();
    }

    /// <summary>The request number.</summary>
    public uint Number { get; }

    /// <summary>The argument.</summary>
    public T Argument<T>()
        where T : unmanaged => MemoryMarshal.Read<T>(_argument);
}
