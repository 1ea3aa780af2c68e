using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Pagemap;
using XeSvm.Simulation.Svm;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// One device (xe_device): one tile, its VRAM, its GT, its IOMMU domain. Counted references: one of the backend, one of each open
/// file; the last one sends all device pages home and frees the VRAM.
/// </summary>
internal sealed unsafe class SoftwareDevice : IDisposable
{
    private readonly ClientMemoryLease _clientLease;
    private readonly IommuDomain _domain;
    private readonly Lock _banLock = new();
    private int _references = 1;
    private long _systemMemoryUse;
    private BatchError? _lastBan;

    private SoftwareDevice(SoftwareDeviceOptions options, ClientMemoryLease lease, FileDescriptorHandle vramFile, byte* vramBase)
    {
        Options = options;
        VramFile = vramFile;
        VramBase = vramBase;
        _clientLease = lease;
        _domain = new IommuDomain(options.Iommu, Counters);
        Dma = new DmaDevice(options.Profile.Name, _domain) { Injection = options.Faults };
        Frames = new PageFrames(options.Layout);
        PrimaryGt = new Gt(0, GtType.Main, 0);
        Engines = [.. options.Profile.Engines.Select(engine => new Engine(engine.Class, engine.Instance, PrimaryGt))];
        Vram = new VramManager(options.VramBytes);
        CopyEngine = new CopyEngine(this, PrimaryGt);
        Pagemap = new DevicePagemap(this, PrimaryGt, Vram);
        Loss = new DeviceLoss(this);
    }

    public SoftwareDeviceOptions Options { get; }

    public DeviceProfile Profile => Options.Profile;

    public MappingStrategy Strategy => Options.Strategy;

    public bool IsDiscrete => Profile.IsDiscrete;

    public FileDescriptorHandle VramFile { get; }

    /// <summary>The driver's mapping of all VRAM.</summary>
    public byte* VramBase { get; }

    public VramManager Vram { get; }

    public Gt PrimaryGt { get; }

    /// <summary>The engines that user space sees, in query order.</summary>
    public Engine[] Engines { get; }

    public CopyEngine CopyEngine { get; }

    public DevicePagemap Pagemap { get; }

    /// <summary>Whether the device is lost.</summary>
    public DeviceLoss Loss { get; }

    public DmaDevice Dma { get; }

    public IommuDomain Domain => _domain;

    public PageFrames Frames { get; }

    public OperationCounters Counters { get; } = new();

    public FakeOffsets FakeOffsets { get; } = new();

    public CpuMappings CpuMappings { get; } = new();

    public UserFenceWaiters UserFences { get; } = new();

    /// <summary>How long a job of a VM that is not long-running may run (xe's job_timeout_ms); counts for queues that are created later.</summary>
    public TimeSpan JobTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long SYNCOBJ_TRANSFER waits for a fence to be submitted (DRM_SYNCOBJ_WAIT_FOR_SUBMIT_TIMEOUT).</summary>
    public TimeSpan SyncobjSubmitTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The memory of the client. Today's only client is this process.</summary>
    public ClientMemory Client => _clientLease.Memory;

    /// <summary>Bit per memory region that exists.</summary>
    public uint RegionMask => IsDiscrete ? MemoryRegions.SystemBit | MemoryRegions.FirstVramBit : MemoryRegions.SystemBit;

    /// <summary>Bytes of system memory that there are.</summary>
    public ulong SystemMemoryTotal { get; } = (ulong)GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>Bytes of system memory that buffer objects hold.</summary>
    public ulong SystemMemoryUse => (ulong)Volatile.Read(ref _systemMemoryUse);

    /// <summary>Makes a device with its VRAM.</summary>
    /// <returns>0, or a negative errno.</returns>
    public static int Create(SoftwareDeviceOptions options, out SoftwareDevice? device)
    {
        device = null;
        int result = ClientMemoryLease.Acquire(options.CpuFaults, options.Faults, out ClientMemoryLease? lease);
        if (result < 0)
        {
            return result;
        }

        result = SharedMemory.Create("xesvm-vram", options.VramBytes, out FileDescriptorHandle? file, out nint host);
        if (result < 0)
        {
            lease!.Dispose();
            return result;
        }

        device = new SoftwareDevice(options, lease!, file!, (byte*)host);
        return 0;
    }

    public void AddReference() => Interlocked.Increment(ref _references);

    /// <summary>Drops a reference; the last one ends the device.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
        {
            Dispose();
        }
    }

    /// <summary>Sends all device pages home, then frees everything. For the last holder only: see <see cref="Release"/>.</summary>
    public void Dispose()
    {
        Pagemap.EvictAll();
        CpuMappings.Close();
        Vram.Dispose();
        _clientLease.Dispose();
        _domain.Dispose();
        SystemCalls.Unmap((nint)VramBase, (nuint)Options.VramBytes);
        VramFile.Dispose();
    }

    /// <summary>Keeps why a queue was banned last, for people who wonder.</summary>
    public void RecordBan(in BatchError error)
    {
        lock (_banLock)
        {
            _lastBan = error;
        }
    }

    /// <summary>Why a queue was banned last; null when none was.</summary>
    public BatchError? LastBan
    {
        get
        {
            lock (_banLock)
            {
                return _lastBan;
            }
        }
    }

    /// <summary>Counts system memory for a buffer object; false when there is not as much.</summary>
    public bool TryTakeSystemMemory(ulong bytes)
    {
        long used = Volatile.Read(ref _systemMemoryUse);
        while (bytes <= SystemMemoryTotal - (ulong)used)
        {
            long seen = Interlocked.CompareExchange(ref _systemMemoryUse, used + (long)bytes, used);
            if (seen == used)
            {
                return true;
            }

            used = seen;
        }

        return false;
    }

    /// <summary>Takes back what <see cref="TryTakeSystemMemory"/> counted.</summary>
    public void ReturnSystemMemory(ulong bytes) => Interlocked.Add(ref _systemMemoryUse, -(long)bytes);

    /// <summary>The engine that user space names so, or null.</summary>
    public Engine? FindEngine(uint engineClass, uint instance, uint gt) =>
        Array.Find(Engines, engine => (uint)engine.Class == engineClass && engine.Instance == instance && engine.Gt.Id == gt);

    /// <summary>The VRAM next to a GT, as device pages.</summary>
    public DevicePagemap PagemapOf(Gt gt)
    {
        System.Diagnostics.Debug.Assert(gt.TileId == 0, "One tile so far.");
        return Pagemap;
    }

    /// <summary>Where madvise wants memory, seen from a GT; null is system memory (xe_vma_resolve_pagemap).</summary>
    public DevicePagemap? Resolve(Vma vma, Gt gt) =>
        IsDiscrete && vma.Attributes.PreferredDevmemFd == DrmXe.DRM_XE_PREFERRED_LOC_DEFAULT_DEVICE ? PagemapOf(gt) : null;

    /// <summary>Whether a range is to be moved to a place (xe_svm_range_needs_migrate_to_vram).</summary>
    public bool NeedsMigration(SvmRange range, in RangeState state, DevicePagemap? target) =>
        target is not null && range.MigrateDevmem && state.Pagemap != target
        && (range.Size >= PageConstants.Chunk64K || Profile.MinPageSize == PageConstants.PageSize);

    /// <summary>Makes VRAM read as zeros. Large pieces give their memory back to the host instead of being written.</summary>
    public int ClearVram(ulong offset, ulong size)
    {
        if (size < PageConstants.BlockSize)
        {
            new Span<byte>(VramBase + offset, (int)size).Clear();
            return 0;
        }

        return SystemCalls.PunchHole(VramFile, offset, size);
    }
}
