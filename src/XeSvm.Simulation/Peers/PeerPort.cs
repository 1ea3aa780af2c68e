using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Peers;

/// <summary>
/// A device as the others see it: the BAR through which PCIe reaches its memory, its network addresses, the address space in which a
/// translated fabric sees it, and the domain that its own accesses go through.
/// </summary>
internal abstract unsafe class PeerPort
{
    /// <summary>Bytes between the BARs of two devices, and the most VRAM that a device may have.</summary>
    public const ulong BarStride = 1UL << 38;

    private const ulong FirstBar = 1UL << 44;
    private const ulong FirstFabric = 1UL << 50;

    private readonly Lazy<DmaDevice> _fabric;

    /// <param name="index">The device's place in its machine.</param>
    /// <param name="dma">Its side of the DMA-mapping API.</param>
    private protected PeerPort(int index, DmaDevice dma)
    {
        Index = index;
        Dma = dma;
        _fabric = new Lazy<DmaDevice>(CreateFabric);
    }

    /// <summary>The device's place in its machine.</summary>
    public int Index { get; }

    /// <summary>Its side of the DMA-mapping API.</summary>
    public DmaDevice Dma { get; }

    /// <summary>Makes mappings in its fabric space fail.</summary>
    public FaultInjector FabricFaults { get; } = new(FaultPlan.None);

    /// <summary>The address space in which a translated fabric sees this device.</summary>
    public DmaDevice Fabric => _fabric.Value;

    /// <summary>Whether anybody has had a look at <see cref="Fabric"/>.</summary>
    public bool HasFabric => _fabric.IsValueCreated;

    /// <summary>Physical address of its BAR.</summary>
    public ulong BarBase => FirstBar + ((ulong)Index * BarStride);

    /// <summary>Its first address on a fabric with physical addresses.</summary>
    public ulong FabricBase => FirstFabric + ((ulong)Index * BarStride);

    /// <summary>The device whose BAR a physical address is in; -1 when it is in none.</summary>
    public static int DeviceOfBar(ulong physical) => DeviceOf(physical, FirstBar);

    /// <summary>The device that a network address names; -1 when it names none.</summary>
    public static int DeviceOfFabric(ulong address) => DeviceOf(address, FirstFabric);

    /// <summary>The memory at an offset of the device's VRAM; null beyond the end.</summary>
    public abstract byte* Pointer(ulong offset);

    /// <summary>Ends the fabric space; nobody may be using it.</summary>
    private protected void DisposeFabric()
    {
        if (_fabric.IsValueCreated)
        {
            _fabric.Value.Domain.Dispose();
        }
    }

    // The target's page tables lie in its own memory, which its walker always sees; entries are dropped at once, never from a queue.
    private DmaDevice CreateFabric() =>
        new($"{Dma.Name} fabric", new IommuDomain(new IommuOptions { Mode = IommuMode.Strict, ForceDac = true })) { Injection = FabricFaults };

    private static int DeviceOf(ulong address, ulong first) =>
        address >= first && address - first < BarStride * PeerTopologyReader.MaxDevices ? (int)((address - first) / BarStride) : -1;
}
