using XeSvm.Simulation.Pagemap;

namespace XeSvm.Simulation.Driver;

/// <summary>What backs a GPU virtual memory area.</summary>
internal enum VmaKind : byte
{
    BufferObject,
    Null,
    CpuAddressMirror,
}

/// <summary>Who may do atomics on memory (DRM_XE_ATOMIC_*).</summary>
internal enum AtomicPolicy : uint
{
    Undefined = 0,
    Device = 1,
    Global = 2,
    Cpu = 3,
}

/// <summary>The attributes that MADVISE sets and range splitting inherits.</summary>
internal struct VmaAttributes
{
    /// <summary>0: the faulting tile's VRAM; -1: system memory; above: the fd that was given.</summary>
    public int PreferredDevmemFd;

    public ushort MigrationPolicy;

    public AtomicPolicy Atomic;

    public ushort PatIndex;
}

/// <summary>A piece <c>[Start, End)</c> of a VM's address space (xe_vma). A node of the VM's <see cref="VmaTree"/>.</summary>
internal sealed class Vma
{
    public VmaAttributes Attributes;

    internal Vma? Left;
    internal Vma? Right;
    internal uint Priority;

    public ulong Start { get; set; }

    public ulong End { get; set; }

    public VmaKind Kind { get; init; }

    public bool IsReadOnly { get; init; }

    /// <summary>MADVISE_AUTORESET was given.</summary>
    public bool IsAutoReset { get; init; }

    public BufferObject? Object { get; init; }

    /// <summary>Byte of the buffer object that is at <see cref="Start"/>.</summary>
    public ulong ObjectOffset { get; set; }

    /// <summary>Whether page-table entries may exist.</summary>
    public bool IsBound { get; set; }

    public ulong Size => End - Start;

    /// <summary>A piece of this area with everything inherited (vm_bind_ioctl_ops_parse).</summary>
    public Vma Piece(ulong start, ulong end) => new()
    {
        Start = start,
        End = end,
        Kind = Kind,
        IsReadOnly = IsReadOnly,
        IsAutoReset = IsAutoReset,
        Object = Object,
        ObjectOffset = ObjectOffset + (start - Start),
        IsBound = IsBound,
        Attributes = Attributes,
    };
}
