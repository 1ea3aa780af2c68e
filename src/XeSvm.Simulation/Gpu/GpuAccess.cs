namespace XeSvm.Simulation.Gpu;

/// <summary>What a GPU access that faulted wanted; the values are those of the page-fault record (xe_pagefault_types.h).</summary>
internal enum GpuAccess
{
    Read = 0,
    Write = 1,
    Atomic = 2,
}
