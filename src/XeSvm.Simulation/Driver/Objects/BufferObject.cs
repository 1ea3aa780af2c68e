using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// A buffer object (xe_bo): zeroed memory in VRAM or in system memory that GPU mappings and CPU mappings share. Counted references:
/// one per handle, one per GPU mapping, one per CPU mapping, one per call that looks at it.
/// </summary>
internal sealed unsafe class BufferObject
{
    private readonly SoftwareDevice _device;
    private readonly FileDescriptorHandle _memoryFile;
    private readonly ulong _fileOffset;
    private int _references = 1;

    private BufferObject(SoftwareDevice device, in BufferObjectRequest request, bool inVram, ulong vramOffset, FileDescriptorHandle memoryFile, byte* host)
    {
        _device = device;
        Size = request.Size;
        Placement = request.Placement;
        Caching = request.Caching;
        ForbidsCompression = request.ForbidsCompression;
        IsInVram = inVram;
        VramOffset = vramOffset;
        Host = host;
        _memoryFile = memoryFile;
        _fileOffset = inVram ? vramOffset : 0;
        FakeOffset = device.FakeOffsets.Add(this);
    }

    public ulong Size { get; }

    /// <summary>Bit per memory region where it may live.</summary>
    public uint Placement { get; }

    /// <summary>DRM_XE_GEM_CPU_CACHING_*.</summary>
    public ushort Caching { get; }

    /// <summary>DRM_XE_GEM_CREATE_FLAG_NO_COMPRESSION was given.</summary>
    public bool ForbidsCompression { get; }

    public bool IsInVram { get; }

    public ulong VramOffset { get; }

    /// <summary>The driver's own mapping of the content; stays until the last reference is gone.</summary>
    public byte* Host { get; }

    /// <summary>The offset by which mmap names the object, the same for every file.</summary>
    public ulong FakeOffset { get; }

    /// <summary>Creates a zeroed object: VRAM first when allowed, then system memory.</summary>
    /// <returns>0, or a negative errno; -ENOMEM when neither has room.</returns>
    public static int Create(SoftwareDevice device, in BufferObjectRequest request, out BufferObject? created)
    {
        created = null;
        if ((request.Placement & ~MemoryRegions.SystemBit) != 0 && TryAllocateVram(device, request.Size, out ulong offset))
        {
            int cleared = device.ClearVram(offset, request.Size);
            if (cleared < 0)
            {
                device.Vram.Free(offset);
                return cleared;
            }

            created = new BufferObject(device, request, inVram: true, offset, device.VramFile, device.VramBase + offset);
            return 0;
        }

        return (request.Placement & MemoryRegions.SystemBit) == 0 ? -Errno.ENOMEM : CreateInSystem(device, request, out created);
    }

    /// <summary>Adds a reference to an object on which the caller has one already.</summary>
    public void AddReference() => Interlocked.Increment(ref _references);

    /// <summary>Adds a reference to an object that others may be releasing; false when the last one is gone (kref_get_unless_zero).</summary>
    public bool TryAddReference()
    {
        int references = Volatile.Read(ref _references);
        while (references != 0)
        {
            int seen = Interlocked.CompareExchange(ref _references, references + 1, references);
            if (seen == references)
            {
                return true;
            }

            references = seen;
        }

        return false;
    }

    /// <summary>Drops a reference; the last one frees the memory.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) != 0)
        {
            return;
        }

        _device.FakeOffsets.Remove(FakeOffset);
        if (IsInVram)
        {
            _device.Vram.Free(VramOffset);
        }
        else
        {
            SystemCalls.Unmap((nint)Host, (nuint)Size);
            _memoryFile.Dispose();
            _device.ReturnSystemMemory(Size);
        }
    }

    /// <summary>Maps the content for the CPU (mmap of the object's fake offset).</summary>
    public int Map(nuint length, DrmMapProtection protection, out nint address) =>
        SystemCalls.MapShared(_memoryFile, _fileOffset, length, (MemoryProtection)protection, fixedAddress: 0, out address);

    /// <summary>The page-table entry of a byte of the object.</summary>
    public GpuPte PteAt(ulong offset, bool writable, bool atomic) => IsInVram
        ? new GpuPte(GpuPteKind.Vram, VramOffset + offset, writable, atomic, svm: false)
        : new GpuPte(GpuPteKind.Host, (ulong)Host + offset, writable, atomic, svm: false);

    private static bool TryAllocateVram(SoftwareDevice device, ulong size, out ulong offset)
    {
        offset = 0;
        if (size > device.Vram.Total)
        {
            return false;
        }

        while (!device.Vram.TryAllocate(size, out offset))
        {
            // SVM allocations are ordinary victims of buffer-object pressure.
            if (!device.Pagemap.EvictOne())
            {
                return false;
            }
        }

        return true;
    }

    private static int CreateInSystem(SoftwareDevice device, in BufferObjectRequest request, out BufferObject? created)
    {
        created = null;
        if (!device.TryTakeSystemMemory(request.Size))
        {
            return -Errno.ENOMEM;
        }

        if (SharedMemory.Create("xesvm-bo", request.Size, out FileDescriptorHandle? file, out nint host) < 0)
        {
            device.ReturnSystemMemory(request.Size);
            return -Errno.ENOMEM;
        }

        created = new BufferObject(device, request, inVram: false, 0, file!, (byte*)host);
        return 0;
    }
}

/// <summary>What GEM_CREATE asks for.</summary>
/// <param name="Size">Bytes; whole pages.</param>
/// <param name="Placement">Bit per memory region where it may live.</param>
/// <param name="Caching">DRM_XE_GEM_CPU_CACHING_*.</param>
/// <param name="ForbidsCompression">DRM_XE_GEM_CREATE_FLAG_NO_COMPRESSION.</param>
internal readonly record struct BufferObjectRequest(ulong Size, uint Placement, ushort Caching, bool ForbidsCompression);
