namespace XeSvm.Simulation.Gpu;

/// <summary>The operations of MI_ATOMIC; the values are those of bits 12:8 of its header.</summary>
internal enum AtomicOpcode
{
    And = 0x1,
    Or = 0x2,
    ExclusiveOr = 0x3,
    Move = 0x4,
    Increment = 0x5,
    Decrement = 0x6,
    Add = 0x7,
    Subtract = 0x8,

    /// <summary>Operand less memory.</summary>
    ReverseSubtract = 0x9,
    SignedMaximum = 0xa,
    SignedMinimum = 0xb,
    UnsignedMaximum = 0xc,
    UnsignedMinimum = 0xd,

    /// <summary>Writes the second operand when memory equals the first.</summary>
    CompareAndWrite = 0xe,
}
