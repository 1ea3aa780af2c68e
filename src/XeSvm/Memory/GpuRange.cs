namespace XeSvm;

/// <summary>A range of GPU addresses; in a mirror VM the CPU's addresses as well.</summary>
/// <param name="Address">The first byte.</param>
/// <param name="Length">Length in bytes.</param>
public readonly record struct GpuRange(ulong Address, ulong Length)
{
    /// <summary>The size of a GPU page for binds and advice, in bytes.</summary>
    public const ulong PageSize = 4096;

    /// <summary>The smallest range of whole pages around this one: the start rounded down, the end rounded up.</summary>
    /// <exception cref="OverflowException">The range ends beyond the 64-bit address space.</exception>
    public GpuRange ToPages()
    {
        ulong start = Address & ~(PageSize - 1);
        ulong end = checked(Address + Length + (PageSize - 1)) & ~(PageSize - 1);
        return new GpuRange(start, end - start);
    }

    /// <summary>First and last address in hexadecimal.</summary>
    public override string ToString() => $"[0x{Address:x}, 0x{unchecked(Address + Length):x})";
}
