namespace XeSvm;

/// <summary>What was advised for one mapping of a VM, from VM_QUERY_MEM_RANGE_ATTRS. It says nothing about where the memory is.</summary>
/// <param name="Range">The whole mapping, also where it begins before or ends behind the range that was asked for.</param>
/// <param name="PreferredLocation">
/// Where memory should be: <see cref="MemoryLocation.Device(int)"/> of index 0 for any place named by a device's descriptor, which is
/// <paramref name="DeviceDescriptor"/>; the driver does not tell the region.
/// </param>
/// <param name="DeviceDescriptor">The descriptor that named the device when the advice was given, or <see langword="null"/>.</param>
/// <param name="AtomicAccess">Who does atomic operations.</param>
/// <param name="PatIndex">The index in the hardware's page attribute table.</param>
public sealed record SvmRangeAttributes(
    GpuRange Range, MemoryLocation PreferredLocation, int? DeviceDescriptor, AtomicAccess AtomicAccess, uint PatIndex);
