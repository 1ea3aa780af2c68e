using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Gpu;

/// <summary>What the engine threads of one VM need to reach memory.</summary>
internal sealed unsafe class GpuAddressSpace
{
    /// <summary>The VM's page table.</summary>
    public required GpuPageTable PageTable { get; init; }

    /// <summary>The gate that the page table's writer waits at.</summary>
    public required TlbGate Gate { get; init; }

    /// <summary>Host address of the device's VRAM.</summary>
    public required byte* VramBase { get; init; }

    /// <summary>The client whose address space the VM mirrors.</summary>
    public required ClientMemory Client { get; init; }

    /// <summary>The way to memory behind the IOMMU.</summary>
    public required IGpuBusAccess Bus { get; init; }

    /// <summary>Whether addresses above the page table read 0 and drop writes, as all that is not mapped does in a VM with a scratch page.</summary>
    public bool HasScratchAbove { get; init; }

    /// <summary>Services page faults.</summary>
    public required IGpuFaultHandler Faults { get; init; }
}
