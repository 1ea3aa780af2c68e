using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>
/// One change of a VM's mappings. Several of them in one request behave as if issued one after the other, and are done all or not at all.
/// </summary>
public readonly record struct XeBindOperation
{
    private XeBindOperation(uint op, GpuRange range, uint flags)
    {
        Op = op;
        Range = range;
        Flags = flags;
    }

    /// <summary>The GPU addresses; empty for <see cref="UnmapAll"/>.</summary>
    public GpuRange Range { get; private init; }

    /// <summary>The buffer, if one is mapped or unmapped.</summary>
    public XeBuffer? Buffer { get; private init; }

    /// <summary>
    /// The index in the hardware's page attribute table, or <see langword="null"/> for write-back, coherent with the CPU.
    /// </summary>
    public ushort? PatIndex { get; init; }

    private uint Op { get; }

    private uint Flags { get; }

    /// <summary>Offset in the buffer, or the CPU address of the process's memory.</summary>
    private ulong Offset { get; init; }

    private MemoryLocation Location { get; init; }

    /// <summary>Maps a part of a buffer.</summary>
    /// <param name="buffer">The buffer, of the same open device.</param>
    /// <param name="bufferOffset">Its first byte; a multiple of 4096, of 65536 where that is the minimum page size.</param>
    /// <param name="range">Where the GPU shall see it; aligned alike. What is mapped there is replaced.</param>
    /// <param name="options">What else.</param>
    public static XeBindOperation Map(
        XeBuffer buffer, ulong bufferOffset, GpuRange range, XeBindOptions options = XeBindOptions.Immediate)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        return new XeBindOperation(DrmXe.DRM_XE_VM_BIND_OP_MAP, range, (uint)options) { Buffer = buffer, Offset = bufferOffset };
    }

    /// <summary>Maps nothing: reads give 0, writes vanish.</summary>
    /// <param name="range">Whole pages.</param>
    public static XeBindOperation MapNull(GpuRange range) =>
        new(DrmXe.DRM_XE_VM_BIND_OP_MAP, range, DrmXe.DRM_XE_VM_BIND_FLAG_NULL | DrmXe.DRM_XE_VM_BIND_FLAG_IMMEDIATE);

    /// <summary>
    /// Maps memory of the process at a GPU address of its own (userptr). The memory must not be a managed object that can move: see
    /// <see cref="XeUserMapping"/> for those.
    /// </summary>
    /// <param name="address">The CPU address; a multiple of 4096.</param>
    /// <param name="range">Where the GPU shall see it; whole pages, as many bytes as the memory has.</param>
    /// <param name="options">What else.</param>
    public static XeBindOperation MapUserMemory(nint address, GpuRange range, XeBindOptions options = XeBindOptions.Immediate) =>
        new(DrmXe.DRM_XE_VM_BIND_OP_MAP_USERPTR, range, (uint)options) { Offset = (ulong)address };

    /// <summary>Mirrors the process's addresses: in a fault VM, every CPU address in the range is a GPU address.</summary>
    /// <param name="range">Whole pages.</param>
    /// <param name="options">What else.</param>
    public static XeBindOperation Mirror(GpuRange range, XeBindOptions options = XeBindOptions.None) =>
        new(DrmXe.DRM_XE_VM_BIND_OP_MAP, range, (uint)options | DrmXe.DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR);

    /// <summary>
    /// Removes every mapping in a range, a mirror too: in a mirror VM use <see cref="Mirror"/> where a buffer was mapped, so that no hole stays.
    /// </summary>
    /// <param name="range">Whole pages; holes are fine.</param>
    public static XeBindOperation Unmap(GpuRange range) => new(DrmXe.DRM_XE_VM_BIND_OP_UNMAP, range, flags: 0);

    /// <summary>Removes every mapping of a buffer in the VM.</summary>
    /// <param name="buffer">The buffer, of the same open device.</param>
    public static XeBindOperation UnmapAll(XeBuffer buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        return new XeBindOperation(DrmXe.DRM_XE_VM_BIND_OP_UNMAP_ALL, default, flags: 0) { Buffer = buffer };
    }

    /// <summary>Moves what a range maps ahead of its use.</summary>
    /// <param name="range">Whole pages.</param>
    /// <param name="location">
    /// Where to, on the VM's device: EINVAL for another's VRAM, where one gets by advice and <see cref="MemoryLocation.Default"/>, which means where
    /// the advice says.
    /// </param>
    public static XeBindOperation Prefetch(GpuRange range, MemoryLocation location) =>
        new(DrmXe.DRM_XE_VM_BIND_OP_PREFETCH, range, flags: 0) { Location = location };

    /// <summary>The operation in words.</summary>
    public override string ToString() => Op switch
    {
        DrmXe.DRM_XE_VM_BIND_OP_MAP when Buffer is not null => $"map of buffer {Buffer.Handle} ({Buffer.Size} bytes) from {Offset} at {Range}",
        DrmXe.DRM_XE_VM_BIND_OP_MAP when (Flags & DrmXe.DRM_XE_VM_BIND_FLAG_NULL) != 0 => $"null map of {Range}",
        DrmXe.DRM_XE_VM_BIND_OP_MAP => $"mirror of {Range}",
        DrmXe.DRM_XE_VM_BIND_OP_MAP_USERPTR => $"map of user memory at 0x{Offset:x} at {Range}",
        DrmXe.DRM_XE_VM_BIND_OP_UNMAP_ALL => $"unmap of buffer {Buffer?.Handle}",
        DrmXe.DRM_XE_VM_BIND_OP_PREFETCH => $"prefetch of {Range} to {Location}",
        _ => $"unmap of {Range}",
    };

    /// <summary>The operation's name in messages.</summary>
    internal string Name => Op switch
    {
        DrmXe.DRM_XE_VM_BIND_OP_PREFETCH => XeOperation.VmBindPrefetch,
        DrmXe.DRM_XE_VM_BIND_OP_MAP_USERPTR => XeOperation.VmBindUserMemory,
        _ when (Flags & DrmXe.DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR) != 0 => XeOperation.VmBindMirror,
        _ => XeOperation.VmBind,
    };

    /// <summary>Whether this is a prefetch to VRAM of another device than the one given, which the driver cannot be told.</summary>
    internal bool IsPrefetchBeyond(XeDevice device) => Op == DrmXe.DRM_XE_VM_BIND_OP_PREFETCH && Location.IsBeyond(device);

    /// <summary>Keeps the buffer until <see cref="Release"/>, and writes the driver's record.</summary>
    /// <returns>False when the location of a prefetch does not exist on the device; nothing is kept then.</returns>
    internal bool TryAcquire(XeDevice device, DeviceFile file, out drm_xe_vm_bind_op record)
    {
        record = new drm_xe_vm_bind_op
        {
            op = Op,
            flags = Flags,
            addr = Range.Address,
            range = Range.Length,
            obj_offset = Offset,
            pat_index = PatIndex ?? device.WriteBackPatIndex,
        };
        if (Op == DrmXe.DRM_XE_VM_BIND_OP_PREFETCH)
        {
            XeMemoryRegion? region = Location.IsDefault ? null : device.FindRegion(Location);
            record.prefetch_mem_region_instance = (uint?)region?.Instance ?? DrmXe.DRM_XE_CONSULT_MEM_ADVISE_PREF_LOC;
            return region is not null || Location.IsDefault;
        }

        record.obj = Buffer?.Acquire(file) ?? 0;
        return true;
    }

    /// <summary>Ends what <see cref="TryAcquire"/> began.</summary>
    internal void Release() => Buffer?.Release();
}
