namespace XeSvm;

/// <content>Prefetching without waiting, in parts that can be cancelled.</content>
public sealed partial class XeVm
{
    /// <summary>
    /// What one request moves at most: a cancellation is noticed between two requests. A multiple of the largest SVM range, so that none
    /// is split.
    /// </summary>
    private const ulong PrefetchPart = 64UL << 20;

    /// <summary>Moves memory ahead of its use, on a thread of the pool: the driver moves it inside the request.</summary>
    /// <param name="range">The memory; widened to whole pages.</param>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    /// <param name="cancellationToken">Ends the prefetch between two parts of 64 MiB; what was moved stays where it is.</param>
    /// <returns>Ends with <see cref="XeException"/> when the driver refused a part.</returns>
    public Task PrefetchAsync(GpuRange range, MemoryLocation location, CancellationToken cancellationToken = default) =>
        PrefetchAsync(new ReadOnlyMemory<GpuRange>([range]), location, cancellationToken);

    /// <summary>Moves several ranges ahead of their use, one after the other, on a thread of the pool.</summary>
    /// <param name="ranges">The memory; each widened to whole pages.</param>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    /// <param name="cancellationToken">Ends the prefetch between two parts of 64 MiB; what was moved stays where it is.</param>
    /// <returns>Ends with <see cref="XeException"/> when the driver refused a part.</returns>
    public Task PrefetchAsync(ReadOnlyMemory<GpuRange> ranges, MemoryLocation location, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_handle.IsDisposed, this);
        return Task.Run(
            () =>
            {
                foreach (GpuRange range in ranges.Span)
                {
                    PrefetchInParts(range.ToPages(), location, cancellationToken);
                }
            },
            cancellationToken);
    }

    private void PrefetchInParts(GpuRange pages, MemoryLocation location, CancellationToken cancellationToken)
    {
        ulong end = pages.Address + pages.Length;
        for (ulong start = pages.Address; start < end;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ulong length = Math.Min(PrefetchPart - start % PrefetchPart, end - start);
            Prefetch(new GpuRange(start, length), location);
            start += length;
        }
    }
}
