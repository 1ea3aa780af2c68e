using System.Globalization;

namespace XeSvm.Simulation.Memory;

/// <summary>How the pages of a 2 MiB block of client memory fall on page frames.</summary>
internal abstract class PageLayout
{
    /// <summary>Pages of a block.</summary>
    public const int BlockPages = 512;

    /// <summary>Frames of an extent, of which a block's pages take some: two blocks are never physically adjacent.</summary>
    public const int ExtentFrames = 1024;

    private protected const string ActualName = "actual";

    private const string RunsPrefix = "runs:";

    private static readonly PageLayout[] s_fixed =
    [
        new ScatteredLayout(),
        new DescendingLayout(),
        new ContiguousLayout("contiguous", offset: 0, hugeFolio: false),
        new ContiguousLayout("contiguous-unaligned", offset: 3, hugeFolio: false),
        new ContiguousLayout("huge", offset: 0, hugeFolio: true),
    ];

    /// <summary>The layout's name, as <see cref="Parse"/> takes it.</summary>
    public abstract string Name { get; }

    /// <summary>Whether a block is one folio of order 9.</summary>
    public virtual bool IsHugeFolio => false;

    /// <summary>Whether each block is placed for itself, by <see cref="PlaceBlock"/>.</summary>
    public virtual bool DiffersByBlock => false;

    /// <summary>Finds a layout by name.</summary>
    /// <exception cref="FormatException">
    /// There is none of that name, and the message lists those that there are; or it is "actual" and frame numbers cannot be read here.
    /// </exception>
    public static PageLayout Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.StartsWith(RunsPrefix, StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(RunsPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int pages)
            && pages is >= 1 and <= BlockPages)
        {
            return new RunsLayout(pages);
        }

        if (name == ActualName)
        {
            return PageLayoutActual.IsReadable
                ? new PageLayoutActual()
                : throw new FormatException(
                    "Page layout 'actual' needs the frame numbers of /proc/self/pagemap, which only a process with CAP_SYS_ADMIN may see.");
        }

        return Array.Find(s_fixed, layout => layout.Name == name)
            ?? throw new FormatException(
                $"'{name}' is no page layout; valid are {string.Join(", ", s_fixed.Select(layout => layout.Name))}, "
                + $"{ActualName}, and runs:K with K from 1 to {BlockPages}.");
    }

    /// <summary>Writes for each page of a block its frame in the block's extent, 0 to 1023, each frame once.</summary>
    public abstract void Place(Span<ushort> frames);

    /// <summary>As <see cref="Place"/>, for the block of this process at an address.</summary>
    public virtual void PlaceBlock(ulong clientAddress, Span<ushort> frames) => Place(frames);

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>No page lies before or behind its neighbour.</summary>
    private sealed class ScatteredLayout : PageLayout
    {
        // Odd, so that it visits every frame once, and far from 1 and 511, so that neighbours are never next to each other.
        private const int Stride = 197;

        public override string Name => "scattered";

        public override void Place(Span<ushort> frames)
        {
            for (int i = 0; i < frames.Length; i++)
            {
                frames[i] = (ushort)(i * Stride % BlockPages);
            }
        }
    }

    /// <summary>Contiguous the wrong way round, as freshly faulted memory sometimes is.</summary>
    private sealed class DescendingLayout : PageLayout
    {
        public override string Name => "descending";

        public override void Place(Span<ushort> frames)
        {
            for (int i = 0; i < frames.Length; i++)
            {
                frames[i] = (ushort)(BlockPages - 1 - i);
            }
        }
    }

    /// <summary>Contiguous, from a frame of the extent on.</summary>
    private sealed class ContiguousLayout(string name, int offset, bool hugeFolio) : PageLayout
    {
        public override string Name => name;

        public override bool IsHugeFolio => hugeFolio;

        public override void Place(Span<ushort> frames)
        {
            for (int i = 0; i < frames.Length; i++)
            {
                frames[i] = (ushort)(offset + i);
            }
        }
    }

    /// <summary>Runs of contiguous pages; no run begins where the one before it ends.</summary>
    private sealed class RunsLayout(int runPages) : PageLayout
    {
        public override string Name => string.Create(CultureInfo.InvariantCulture, $"{RunsPrefix}{runPages}");

        public override void Place(Span<ushort> frames)
        {
            int runs = (frames.Length + runPages - 1) / runPages;
            int stride = Stride(runs);
            for (int i = 0; i < frames.Length; i++)
            {
                int run = i / runPages;

                // The additional half turn puts the first of two runs behind the second.
                int slot = ((run * stride) + (runs / 2)) % runs;
                frames[i] = (ushort)((slot * runPages) + (i % runPages));
            }
        }

        /// <summary>A step between the slots of following runs: prime to their number, and not 1 where that can be avoided.</summary>
        private static int Stride(int runs)
        {
            for (int stride = (runs * 5 / 8) | 1; stride > 1; stride--)
            {
                if (Gcd(stride, runs) == 1)
                {
                    return stride;
                }
            }

            return Math.Max(1, runs - 1);
        }

        private static int Gcd(int a, int b) => b == 0 ? a : Gcd(b, a % b);
    }
}
