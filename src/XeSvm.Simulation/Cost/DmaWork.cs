using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Simulation.Cost;

/// <summary>
/// What DMA mapping did, in exact units of work; time plays no part. Every field is one counter, in the order of <see cref="Names"/>.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DmaWork : IEquatable<DmaWork>
{
    /// <summary>IOVA allocations served by a processor's magazine or the depot.</summary>
    public ulong IovaAllocMagazine;

    /// <summary>IOVA allocations that went to the tree.</summary>
    public ulong IovaAllocTree;

    /// <summary>IOVA blocks given back to the allocator.</summary>
    public ulong IovaFree;

    /// <summary>dma_iova_link calls.</summary>
    public ulong LinkCalls;

    /// <summary>dma_map_page, dma_map_resource and dma_map_sg calls.</summary>
    public ulong MapCalls;

    /// <summary>I/O page-table walks that write entries.</summary>
    public ulong WalksMap;

    /// <summary>I/O page-table walks that clear entries.</summary>
    public ulong WalksUnmap;

    /// <summary>iova_to_phys walks.</summary>
    public ulong WalksLookup;

    /// <summary>Leaf entries written.</summary>
    public ulong PteSet;

    /// <summary>Leaf entries cleared.</summary>
    public ulong PteClear;

    /// <summary>Leaf entries written that map 2 MiB.</summary>
    public ulong Leaf2m;

    /// <summary>I/O page tables installed.</summary>
    public ulong TableAlloc;

    /// <summary>I/O page tables detached.</summary>
    public ulong TableFree;

    /// <summary>Cache-flush calls on I/O page tables (non-coherent walker only).</summary>
    public ulong FlushCalls;

    /// <summary>64-byte cache lines of I/O page tables flushed.</summary>
    public ulong LinesFlushed;

    /// <summary>Map-sync hooks run: one a mapped page, one a dma_iova_sync.</summary>
    public ulong SyncCalls;

    /// <summary>Map-sync hooks that had to act on the hardware (caching mode, write-buffer flush).</summary>
    public ulong SyncHw;

    /// <summary>dma_iova_unlink calls.</summary>
    public ulong UnlinkCalls;

    /// <summary>dma_unmap_page, dma_unmap_resource and dma_unmap_sg calls.</summary>
    public ulong UnmapCalls;

    /// <summary>IOTLB invalidations that the caller waited for.</summary>
    public ulong InvalStrict;

    /// <summary>Domain-wide IOTLB flushes of the flush queue.</summary>
    public ulong InvalLazyFull;

    /// <summary>Entries put in the flush queue.</summary>
    public ulong QueueEntries;

    /// <summary>Mapped sets that wanted an IOVA reservation, were refused and went page by page.</summary>
    public ulong FallbackSegments;

    /// <summary>Mapped sets with at least one system page.</summary>
    public ulong Segments;

    /// <summary>Failed map, link and sync calls.</summary>
    public ulong Errors;

    /// <summary>Bytes moved by the copy engine.</summary>
    public ulong BytesCopied;

    private static readonly string[] s_names =
    [
        "iova_alloc_magazine",
        "iova_alloc_tree",
        "iova_free",
        "link_calls",
        "map_calls",
        "walks_map",
        "walks_unmap",
        "walks_lookup",
        "pte_set",
        "pte_clear",
        "leaf_2m",
        "table_alloc",
        "table_free",
        "flush_calls",
        "lines_flushed",
        "sync_calls",
        "sync_hw",
        "unlink_calls",
        "unmap_calls",
        "inval_strict",
        "inval_lazy_full",
        "queue_entries",
        "fallback_segments",
        "segments",
        "errors",
        "bytes_copied",
    ];

    /// <summary>The counters' names, in field order.</summary>
    public static ReadOnlySpan<string> Names => s_names;

    /// <summary>The counters as a span, in the order of <see cref="Names"/>.</summary>
    [UnscopedRef]
    public Span<ulong> Values => MemoryMarshal.CreateSpan(ref Unsafe.As<DmaWork, ulong>(ref this), s_names.Length);

    /// <summary>Map and link calls: column L of the counts.</summary>
    public readonly ulong MapAndLinkCalls => LinkCalls + MapCalls;

    /// <summary>All walks.</summary>
    public readonly ulong Walks => WalksMap + WalksUnmap + WalksLookup;

    /// <summary>All IOVA allocations.</summary>
    public readonly ulong IovaAllocs => IovaAllocMagazine + IovaAllocTree;

    /// <summary>Adds other work to this.</summary>
    public void Add(in DmaWork other)
    {
        Span<ulong> sum = Values;
        ReadOnlySpan<ulong> addends = ReadValues(in other);
        for (int i = 0; i < sum.Length; i++)
        {
            sum[i] += addends[i];
        }
    }

    /// <summary>The work done since an earlier reading of the same counters.</summary>
    /// <exception cref="ArgumentException">A counter of <paramref name="earlier"/> is ahead of this one.</exception>
    public readonly DmaWork Subtract(in DmaWork earlier)
    {
        DmaWork result = this;
        Span<ulong> values = result.Values;
        ReadOnlySpan<ulong> before = ReadValues(in earlier);
        for (int i = 0; i < values.Length; i++)
        {
            if (before[i] > values[i])
            {
                throw new ArgumentException(
                    $"Counter '{s_names[i]}' ran backwards: {before[i]} before, {values[i]} after.", nameof(earlier));
            }

            values[i] -= before[i];
        }

        return result;
    }

    /// <summary>Looks a counter up by name; false when there is none of that name.</summary>
    public readonly bool TryGet(string name, out ulong value)
    {
        int index = Array.IndexOf(s_names, name);
        value = index < 0 ? 0 : ReadValues(in this)[index];
        return index >= 0;
    }

    /// <summary>Writes one line "name: value" for each counter, each with a prefix.</summary>
    public readonly void Write(TextWriter writer, string prefix = "")
    {
        ReadOnlySpan<ulong> values = ReadValues(in this);
        for (int i = 0; i < values.Length; i++)
        {
            writer.Write(prefix);
            writer.Write(s_names[i]);
            writer.Write(": ");
            writer.Write(values[i].ToString(CultureInfo.InvariantCulture));
            writer.Write('\n');
        }
    }

    /// <summary>The counters as text, one line "name: value" each.</summary>
    public override readonly string ToString()
    {
        using StringWriter writer = new(CultureInfo.InvariantCulture);
        Write(writer);
        return writer.ToString();
    }

    /// <summary>Reads lines "name: value"; counters that are not named stay 0, blank lines are skipped.</summary>
    /// <exception cref="FormatException">A line has no counter's name, no number, or names a counter twice; the message has the line's number.</exception>
    public static DmaWork Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        DmaWork work = default;
        ulong seen = 0;
        int number = 0;
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            number++;
            if (line.IsWhiteSpace())
            {
                continue;
            }

            int index = work.ParseLine(line, number);
            if ((seen >> index & 1) != 0)
            {
                throw new FormatException($"Line {number}: counter '{s_names[index]}' is given twice.");
            }

            seen |= 1UL << index;
        }

        return work;
    }

    /// <summary>Reads one line "name: value" and returns the counter's index.</summary>
    internal int ParseLine(ReadOnlySpan<char> line, int number)
    {
        int colon = line.IndexOf(':');
        if (colon < 0)
        {
            throw new FormatException($"Line {number}: '{line}' has no ':'; expected 'name: value'.");
        }

        string name = line[..colon].Trim().ToString();
        int index = Array.IndexOf(s_names, name);
        if (index < 0)
        {
            throw new FormatException($"Line {number}: '{name}' is no counter; the counters are {string.Join(", ", s_names)}.");
        }

        if (!ulong.TryParse(line[(colon + 1)..].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out ulong value))
        {
            throw new FormatException($"Line {number}: '{line[(colon + 1)..].Trim()}' is no whole number of 0 or more.");
        }

        Values[index] = value;
        return index;
    }

    /// <inheritdoc/>
    public readonly bool Equals(DmaWork other) => ReadValues(in this).SequenceEqual(ReadValues(in other));

    /// <inheritdoc/>
    public override readonly bool Equals(object? obj) => obj is DmaWork other && Equals(other);

    /// <inheritdoc/>
    public override readonly int GetHashCode()
    {
        HashCode hash = default;
        foreach (ulong value in ReadValues(in this))
        {
            hash.Add(value);
        }

        return hash.ToHashCode();
    }

    internal static ReadOnlySpan<ulong> ReadValues(in DmaWork work) =>
        MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<DmaWork, ulong>(ref Unsafe.AsRef(in work)), s_names.Length);
}
