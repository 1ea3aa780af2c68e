using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// A buffer object (xe_bo): zeroed memory in VRAM or in system memory that GPU mappings and CPU mappings share. Counted references:
/// one per handle, one per GPU mapping.
/// </summary>
internal sealed unsafe class BufferObject
{
    private readonly SoftwareDevice _device;
    private readonly FileDescriptorHandle _memoryFile;
    private readonly ulong _fileOffset;
    private int _references = 1;

    private BufferObject(SoftwareDevice device, ulong size, uint placement, ushort caching, bool inVram, ulong vramOffset, FileDescriptorHandle memoryFile, byte* host)
    {
        _device = device;
        Size = size;
        Placement = placement;
        Caching = caching;
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

    public bool IsInVram { get; }

    public ulong VramOffset { get; }

    /// <summary>The driver's own mapping of the content; stays until the last reference is gone.</summary>
    public byte* Host { get; }

    /// <summary>The offset by which mmap names the object, the same for every file.</summary>
    public ulong FakeOffset { get; }

    /// <summary>Creates a zeroed object: VRAM first when allowed, then system memory.</summary>
    /// <returns>0, or a negative errno; -ENOMEM when neither has room.</returns>
    public static int Create(SoftwareDevice device, ulong size, uint placement, ushort caching, out BufferObject? created)
    {
        created = null;
        if ((placement & ~MemoryRegions.SystemBit) != 0 && TryAllocateVram(device, size, out ulong offset))
        {
            int cleared = device.ClearVram(offset, size);
            if (cleared < 0)
            {
                device.Vram.Free(offset);
                return cleared;
            }

            created = new BufferObject(device, size, placement, caching, inVram: true, offset, device.VramFile, device.VramBase + offset);
            return 0;
        }

        if ((placement & MemoryRegions.SystemBit) == 0)
        {
            return -Errno.ENOMEM;
        }

        return CreateInSystem(device, size, placement, caching, out created);
    }

    public void AddReference() => Interlocked.Increment(ref _references);

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
            _device.AddSystemMemoryUse(-(long)Size);
        }
    }

    /// <summary>Maps the content for the CPU (mmap of the object's fake offset).</summary>
    public int Map(nuint length, DrmMapProtection protection, out nint address) =>
        SystemCalls.MapShared(_memoryFile, _fileOffset, length, (MemoryProtection)protection, fixedAddress: 0, out address);

    /// <summary>The page-table entry of a byte of the object.</summary>
    public GpuPte PteAt(ulong offset, bool writable) => IsInVram
        ? new GpuPte(GpuPteKind.Vram, VramOffset + offset, writable, atomic: true, svm: false)
        : new GpuPte(GpuPteKind.Host, (ulong)Host + offset, writable, atomic: true, svm: false);

    private static bool TryAllocateVram(SoftwareDevice device, ulong size, out ulong offset)
    {
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

    private static int CreateInSystem(SoftwareDevice device, ulong size, uint placement, ushort caching, out BufferObject? created)
    {
        created = null;
        if (SharedMemory.Create("xesvm-bo", size, out FileDescriptorHandle? file, out nint host) < 0)
        {
            return -Errno.ENOMEM;
        }

        device.AddSystemMemoryUse((long)size);
        created = new BufferObject(device, size, placement, caching, inVram: false, 0, file!, (byte*)host);
        return 0;
    }
}
