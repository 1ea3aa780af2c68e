using System.Runtime.CompilerServices;

namespace XeSvm.Simulation.Iommu;

/// <summary>A stack of free IOVA blocks of one size class, by first page (iova.c: iova_magazine).</summary>
internal sealed class IovaMagazine
{
    /// <summary>Blocks that a magazine holds (IOVA_MAG_SIZE): with its header 1 KiB.</summary>
    public const int Capacity = 127;

    private Blocks _blocks;

    /// <summary>Next magazine of the depot or of the spares.</summary>
    public IovaMagazine? Next { get; set; }

    /// <summary>Blocks held.</summary>
    public int Count { get; private set; }

    /// <summary>Whether nothing more can be put.</summary>
    public bool IsFull => Count == Capacity;

    /// <summary>A block by position.</summary>
    public ulong this[int index] => _blocks[index];

    /// <summary>Puts a block on top.</summary>
    public void Push(ulong page) => _blocks[Count++] = page;

    /// <summary>Takes the topmost block that starts at or below a limit; 0 when there is none.</summary>
    public ulong Pop(ulong lastPage)
    {
        for (int i = Count - 1; i >= 0; i--)
        {
            ulong page = _blocks[i];
            if (page <= lastPage)
            {
                _blocks[i] = _blocks[--Count];
                return page;
            }
        }

        return 0;
    }

    /// <summary>Takes the topmost block.</summary>
    public ulong Pop() => _blocks[--Count];

    [InlineArray(Capacity)]
    private struct Blocks
    {
        private ulong _page;
    }
}
