namespace XeSvm.Simulation;

/// <summary>A place in the software backend where a failure can be injected (<see cref="FaultRule"/>).</summary>
public enum FaultPoint
{
    /// <summary><c>iova</c>: no I/O virtual addresses for a whole range (dma_iova_try_alloc fails): its pages are then mapped one by one.</summary>
    IovaAllocation,

    /// <summary><c>link</c>: a page is not linked into its reservation (dma_iova_link: ENOMEM).</summary>
    Link,

    /// <summary><c>map</c>: a page is not mapped (dma_map_page: ENOMEM).</summary>
    Map,

    /// <summary><c>sync</c>: the linked pages are not made known to the hardware (dma_iova_sync: EIO).</summary>
    Sync,

    /// <summary><c>vram</c>: no VRAM for an allocation, and nothing to evict (ENOMEM).</summary>
    Vram,

    /// <summary><c>copy</c>: the copy engine fails before it has copied anything (EIO).</summary>
    Copy,

    /// <summary><c>isolate</c>: the pages of a migration cannot be taken out of the CPU's page table (EBUSY).</summary>
    Isolate,

    /// <summary>
    /// <c>lost</c>: the device is lost at an ioctl or a GPU page fault. From then on every ioctl is refused (ECANCELED), running work ends,
    /// and all data is brought back to system memory.
    /// </summary>
    DeviceLost,

    /// <summary><c>slow-copy</c>: the copy engine takes longer, by <see cref="FaultRule.Delay"/>.</summary>
    SlowCopy,

    /// <summary><c>userfaultfd</c>: userfaultfd cannot be used: the backend is coherent. Takes effect when a device is opened first.</summary>
    Userfaultfd,

    /// <summary><c>thread</c>: the system has no thread for a queue (ENOMEM), a client of a server, or the work after the loss of a device.</summary>
    Thread,
}
