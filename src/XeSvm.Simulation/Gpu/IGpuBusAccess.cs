namespace XeSvm.Simulation.Gpu;

/// <summary>
/// GPU access to memory behind the IOMMU. An access never crosses a 4 KiB page. Results: 0; -EAGAIN when the page cannot be reached
/// now and the access is to be treated as a GPU page fault; -EFAULT when the IOMMU refuses. Called inside an access section, so an
/// implementation must not wait for anything that waits for <see cref="TlbGate.InvalidateAndWait"/>, and must not throw.
/// </summary>
internal unsafe interface IGpuBusAccess
{
    /// <summary>Reads from a bus address. Naturally aligned reads of 4 and 8 bytes are single copies.</summary>
    int Read(GpuBusAddress address, void* destination, int length);

    /// <summary>Writes to a bus address. Naturally aligned writes of 4 and 8 bytes are single copies.</summary>
    int Write(GpuBusAddress address, void* source, int length);

    /// <summary>Atomic add of -2048 to 2047 on an aligned word of 4 bytes.</summary>
    int Add(GpuBusAddress address, int addend);

    /// <summary>
    /// Writes an aligned word of 4 or 8 bytes when it is as expected, atomically, and tells what it was; -EOPNOTSUPP when memory of this kind
    /// cannot do it.
    /// </summary>
    int CompareExchange(GpuBusAddress address, ulong expected, ulong desired, int size, out ulong seen);
}
