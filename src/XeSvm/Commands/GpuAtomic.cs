namespace XeSvm;

/// <summary>What an atomic GPU command makes of a word in memory. The values are the operations of MI_ATOMIC.</summary>
public enum GpuAtomic
{
    /// <summary>Memory AND operand.</summary>
    And = 0x1,

    /// <summary>Memory OR operand.</summary>
    Or = 0x2,

    /// <summary>Memory XOR operand.</summary>
    ExclusiveOr = 0x3,

    /// <summary>Operand.</summary>
    Move = 0x4,

    /// <summary>Memory + 1; the operand is not used.</summary>
    Increment = 0x5,

    /// <summary>Memory - 1; the operand is not used.</summary>
    Decrement = 0x6,

    /// <summary>Memory + operand.</summary>
    Add = 0x7,

    /// <summary>Memory - operand.</summary>
    Subtract = 0x8,

    /// <summary>Operand - memory.</summary>
    ReverseSubtract = 0x9,

    /// <summary>The larger of the two, signed.</summary>
    SignedMaximum = 0xa,

    /// <summary>The smaller of the two, signed.</summary>
    SignedMinimum = 0xb,

    /// <summary>The larger of the two, unsigned.</summary>
    UnsignedMaximum = 0xc,

    /// <summary>The smaller of the two, unsigned.</summary>
    UnsignedMinimum = 0xd,
}
