using System.Runtime.InteropServices;

namespace XeSvm.Simulation.Memory;

/// <summary>
/// Pages lie to each other as the pages of this process really do (/proc/self/pagemap, which shows frame numbers to privileged processes
/// only): runs of following frames stay runs, and nothing else follows each other. A block that is one aligned run stays aligned.
/// </summary>
internal sealed class PageLayoutActual : PageLayout
{
    private const string PageMap = "/proc/self/pagemap";
    private const ulong Present = 1UL << 63;
    private const ulong FrameMask = (1UL << 55) - 1;
    private const int PageBytes = 4096;
    private const int BlockBytes = BlockPages * PageBytes;

    /// <inheritdoc/>
    public override string Name => ActualName;

    /// <inheritdoc/>
    public override bool DiffersByBlock => true;

    /// <summary>Whether this process may see its frame numbers.</summary>
    public static bool IsReadable
    {
        get
        {
            Span<ulong> numbers = stackalloc ulong[BlockPages];
            return WithFreshBlock(numbers) && numbers.ContainsAnyExcept(0UL);
        }
    }

    /// <summary>Places the pages of a block of fresh memory of this process.</summary>
    public override void Place(Span<ushort> frames)
    {
        Span<ulong> numbers = stackalloc ulong[BlockPages];
        WithFreshBlock(numbers);
        PlaceNumbers(numbers, frames);
    }

    /// <inheritdoc/>
    public override void PlaceBlock(ulong clientAddress, Span<ushort> frames)
    {
        Span<ulong> numbers = stackalloc ulong[BlockPages];
        TryRead(clientAddress, numbers);
        PlaceNumbers(numbers, frames);
    }

    /// <summary>Places pages by frame numbers; 0 stands for a page that is not there, which follows nothing.</summary>
    internal static void PlaceNumbers(ReadOnlySpan<ulong> numbers, Span<ushort> frames)
    {
        bool oneRun = true;
        for (int i = 1; i < numbers.Length; i++)
        {
            oneRun &= numbers[i] == numbers[i - 1] + 1;
        }

        // At most 512 runs with a free frame behind each: they fit into the extent, whatever their lengths.
        bool aligned = oneRun && numbers[0] != 0 && numbers[0] % BlockPages == 0;
        int next = aligned ? 0 : 1;
        Span<int> order = stackalloc int[BlockPages];
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        Span<ulong> sorted = stackalloc ulong[BlockPages];
        numbers.CopyTo(sorted);
        sorted.Sort(order);
        for (int i = 0; i < order.Length; i++)
        {
            bool follows = i == 0 || (sorted[i] != 0 && sorted[i] == sorted[i - 1] + 1);
            next += follows ? 0 : 1;
            frames[order[i]] = (ushort)next++;
        }
    }

    private static unsafe bool WithFreshBlock(Span<ulong> numbers)
    {
        byte* block = (byte*)NativeMemory.AlignedAlloc(BlockBytes, BlockBytes);
        try
        {
            for (int i = 0; i < BlockPages; i++)
            {
                Volatile.Write(ref block[i * PageBytes], 1);
            }

            return TryRead((ulong)block, numbers);
        }
        finally
        {
            NativeMemory.AlignedFree(block);
        }
    }

    private static bool TryRead(ulong address, Span<ulong> numbers)
    {
        numbers.Clear();
        try
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(PageMap);
            if (RandomAccess.Read(file, MemoryMarshal.AsBytes(numbers), (long)(address / PageBytes * sizeof(ulong))) != numbers.Length * sizeof(ulong))
            {
                numbers.Clear();
                return false;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }

        foreach (ref ulong number in numbers)
        {
            number = (number & Present) != 0 ? number & FrameMask : 0;
        }

        return true;
    }
}
