namespace XeSvm.Simulation.Gpu;

/// <summary>What several commands encode in the same way.</summary>
internal static class CommandFields
{
    /// <summary>Bit 22 of the MI commands that access memory: the address is one of the global GTT, which user batches may not use.</summary>
    public const uint GlobalGtt = 1u << 22;

    /// <summary>An address of two dwords, low first.</summary>
    public static ulong Address(ReadOnlySpan<uint> dwords) => dwords[0] | (ulong)dwords[1] << 32;

    /// <summary>Whether an address is a multiple of a power of two.</summary>
    public static bool IsAligned(ulong address, int size) => (address & (uint)(size - 1)) == 0;

    /// <summary>
    /// The comparison of MI_SEMAPHORE_WAIT and MI_CONDITIONAL_BATCH_BUFFER_END, bits 14:12, of memory with the command's data, unsigned; null
    /// for an operator that there is none of.
    /// </summary>
    public static bool? Compare(uint header, uint memory, uint data)
    {
        const int operatorShift = 12;
        const uint operatorMask = 7;
        return (header >> operatorShift & operatorMask) switch
        {
            0 => memory > data,
            1 => memory >= data,
            2 => memory < data,
            3 => memory <= data,
            4 => memory == data,
            5 => memory != data,
            _ => null,
        };
    }
}
