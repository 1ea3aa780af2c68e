using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Pagemap;

namespace XeSvm.Simulation.Driver;

/// <summary>What backs a GPU virtual memory area.</summary>
internal enum VmaKind : byte
{
    BufferObject,
    Null,
    CpuAddressMirror,
    Userptr,
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

    /// <summary>The VRAM that the fd and its region named; null unless <see cref="PreferredDevmemFd"/> is above 0.</summary>
    public DevicePagemap? PreferredRegion;

    public ushort MigrationPolicy;

    public AtomicPolicy Atomic;

    public ushort PatIndex;

    /// <summary>The content of the buffer object may be discarded.</summary>
    public bool DontNeed;
}

/// <summary>
/// A piece <c>[Start, End)</c> of a VM's address space (xe_vma). A node of the VM's <see cref="VmaTree"/>; its place is fixed while it is
/// in there.
/// </summary>
internal sealed class Vma
{
    public VmaAttributes Attributes;

    internal Vma? Left;
    internal Vma? Right;
    internal uint Priority;

    // The list of the areas of a buffer object, under the object's lock.
    internal Vma? NextOfObject;
    internal Vma? PreviousOfObject;

    public ulong Start { get; set; }

    public ulong End { get; set; }

    /// <summary>Whether it is in the VM's tree. Set by the tree.</summary>
    public bool IsInTree { get; set; }

    public VmaKind Kind { get; set; }

    public bool IsReadOnly { get; set; }

    /// <summary>The VM, for whoever comes from the buffer object.</summary>
    public Vm? Vm { get; set; }

    /// <summary>DUMPABLE was given: a device core dump has its content.</summary>
    public bool IsDumpable { get; set; }

    /// <summary>The PAT index of the bind, which a reset of attributes goes back to.</summary>
    public ushort DefaultPatIndex { get; set; }

    /// <summary>MADVISE_AUTORESET was given.</summary>
    public bool IsAutoReset { get; set; }

    /// <summary>The buffer object that backs a <see cref="VmaKind.BufferObject"/>; the area has a reference on it.</summary>
    public BufferObject? Object { get; set; }

    /// <summary>The pinned pages of a <see cref="VmaKind.Userptr"/>; null when nothing is pinned.</summary>
    public UserptrPages? Userptr { get; set; }

    /// <summary>Whose memory a <see cref="VmaKind.Userptr"/> is: the process that has bound it; null for that which has created the VM.</summary>
    public ClientMemory? UserptrClient { get; set; }

    /// <summary>Byte of the buffer object, or client address of a <see cref="VmaKind.Userptr"/>, that is at <see cref="Start"/>.</summary>
    public ulong ObjectOffset { get; set; }

    /// <summary>Whether page-table entries may exist. Of an area with a buffer object: under the object's lock.</summary>
    public bool IsBound { get; set; }

    /// <summary>Whether the bind that makes this area writes its page-table entries when it is committed.</summary>
    public bool BindsOnCommit { get; set; }

    /// <summary>The bind whose user fence has to be signalled before this area can be unmapped or cut (check_ufence).</summary>
    public DmaFence UserFence { get; set; }

    /// <summary>The call that has taken this area out of the tree and has not ended.</summary>
    public VmBindTransaction? RemovedBy { get; set; }

    public ulong Size => End - Start;

    /// <summary>Whether no advice stands (xe_vma_has_default_mem_attrs).</summary>
    public bool HasDefaultAttributes => Attributes is { PreferredDevmemFd: 0, MigrationPolicy: 0, Atomic: AtomicPolicy.Undefined }
        && Attributes.PatIndex == DefaultPatIndex;

    /// <summary>Takes everything over from another area but its place in the tree (vm_bind_ioctl_ops_parse).</summary>
    public void BecomePieceOf(Vma whole, ulong start, ulong end)
    {
        Start = start;
        End = end;
        Kind = whole.Kind;
        IsReadOnly = whole.IsReadOnly;
        IsAutoReset = whole.IsAutoReset;
        IsDumpable = whole.IsDumpable;
        DefaultPatIndex = whole.DefaultPatIndex;
        Vm = whole.Vm;
        Userptr = null;
        UserptrClient = whole.UserptrClient;
        Object = whole.Object;
        ObjectOffset = whole.ObjectOffset + (start - whole.Start);
        IsBound = whole.IsBound && whole.Kind != VmaKind.Userptr; // userptr pieces are pinned and bound anew
        BindsOnCommit = whole.BindsOnCommit;
        Attributes = whole.Attributes;
        UserFence = default;
    }
}

/// <summary>Areas of one VM that are not in use, so that binding and unbinding allocate nothing. Under the VM lock.</summary>
internal sealed class VmaPool
{
    private const int MostKept = 1024;
    private readonly Stack<Vma> _free = new();

    /// <summary>An area whose properties are those of the last one that was given back: the caller sets all.</summary>
    public Vma Rent() => _free.TryPop(out Vma? vma) ? vma : new Vma();

    /// <summary>A piece of an area, with everything inherited.</summary>
    public Vma RentPiece(Vma whole, ulong start, ulong end)
    {
        Vma piece = Rent();
        piece.BecomePieceOf(whole, start, end);
        return piece;
    }

    /// <summary>Gives an area back that is in no tree.</summary>
    public void Return(Vma vma)
    {
        vma.Object = null;
        vma.Userptr = null;
        vma.UserptrClient = null;
        vma.UserFence = default;
        vma.RemovedBy = null;
        if (_free.Count < MostKept)
        {
            _free.Push(vma);
        }
    }
}
