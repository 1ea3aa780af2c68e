using XeSvm.Interop.LibC;
using XeSvm.Interop.Native;

namespace XeSvm.Simulation.Memory;

/// <summary>What the kernel says about this process's mappings.</summary>
internal static unsafe class ProcessMappings
{
    /// <summary>The mapping that contains an address, else the first above it.</summary>
    public static int Find(ulong address, out ClientVma vma)
    {
        xesvm_vma native;
        int result = NativeMethods.xesvm_client_find_vma(address, &native);
        vma = result < 0 ? default : new ClientVma(native.start, native.end, (ClientVmaFlags)native.flags);
        return result;
    }

    /// <summary>Whether every page has a page of its own, on the CPU or on a device.</summary>
    public static bool IsPopulated(ClientMemory client, ulong address, int pages)
    {
        byte* present = stackalloc byte[PageConstants.BlockPages];
        if (SystemCalls.FindResident((nint)address, (nuint)pages << PageConstants.PageShift, present) < 0)
        {
            return false;
        }

        for (int i = 0; i < pages; i++)
        {
            if ((present[i] & 1) == 0 && !client.Residency.TryFind(address + ((ulong)i << PageConstants.PageShift), out _))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Fills the page table for a range, as the faulting walk of HMM does.</summary>
    public static int Populate(ulong address, int pages, bool write)
    {
        int result = SystemCalls.Advise(
            (nint)address, (nuint)pages << PageConstants.PageShift, write ? MemoryAdvice.PopulateWrite : MemoryAdvice.PopulateRead);
        if (result >= 0)
        {
            return 0;
        }

        return Find(address, out ClientVma vma) == 0 && vma.Start <= address && write && (vma.Flags & ClientVmaFlags.Write) == 0
            ? -Errno.EPERM
            : -Errno.EFAULT;
    }
}
