using System.Globalization;

using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation;

/// <summary>What the software backend's machine is like.</summary>
public sealed record SoftwareBackendOptions
{
    internal const string DefaultPeerPolicy = "driver-owned";

    // Null: not said, so that what a topology says holds.
    private readonly IommuMode? _iommu;
    private readonly bool? _coherentWalker;
    private readonly int? _pageTableLevels;
    private readonly bool? _cachingMode;
    private readonly bool? _writeBufferFlush;
    private readonly bool? _flushRegression;

    /// <summary>
    /// Which machine: <c>bmg</c>, <c>bmg-smallbar</c>, <c>lnl</c>, <c>pvc2</c>, <c>dual-bmg</c>; a topology of several devices
    /// (<c>pair-p2p</c>, <c>pair-isolated</c>, <c>quad-fabric-physical</c>, <c>quad-fabric-virtual</c>), which says of each device what profile,
    /// what VRAM and what IOMMU it has; or the path of a file of either kind (JSON, with a <c>/</c> in it or ending in <c>.json</c>).
    /// What these options say of VRAM and IOMMU goes before what a topology says, for all of its devices.
    /// </summary>
    public string Device { get; init; } = "bmg";

    /// <summary>
    /// How system pages are mapped for DMA: <c>per-page</c> (one dma_map_page a page), <c>iova</c> (dma-map IOVA alloc, link, sync: the
    /// merged form), <c>iova-runs</c> (one link for each physically contiguous run), <c>iova-filled</c> (the form of RFC v3, which fills
    /// holes) or <c>scatterlist</c> (one map call, as dma_map_sg).
    /// </summary>
    public string Strategy { get; init; } = "iova";

    /// <summary>
    /// How the pages of a client fall on page frames: <c>scattered</c>, <c>descending</c>, <c>runs:K</c>, <c>contiguous</c>,
    /// <c>contiguous-unaligned</c> or <c>huge</c>.
    /// </summary>
    public string Layout { get; init; } = "scattered";

    /// <summary>The mode of the device's IOMMU domain; <see cref="IommuMode.Strict"/> where neither this nor a topology says it.</summary>
    public IommuMode Iommu
    {
        get => _iommu ?? IommuMode.Strict;
        init => _iommu = value;
    }

    /// <summary>Whether the IOMMU's page walker sees the CPU's caches; if not, every entry written is flushed.</summary>
    public bool CoherentWalker
    {
        get => _coherentWalker ?? true;
        init => _coherentWalker = value;
    }

    /// <summary>Levels of the I/O page table: 3, 4 or 5.</summary>
    public int PageTableLevels
    {
        get => _pageTableLevels ?? 4;
        init => _pageTableLevels = value;
    }

    /// <summary>
    /// Whether the IOMMU may cache entries that are not present, as virtual IOMMUs do: every new mapping needs an invalidation, and the
    /// kernel then chooses <see cref="IommuMode.Strict"/> over <see cref="IommuMode.Lazy"/>.
    /// </summary>
    public bool CachingMode
    {
        get => _cachingMode ?? false;
        init => _cachingMode = value;
    }

    /// <summary>Whether new mappings need a flush of the chipset's write buffer, as old chipsets do.</summary>
    public bool WriteBufferFlush
    {
        get => _writeBufferFlush ?? false;
        init => _writeBufferFlush = value;
    }

    /// <summary>
    /// Whether an unmap flushes every cache line that it has visited, as kernels of early 2026 did, and not only what it has changed. Shows on
    /// a non-coherent walker only.
    /// </summary>
    public bool FlushRegression
    {
        get => _flushRegression ?? false;
        init => _flushRegression = value;
    }

    /// <summary>
    /// Size of each tile's VRAM in bytes, in place of the device profile's; a multiple of 2 MiB, from 2 MiB to 64 GiB. VRAM is sparse: only
    /// what is used takes memory of the host. Without effect on a device without VRAM.
    /// </summary>
    public ulong? VramBytes { get; init; }

    /// <summary>
    /// How a CPU touch of memory in VRAM is noticed: <c>auto</c>, <c>userfaultfd</c>, <c>userfaultfd-user-mode</c> or <c>coherent</c>.
    /// <c>auto</c> takes the best that this process may use.
    /// </summary>
    public string CpuFaults { get; init; } = "auto";

    /// <summary>
    /// Who makes addresses of one device's memory for another: <c>driver-owned</c> (the target's driver by dma-map IOVA calls, patches 6 to
    /// 11), <c>broker</c> (one mapping service that gets whole lists), <c>per-page</c> (page by page, as Linux 7.3 does) or <c>stub</c> (patch 7
    /// alone: the calls are there and give no addresses, so everybody goes page by page).
    /// </summary>
    public string PeerPolicy { get; init; } = DefaultPeerPolicy;

    /// <summary>Which operations fail; none by default.</summary>
    public FaultPlan Faults { get; init; } = FaultPlan.None;

    /// <summary>An IOMMU with what these options say in place of what it is; what they do not say stays.</summary>
    internal IommuOptions Configure(IommuOptions iommu) => iommu with
    {
        Mode = _iommu ?? iommu.Mode,
        CoherentWalker = _coherentWalker ?? iommu.CoherentWalker,
        Levels = _pageTableLevels ?? iommu.Levels,
        CachingMode = _cachingMode ?? iommu.CachingMode,
        WriteBufferFlush = _writeBufferFlush ?? iommu.WriteBufferFlush,
        FlushRegression = _flushRegression ?? iommu.FlushRegression,
    };

    /// <summary>
    /// The defaults, changed by the environment: <c>XESVM_DEVICE</c>, <c>XESVM_VRAM_BYTES</c>, <c>XESVM_CPU_FAULTS</c>,
    /// <c>XESVM_PEER_POLICY</c> and <c>XESVM_FAULTS</c>.
    /// </summary>
    /// <exception cref="FormatException">A variable has a value that is not valid; the message says which are.</exception>
    public static SoftwareBackendOptions FromEnvironment()
    {
        var options = new SoftwareBackendOptions();
        if (Environment.GetEnvironmentVariable("XESVM_VRAM_BYTES") is { Length: > 0 } vram)
        {
            if (!ulong.TryParse(vram, NumberStyles.None, CultureInfo.InvariantCulture, out ulong bytes))
            {
                throw new FormatException($"XESVM_VRAM_BYTES is '{vram}'; a number of bytes is valid, such as 536870912.");
            }

            options = options with { VramBytes = bytes };
        }

        if (Environment.GetEnvironmentVariable("XESVM_DEVICE") is { Length: > 0 } device)
        {
            options = options with { Device = device };
        }

        if (Environment.GetEnvironmentVariable("XESVM_CPU_FAULTS") is { Length: > 0 } faults)
        {
            options = options with { CpuFaults = faults };
        }

        if (Environment.GetEnvironmentVariable("XESVM_PEER_POLICY") is { Length: > 0 } policy)
        {
            options = options with { PeerPolicy = policy };
        }

        if (Environment.GetEnvironmentVariable("XESVM_FAULTS") is { Length: > 0 } plan)
        {
            try
            {
                options = options with { Faults = FaultPlan.Parse(plan) };
            }
            catch (FormatException e)
            {
                throw new FormatException($"XESVM_FAULTS is '{plan}': {e.Message}", e);
            }
        }

        return options;
    }
}
