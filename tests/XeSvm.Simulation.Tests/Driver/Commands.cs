namespace XeSvm.Simulation.Tests.Driver;

/// <summary>GPU commands as dwords.</summary>
internal static class Commands
{
    public const uint End = 0x05000000;

    public static uint[] Store(ulong address, uint value) => [0x10000002, (uint)address, (uint)(address >> 32), value];

    public static uint[] Increment(ulong address) => [0x17800501, (uint)address, (uint)(address >> 32)];

    public static uint[] Jump(ulong address) => [0x18800101, (uint)address, (uint)(address >> 32)];

    /// <summary>MEM_COPY of bytes; on copy engines only.</summary>
    public static uint[] Copy(ulong destination, ulong source, uint length) =>
        [0x56800008, length - 1, 0, 0, 0, (uint)source, (uint)(source >> 32), (uint)destination, (uint)(destination >> 32), 0];
}
