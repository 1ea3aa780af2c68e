using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>A GPU access that could not be served, from VM_GET_PROPERTY FAULTS. The driver keeps the first 50 of a VM (xe_vm.c).</summary>
/// <param name="Address">The page, sign-extended to 64 bits.</param>
/// <param name="AddressPrecision">How exact the address is, in bytes: 4096.</param>
/// <param name="Access">What the GPU did.</param>
/// <param name="FaultType">Why it could not be served.</param>
/// <param name="Level">The level of the page table where the walk stopped: 0 for 4 KiB entries, up to 4.</param>
public sealed record XeVmFault(ulong Address, uint AddressPrecision, XeFaultAccess Access, XeFaultType FaultType, int Level);

/// <summary>What the GPU did when it faulted; the values are the kernel's.</summary>
public enum XeFaultAccess
{
    /// <summary>A read.</summary>
    Read = DrmXe.FAULT_ACCESS_TYPE_READ,

    /// <summary>A write.</summary>
    Write = DrmXe.FAULT_ACCESS_TYPE_WRITE,

    /// <summary>An atomic operation.</summary>
    Atomic = DrmXe.FAULT_ACCESS_TYPE_ATOMIC,
}

/// <summary>Why an access could not be served; the values are the kernel's.</summary>
public enum XeFaultType
{
    /// <summary>The address had no page table entry.</summary>
    NotPresent = DrmXe.FAULT_TYPE_NOT_PRESENT,

    /// <summary>The entry does not allow writes.</summary>
    WriteAccess = DrmXe.FAULT_TYPE_WRITE_ACCESS,

    /// <summary>The entry does not allow atomic operations.</summary>
    AtomicAccess = DrmXe.FAULT_TYPE_ATOMIC_ACCESS,
}
