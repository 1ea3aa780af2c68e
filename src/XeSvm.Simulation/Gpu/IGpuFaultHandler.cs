namespace XeSvm.Simulation.Gpu;

/// <summary>Services GPU page faults of one VM (xe_pagefault_service). Called on the queue's thread, outside any access section.</summary>
internal interface IGpuFaultHandler
{
    /// <summary>
    /// Makes an address accessible. 0 or more: the access is replayed, and may fault again; negative: the fault cannot be serviced and the
    /// queue is banned. Must not throw.
    /// </summary>
    /// <param name="address">First byte of the faulting 4 KiB page, masked to the VM's address bits.</param>
    /// <param name="access">What the access wanted.</param>
    /// <param name="gt">The GT of the faulting engine.</param>
    int HandleFault(ulong address, GpuAccess access, Gt gt);
}
