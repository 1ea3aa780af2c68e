using System.Buffers;

namespace XeSvm;

/// <content>Prefetching of several ranges, and without waiting, in parts that can be cancelled.</content>
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

    /// <summary>Moves several ranges ahead of their use, one after the other, on a thread of the pool.</summary>
    /// <param name="ranges">The memory, of this VM.</param>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    /// <param name="cancellationToken">Ends the prefetch between two parts of 64 MiB; what was moved stays where it is.</param>
    /// <returns>Ends with <see cref="XeException"/> when the driver refused a part.</returns>
    /// <exception cref="ArgumentException">A range is of another VM; nothing was moved.</exception>
    public Task PrefetchAsync(ReadOnlySpan<SvmRange> ranges, MemoryLocation location, CancellationToken cancellationToken = default)
    {
        GpuRange[] copy = new GpuRange[ranges.Length];
        for (int index = 0; index < copy.Length; index++)
        {
            ArgumentNullException.ThrowIfNull(ranges[index], nameof(ranges));
            copy[index] = ReferenceEquals(ranges[index].Vm, this)
                ? ranges[index].Range
                : throw new ArgumentException($"The range {ranges[index]} is of VM {ranges[index].Vm.Id}, not of VM {Id}.", nameof(ranges));
        }

        return PrefetchAsync(new ReadOnlyMemory<GpuRange>(copy), location, cancellationToken);
    }

    /// <summary>Moves several ranges ahead of their use with one request to the driver.</summary>
    /// <param name="ranges">The memory, at least one range; each widened to whole pages.</param>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    /// <exception cref="XeException">The driver refused; ENOLINK when no way leads to another device that was named.</exception>
    public void Prefetch(ReadOnlySpan<GpuRange> ranges, MemoryLocation location)
    {
        XeResult result = TryPrefetch(ranges, location);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.VmBindPrefetch, $"prefetch of {ranges.Length} ranges to {location} in VM {Id}");
        }
    }

    /// <summary>Moves several ranges ahead of their use with one request to the driver, or says why not.</summary>
    /// <param name="ranges">The memory, at least one range; each widened to whole pages.</param>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    /// <returns>
    /// EINVAL also for a memory region that the device does not have; ENOLINK for another device that no way leads to, which is then not advised
    /// either.
    /// </returns>
    public XeResult TryPrefetch(ReadOnlySpan<GpuRange> ranges, MemoryLocation location)
    {
        if (location.IsBeyond(Device))
        {
            foreach (GpuRange range in ranges)
            {
                XeResult advised = TryAdvise(range, location);
                if (!advised.IsSuccess)
                {
                    return advised;
                }
            }

            location = MemoryLocation.Default;
        }

        XeBindOperation[] operations = ArrayPool<XeBindOperation>.Shared.Rent(ranges.Length);
        try
        {
            for (int index = 0; index < ranges.Length; index++)
            {
                operations[index] = XeBindOperation.Prefetch(ranges[index].ToPages(), location);
            }

            return TryBind(operations.AsSpan(0, ranges.Length));
        }
        finally
        {
            ArrayPool<XeBindOperation>.Shared.Return(operations, clearArray: true);
        }
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
