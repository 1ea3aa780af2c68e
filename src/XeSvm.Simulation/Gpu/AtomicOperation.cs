namespace XeSvm.Simulation.Gpu;

/// <summary>An atomic operation on a word of 4 or 8 bytes: what becomes of the value in memory.</summary>
internal readonly struct AtomicOperation(AtomicOpcode opcode, int size, ulong operand1, ulong operand2)
{
    private const int DwordBits = 32;

    /// <summary>4 or 8 bytes.</summary>
    public int Size { get; } = size;

    /// <summary>Adds, for the memory that has an addition of its own.</summary>
    public static AtomicOperation Add(ulong addend, int size) => new(AtomicOpcode.Add, size, addend, 0);

    /// <summary>Whether it is an addition, whatever it is called, and of what; of 4 bytes sign-extended.</summary>
    public bool IsAddition(out ulong addend)
    {
        ulong? value = opcode switch
        {
            AtomicOpcode.Increment => 1,
            AtomicOpcode.Decrement => ulong.MaxValue,
            AtomicOpcode.Add => operand1,
            AtomicOpcode.Subtract => 0 - operand1,
            _ => null,
        };
        addend = Size == sizeof(uint) ? (ulong)(int)value.GetValueOrDefault() : value.GetValueOrDefault();
        return value is not null;
    }

    /// <summary>The new value for an old one, both of <see cref="Size"/> bytes.</summary>
    public ulong Apply(ulong old)
    {
        ulong one = Truncate(operand1);
        ulong result = opcode switch
        {
            AtomicOpcode.And => old & one,
            AtomicOpcode.Or => old | one,
            AtomicOpcode.ExclusiveOr => old ^ one,
            AtomicOpcode.Move => one,
            AtomicOpcode.Increment => old + 1,
            AtomicOpcode.Decrement => old - 1,
            AtomicOpcode.Add => old + one,
            AtomicOpcode.Subtract => old - one,
            AtomicOpcode.ReverseSubtract => one - old,
            AtomicOpcode.SignedMaximum => Signed(old) >= Signed(one) ? old : one,
            AtomicOpcode.SignedMinimum => Signed(old) <= Signed(one) ? old : one,
            AtomicOpcode.UnsignedMaximum => Math.Max(old, one),
            AtomicOpcode.UnsignedMinimum => Math.Min(old, one),
            AtomicOpcode.CompareAndWrite => old == one ? Truncate(operand2) : old,
            _ => old,
        };
        return Truncate(result);
    }

    private ulong Truncate(ulong value) => Size == sizeof(uint) ? (uint)value : value;

    private long Signed(ulong value) => Size == sizeof(uint) ? (int)value : (long)value;
}
