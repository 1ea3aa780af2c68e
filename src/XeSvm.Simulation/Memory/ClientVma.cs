namespace XeSvm.Simulation.Memory;

/// <summary>One mapping of a client's address space: <c>[Start, End)</c>.</summary>
internal readonly record struct ClientVma(ulong Start, ulong End, ClientVmaFlags Flags)
{
    /// <summary>Whether its pages may live in VRAM: private anonymous memory only, and not hugetlb, as the kernel has it.</summary>
    public bool IsMigratable =>
        (Flags & (ClientVmaFlags.Anonymous | ClientVmaFlags.Shared | ClientVmaFlags.Hugetlb)) == ClientVmaFlags.Anonymous;
}

/// <summary>Facts of a mapping; the values are those of XESVM_VMA_*.</summary>
[Flags]
internal enum ClientVmaFlags : uint
{
    None = 0,
    Read = 1,
    Write = 2,
    Execute = 4,
    Shared = 8,
    Anonymous = 16,

    /// <summary>Pages of hugetlbfs.</summary>
    Hugetlb = 32,

    /// <summary>VM_IO or VM_PFNMAP: memory without pages that a device could share.</summary>
    Special = 64,

    /// <summary>What mprotect does not change.</summary>
    Kind = Shared | Anonymous | Hugetlb | Special,
}
