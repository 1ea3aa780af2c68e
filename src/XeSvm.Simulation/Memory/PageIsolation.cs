using System.Runtime.CompilerServices;

namespace XeSvm.Simulation.Memory;

/// <summary>Pages that a migration has taken out of the CPU's page table.</summary>
internal unsafe struct PageIsolation
{
    /// <summary>Names the isolation until commit or abort; never 0.</summary>
    public ulong Id;

    /// <summary>Client address of the first page.</summary>
    public ulong Address;

    /// <summary>Number of pages, holes included.</summary>
    public int Pages;

    /// <summary>Host address of the first page's staging slot.</summary>
    public byte* Staging;

    private PresentMask _present;

    /// <summary>Whether a page had content. A hole has none: it reads as zeros and its slot must not be touched.</summary>
    public readonly bool IsPresent(int page) => (_present[page >> 6] >> (page & 63) & 1) != 0;

    /// <summary>Records which of 64 pages had content.</summary>
    public void SetPresent(int word, ulong bits) => _present[word] = bits;

    [InlineArray(8)]
    private struct PresentMask
    {
        private ulong _word;
    }
}
