using XeSvm.Interop;
using XeSvm.Interop.LibC;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// The page whose stores are memory barriers on the PCI bus (xe_pci_barrier_mmap). Here stores go to a page of memory, which does what a
/// barrier has to: the process's stores are ordered already.
/// </summary>
internal static class PciBarrier
{
    /// <summary>Its offset in the device file (XE_PCI_BARRIER_MMAP_OFFSET).</summary>
    public const ulong Offset = 0x50000;

    /// <summary>Maps it, for writing only.</summary>
    /// <returns>0, or -EINVAL.</returns>
    public static int Map(SoftwareDevice device, nuint length, DrmMapProtection protection, out nint address)
    {
        address = 0;
        int result = Open(device, length, protection, out FileDescriptorHandle? page);
        if (result == 0)
        {
            // The mapping keeps the page.
            result = SystemCalls.MapShared(page!, 0, length, (MemoryProtection)protection, fixedAddress: 0, out address);
            page!.Dispose();
        }

        return result;
    }

    /// <summary>The page behind a mapping of it.</summary>
    /// <returns>0, or -EINVAL.</returns>
    public static int Open(SoftwareDevice device, nuint length, DrmMapProtection protection, out FileDescriptorHandle? page)
    {
        page = null;
        return !device.IsDiscrete || length is 0 or > PageConstants.PageSize || protection != DrmMapProtection.Write
            ? -Errno.EINVAL
            : SharedMemory.CreateFile("xesvm-pci-barrier", PageConstants.PageSize, out page);
    }
}
