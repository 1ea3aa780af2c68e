using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// A buffer object (xe_bo): zeroed memory that GPU mappings and CPU mappings share. Its content is a file of its own, so that a move
/// between VRAM and system memory changes where the GPU finds it, and the CPU's mappings never. <see cref="Lock"/> is the kernel's
/// reservation: place, mappings and page-table entries of the object change under it. Order: VM lock, this, page-table lock; a second
/// object's lock is only tried. Counted references: one per handle, one per GPU mapping, one per CPU mapping, one per call that looks at
/// it, one for all exports together.
/// </summary>
internal sealed unsafe partial class BufferObject : VramOccupant
{
    /// <summary>What finds no place among the offsets of a device file (DRM_FILE_PAGE_OFFSET_SIZE pages), which is looked for first.</summary>
    private const ulong LargestMappable = (0xffffffffUL >> PageConstants.PageShift) * 256 << PageConstants.PageShift;

    private readonly FileDescriptorHandle _content;
    private readonly BufferObject? _source;
    private ReferenceCount _references = new();
    private byte* _host;
    private SoftwareTile? _tile;
    private ulong _vramOffset;

    private BufferObject(SoftwareDevice device, in BufferObjectRequest request, FileDescriptorHandle content, BufferObject? source)
    {
        Device = device;
        Size = request.Size;
        Placement = request.Placement;
        Caching = request.Caching;
        Flags = request.Flags;
        OwnerVm = request.OwnerVm;
        _content = content;
        _source = source;
        FakeOffset = device.FakeOffsets.Add(this);
    }

    public SoftwareDevice Device { get; }

    public MonitorLock Lock { get; } = new();

    public ulong Size { get; }

    /// <summary>Bit per memory region where it may live.</summary>
    public uint Placement { get; }

    /// <summary>DRM_XE_GEM_CPU_CACHING_*; 0 for what another device exported.</summary>
    public ushort Caching { get; }

    /// <summary>DRM_XE_GEM_CREATE_FLAG_*.</summary>
    public uint Flags { get; }

    /// <summary>The VM that alone may use it, or null.</summary>
    public Vm? OwnerVm { get; }

    /// <summary>DRM_XE_GEM_CREATE_FLAG_NO_COMPRESSION was given.</summary>
    public bool ForbidsCompression => (Flags & DrmXe.DRM_XE_GEM_CREATE_FLAG_NO_COMPRESSION) != 0;

    /// <summary>It came from another device.</summary>
    public bool IsImported => _source is not null;

    /// <summary>Whether it may live in VRAM at all.</summary>
    public bool HasVramPlacement => (Placement & ~MemoryRegions.SystemBit) != 0;

    public bool IsInVram => _tile is not null;

    /// <summary>The tile in whose VRAM it is; null elsewhere.</summary>
    public SoftwareTile? Tile => _tile;

    public ulong VramOffset => _vramOffset;

    /// <summary>Whether it has memory: not before its first use when DEFER_BACKING was given, and not after a purge.</summary>
    public bool IsBacked => _host is not null;

    /// <summary>Whether it has a global name (<see cref="PrimaryNode.NameOf"/>).</summary>
    public bool IsNamed { get; set; }

    /// <summary>Who may do atomics on it (MADVISE).</summary>
    public AtomicPolicy Atomic { get; set; }

    /// <summary>The offset by which mmap names the object, the same for every file.</summary>
    public ulong FakeOffset { get; }

    /// <summary>What tells its content from every other file: how an export is recognised.</summary>
    public FileIdentity Identity { get; private init; }

    private bool NeedsVisible => (Flags & DrmXe.DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM) != 0;

    /// <summary>Creates a zeroed object, with memory unless that is deferred: VRAM first when allowed, then system memory.</summary>
    /// <returns>0, or a negative errno; -ENOMEM when no region has room.</returns>
    public static int Create(SoftwareDevice device, in BufferObjectRequest request, out BufferObject? created)
    {
        created = null;

        // What no region could ever hold fails before anything is made.
        ulong size = request.Size;
        bool visible = (request.Flags & DrmXe.DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM) != 0;
        uint placement = request.Placement;
        if (size > LargestMappable)
        {
            return -Errno.ENOSPC;
        }

        bool fits = ((placement & MemoryRegions.SystemBit) != 0 && size <= device.SystemMemoryTotal)
            || Array.Exists(device.Tiles, tile => (placement & tile.VramBit) != 0 && tile.Vram.CanHold(size, visible));
        if (!fits || SharedMemory.CreateFile("xesvm-bo", size, out FileDescriptorHandle? content) < 0)
        {
            return -Errno.ENOMEM;
        }

        SystemCalls.Identify(content!, out FileIdentity identity);
        var made = new BufferObject(device, request, content!, source: null) { Identity = identity };
        if ((request.Flags & DrmXe.DRM_XE_GEM_CREATE_FLAG_DEFER_BACKING) == 0)
        {
            int result = made.Validate(keep: null);
            if (result < 0)
            {
                made.Release();
                return result;
            }
        }

        created = made;
        return 0;
    }

    /// <summary>Makes an object of this device from one of another, which keeps the memory (xe_gem_prime_import).</summary>
    /// <returns>0, or a negative errno.</returns>
    public static int Import(SoftwareDevice device, BufferObject source, out BufferObject? created)
    {
        var request = new BufferObjectRequest(source.Size, MemoryRegions.SystemBit, Caching: 0, Flags: 0, OwnerVm: null);
        int result = SystemCalls.MapShared(source._content, 0, (nuint)source.Size, MemoryProtection.ReadWrite, fixedAddress: 0, out nint host);
        created = null;
        if (result == 0)
        {
            source.AddReference();
            created = new BufferObject(device, request, source._content, source) { Identity = source.Identity, _host = (byte*)host };
        }

        return result;
    }

    /// <summary>Adds a reference to an object on which the caller has one already.</summary>
    public void AddReference() => _references.Add();

    /// <summary>Adds a reference to an object that others may be releasing; false when the last one is gone (kref_get_unless_zero).</summary>
    public bool TryAddReference() => _references.TryAdd();

    /// <summary>Drops a reference; the last one frees the memory.</summary>
    public void Release()
    {
        if (!_references.Drop())
        {
            return;
        }

        Device.FakeOffsets.Remove(FakeOffset);
        if (IsNamed)
        {
            Device.Primary.ForgetName(this);
        }

        if (_source is not null)
        {
            Device.DmaBufs.Forget(this);
            SystemCalls.Unmap((nint)_host, (nuint)Size);
            _source.Release();
            return;
        }

        lock (Lock)
        {
            GiveMemoryBack();
        }

        _content.Dispose();
    }

    /// <summary>Maps the content for the CPU (mmap of the object's fake offset). What the CPU cannot reach gives SIGBUS when touched.</summary>
    /// <returns>0, or a negative errno.</returns>
    public int Map(nuint length, DrmMapProtection protection, out nint address)
    {
        lock (Lock)
        {
            address = 0;
            int result = FindMapped(out FileDescriptorHandle file);
            return result < 0 ? result : SystemCalls.MapShared(file, 0, length, (MemoryProtection)protection, fixedAddress: 0, out address);
        }
    }

    /// <summary>A descriptor of the memory that <see cref="Map"/> would map.</summary>
    /// <returns>0, or a negative errno.</returns>
    public int OpenMapping(out FileDescriptorHandle? memory)
    {
        lock (Lock)
        {
            memory = null;
            int result = FindMapped(out FileDescriptorHandle file);
            return result < 0 ? result : SystemCalls.Duplicate((int)file.DangerousGetHandle(), out memory);
        }
    }

    private int FindMapped(out FileDescriptorHandle file)
    {
        int result = Purge switch
        {
            PurgeState.WillNeed => Validate(keep: null),
            PurgeState.DontNeed => -Errno.EBUSY,
            _ => -Errno.EINVAL,
        };
        bool reachable = !IsImported && (_tile is null || _tile.Vram.IsVisible(_vramOffset));
        file = reachable ? _content : Device.Unreachable;
        return result;
    }

    /// <summary>A descriptor of the content for the caller (dma_buf_fd).</summary>
    /// <returns>The descriptor, or a negative errno.</returns>
    public int OpenContent(bool writable, bool closeOnExec) => SystemCalls.OpenAgain(_content, writable, closeOnExec);

    /// <summary>Whether a descriptor that <see cref="OpenContent"/> gave is open still, in whichever process.</summary>
    public bool HasOpenDescriptors => SystemCalls.IsLockedByOthers(_content) != 0;

    /// <summary>The page-table entry of a byte of the object, which has memory. Under <see cref="Lock"/>.</summary>
    public GpuPte PteAt(ulong offset, bool writable, bool atomic) => IsInVram
        ? new GpuPte(GpuPteKind.Vram, _vramOffset + offset, writable, atomic, svm: false)
        : new GpuPte(GpuPteKind.Host, (ulong)_host + offset, writable, atomic, svm: false);
}

/// <summary>What GEM_CREATE asks for.</summary>
/// <param name="Size">Bytes; whole pages.</param>
/// <param name="Placement">Bit per memory region where it may live.</param>
/// <param name="Caching">DRM_XE_GEM_CPU_CACHING_*.</param>
/// <param name="Flags">DRM_XE_GEM_CREATE_FLAG_*.</param>
/// <param name="OwnerVm">The VM that alone may use it, or null.</param>
internal readonly record struct BufferObjectRequest(ulong Size, uint Placement, ushort Caching, uint Flags, Vm? OwnerVm);
