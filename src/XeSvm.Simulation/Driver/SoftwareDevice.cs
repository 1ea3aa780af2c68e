using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Driver.Profiles;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Pagemap;
using XeSvm.Simulation.Peers.Software;
using XeSvm.Simulation.Svm;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// One device (xe_device): its tiles, its VRAM, its IOMMU domain. Counted references: one of the backend, one of each open
/// file; the last one sends all device pages home and frees the VRAM.
/// </summary>
internal sealed unsafe class SoftwareDevice : IDisposable
{
    private const int CapSysNice = 23;

    private readonly ClientMemoryLease _clientLease;
    private readonly IommuDomain _domain;
    private readonly Lock _banLock = new();
    private ReferenceCount _references = new();
    private long _systemMemoryUse;
    private BatchError? _lastBan;
    private int _owner = -1;

    private SoftwareDevice(SoftwareDeviceOptions options, SoftwareMachine machine, int index, ClientMemoryLease lease, VramMemory vramMemory, FileDescriptorHandle unreachable)
    {
        Options = options;
        VramMemory = vramMemory;
        Unreachable = unreachable;
        DmaBufs = new DmaBufs(this);
        _clientLease = lease;
        _domain = new IommuDomain(options.Iommu, Counters);
        Dma = new DmaDevice(options.Profile.Name, _domain) { Injection = options.Faults };
        Frames = new PageFrames(options.Layout);
        Machine = machine;
        Port = new SoftwarePort(this, index);
        Tiles = new SoftwareTile[Profile.Tiles.Count];
        ulong vramOffset = 0;
        for (int id = 0; id < Tiles.Length; id++)
        {
            Tiles[id] = new SoftwareTile(this, id, vramOffset);
            vramOffset += Profile.Tiles[id].VramBytes;
        }

        VramTotal = vramOffset;

        Gts = [.. Tiles.SelectMany(tile => tile.Gts)];
        AllEngines = [.. Tiles.SelectMany(tile => tile.Engines)];
        Engines = Array.FindAll(AllEngines, engine => !engine.IsReserved);
        Loss = new DeviceLoss(this);
        machine.Add(Port);
    }

    public SoftwareDeviceOptions Options { get; }

    /// <summary>What this device shares with the others of its machine.</summary>
    public SoftwareMachine Machine { get; }

    /// <summary>This device as the others see it.</summary>
    public SoftwarePort Port { get; }

    /// <summary>The owner token of this device's pages; -1 until somebody asks for them (drm_pagemap_acquire_owner).</summary>
    public int Owner => Volatile.Read(ref _owner);

    public DeviceProfile Profile => Options.Profile;

    public MappingStrategy Strategy => Options.Strategy;

    public bool IsDiscrete => Profile.IsDiscrete;

    /// <summary>The bytes behind the VRAM of all tiles.</summary>
    public VramMemory VramMemory { get; }

    /// <summary>The driver's mapping of all VRAM.</summary>
    public byte* VramBase => VramMemory.Window;

    /// <summary>VRAM of all tiles, in bytes.</summary>
    public ulong VramTotal { get; private set; }

    /// <summary>The tiles by id.</summary>
    public SoftwareTile[] Tiles { get; }

    /// <summary>The GTs of all tiles, in query order.</summary>
    public Gt[] Gts { get; }

    /// <summary>The VRAM of tile 0.</summary>
    public VramRegion Vram => Tiles[0].Vram;

    /// <summary>The main GT of tile 0.</summary>
    public Gt PrimaryGt => Tiles[0].PrimaryGt;

    /// <summary>All engines, in query order, hidden ones included.</summary>
    public Engine[] AllEngines { get; }

    /// <summary>The engines that user space sees, in query order.</summary>
    public Engine[] Engines { get; }

    /// <summary>The device pages of tile 0.</summary>
    public DevicePagemap Pagemap => Tiles[0].Pagemap;

    /// <summary>Whether the device is lost.</summary>
    public DeviceLoss Loss { get; }

    public DmaDevice Dma { get; }

    public IommuDomain Domain => _domain;

    public PageFrames Frames { get; }

    public OperationCounters Counters { get; } = new();

    public FakeOffsets FakeOffsets { get; } = new();

    /// <summary>What files of the primary node share.</summary>
    public PrimaryNode Primary { get; } = new();

    public CpuMappings CpuMappings { get; } = new();

    /// <summary>Exports and imports of buffer objects.</summary>
    public DmaBufs DmaBufs { get; }

    /// <summary>A file without content: a mapping of it gives SIGBUS when touched, as memory that the CPU cannot reach does.</summary>
    public FileDescriptorHandle Unreachable { get; }

    public UserFenceWaiters UserFences { get; } = new();

    /// <summary>How long a job of a VM that is not long-running may run (xe's job_timeout_ms); counts for queues that are created later.</summary>
    public TimeSpan JobTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Whether the client may ask for high priority and for any timeslice (CAP_SYS_NICE): whether this process may, unless set.
    /// </summary>
    public bool MayRaisePriority { get; set; } = SystemCalls.HasCapability(CapSysNice);

    /// <summary>How long memory that an atomic access has brought to VRAM stays there at least (debugfs atomic_svm_timeslice_ms).</summary>
    public TimeSpan AtomicTimeslice { get; set; } = TimeSpan.FromMilliseconds(5);

    /// <summary>How long SYNCOBJ_TRANSFER waits for a fence to be submitted (DRM_SYNCOBJ_WAIT_FOR_SUBMIT_TIMEOUT).</summary>
    public TimeSpan SyncobjSubmitTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The memory of the client. Today's only client is this process.</summary>
    public ClientMemory Client => _clientLease.Memory;

    /// <summary>Bit per memory region that exists.</summary>
    public uint RegionMask => IsDiscrete ? MemoryRegions.SystemBit | VramMask : MemoryRegions.SystemBit;

    /// <summary>Bit per VRAM region, had the device VRAM.</summary>
    private uint VramMask => ((1u << Tiles.Length) - 1) * MemoryRegions.FirstVramBit;

    /// <summary>Bytes of system memory that there are.</summary>
    public ulong SystemMemoryTotal { get; } = (ulong)GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>Bytes of system memory that buffer objects hold.</summary>
    public ulong SystemMemoryUse => (ulong)Volatile.Read(ref _systemMemoryUse);

    /// <summary>Makes a device with its VRAM.</summary>
    /// <returns>0, or a negative errno.</returns>
    public static int Create(SoftwareDeviceOptions options, SoftwareMachine machine, int index, out SoftwareDevice? device)
    {
        device = null;
        int result = ClientMemoryLease.Acquire(options.CpuFaults, options.Faults, machine.CoherentMemory, out ClientMemoryLease? lease);
        if (result < 0)
        {
            return result;
        }

        result = VramMemory.Create(options.Profile.Tiles.Aggregate(0UL, (sum, tile) => sum + tile.VramBytes), out VramMemory? vram);
        if (result < 0)
        {
            lease!.Dispose();
            return result;
        }

        result = SharedMemory.CreateFile("xesvm-unreachable", 0, out FileDescriptorHandle? unreachable);
        if (result < 0)
        {
            vram!.Dispose();
            lease!.Dispose();
            return result;
        }

        device = new SoftwareDevice(options, machine, index, lease!, vram!, unreachable!);
        return 0;
    }

    public void AddReference() => _references.Add();

    /// <summary>Makes this device's pages known to peers: at the first VM that can fault, or when another device's VM asks for them.</summary>
    public void JoinOwners()
    {
        lock (_banLock)
        {
            if (_owner < 0)
            {
                Volatile.Write(ref _owner, Machine.Owners.Join(Port.Index));
            }
        }
    }

    /// <summary>Takes a reference on a device that may be about to end; false when it is.</summary>
    public bool TryAddReference() => _references.TryAdd();

    /// <summary>Drops a reference; the last one ends the device.</summary>
    public void Release()
    {
        if (_references.Drop())
        {
            Dispose();
        }
    }

    /// <summary>Sends all device pages home, then frees everything. For the last holder only: see <see cref="Release"/>.</summary>
    public void Dispose()
    {
        foreach (SoftwareTile tile in Tiles)
        {
            tile.Pagemap.EvictAll();
        }

        if (_owner >= 0)
        {
            Machine.Owners.Leave(_owner, Port.Index);
        }

        Machine.Remove(Port);
        CpuMappings.Close();
        DmaBufs.Close();
        foreach (SoftwareTile tile in Tiles)
        {
            tile.Dispose();
        }

        _clientLease.Dispose();
        _domain.Dispose();
        Port.Close();
        VramMemory.Dispose();
        Unreachable.Dispose();
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
    public DevicePagemap PagemapOf(Gt gt) => Tiles[gt.TileId].Pagemap;

    /// <summary>The allocation of device pages that has a byte of VRAM, or null.</summary>
    public DeviceMemoryAllocation? FindAllocation(ulong offset)
    {
        foreach (SoftwareTile tile in Tiles)
        {
            if (tile.Vram.Contains(offset))
            {
                return tile.Pagemap.FindAllocation(offset);
            }
        }

        return null;
    }

    /// <summary>The GT that user space names so, or null.</summary>
    public Gt? FindGt(uint id)
    {
        foreach (Gt gt in Gts)
        {
            if (gt.Id == id)
            {
                return gt;
            }
        }

        return null;
    }

    /// <summary>Adds to a counter of every GT of some tiles: of the primary one, and of the media one where there is one.</summary>
    public void Count(uint tiles, GtCounter counter, long amount)
    {
        foreach (Gt gt in Gts)
        {
            if ((tiles >> gt.TileId & 1) != 0)
            {
                gt.Statistics.Add(counter, amount);
            }
        }
    }

    /// <summary>What a GT is.</summary>
    public GtProfile ProfileOf(Gt gt) => Profile.Tiles[gt.TileId].Gts[gt.Id - Tiles[gt.TileId].PrimaryGt.Id];

    /// <summary>Where madvise wants memory, seen from a GT; null is system memory (xe_vma_resolve_pagemap).</summary>
    public DevicePagemap? Resolve(Vma vma, Gt gt) =>
        !IsDiscrete ? null
            : vma.Attributes.PreferredDevmemFd == DrmXe.DRM_XE_PREFERRED_LOC_DEFAULT_DEVICE ? PagemapOf(gt)
            : vma.Attributes.PreferredRegion;

    /// <summary>Whether a range is to be moved to a place (xe_svm_range_needs_migrate_to_vram).</summary>
    public bool NeedsMigration(SvmRange range, in RangeState state, DevicePagemap? target) =>
        target is not null && range.MigrateDevmem && state.Pagemap != target
        && (range.Size >= PageConstants.Chunk64K || Profile.MinPageSize == PageConstants.PageSize);
}
