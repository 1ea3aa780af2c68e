using XeSvm.Statistics;

namespace XeSvm.Hosting.Statistics;

/// <summary>The SVM counters of one GT at one moment, or how far they moved between two moments.</summary>
public sealed class SvmCounters
{
    private const long Absent = -1;

    /// <summary>The kernel's names, with the size's name in place of the star.</summary>
    private static readonly string[] s_names =
    [
        "svm_*_pagefault_count", "svm_*_valid_pagefault_count", "svm_*_pagefault_us", "svm_*_migrate_count", "svm_*_migrate_us",
        "svm_*_device_copy_us", "svm_*_device_copy_kb", "svm_*_cpu_copy_us", "svm_*_cpu_copy_kb", "svm_*_get_pages_us", "svm_*_bind_us",
    ];

    /// <summary>What is counted over all sizes, copies of other sizes included.</summary>
    private static readonly string[] s_totalNames = ["svm_device_copy_kb", "svm_cpu_copy_kb", "svm_tlb_inval_count"];

    private static readonly SvmSizeClass[] s_sizes = [SvmSizeClass.Size4K, SvmSizeClass.Size64K, SvmSizeClass.Size2M];

    private static readonly string[] s_allNames =
        [.. s_sizes.SelectMany(size => s_names.Select(name => name.Replace("*", size.Name, StringComparison.Ordinal))), .. s_totalNames];

    private readonly long[] _values;

    private SvmCounters(long[] values) => _values = values;

    /// <summary>The sizes, smallest first.</summary>
    public static IReadOnlyList<SvmSizeClass> Sizes => s_sizes;

    /// <summary>KiB copied to the device in all sizes, or <see langword="null"/> when the driver does not count them.</summary>
    public long? DeviceCopyKilobytes => ValueAt(TotalsStart);

    /// <summary>KiB copied to system memory in all sizes, or <see langword="null"/>.</summary>
    public long? CpuCopyKilobytes => ValueAt(TotalsStart + 1);

    /// <summary>Invalidations of GPU translations that SVM asked for, or <see langword="null"/>.</summary>
    public long? TlbInvalidations => ValueAt(TotalsStart + 2);

    private static int TotalsStart => s_sizes.Length * s_names.Length;

    /// <summary>Takes the SVM counters out of a GT's statistics.</summary>
    /// <param name="statistics">The statistics.</param>
    public static SvmCounters From(GtStatistics statistics)
    {
        ArgumentNullException.ThrowIfNull(statistics);
        long[] values = new long[s_allNames.Length];
        for (int index = 0; index < values.Length; index++)
        {
            values[index] = statistics.Snapshot.TryGet(s_allNames[index], out Counter counter) && counter.Value <= long.MaxValue
                ? (long)counter.Value
                : Absent;
        }

        return new SvmCounters(values);
    }

    /// <summary>A counter of one size, or <see langword="null"/> when the driver does not have it.</summary>
    /// <param name="size">The size; one of <see cref="Sizes"/>.</param>
    /// <param name="counter">The counter.</param>
    public long? Of(SvmSizeClass size, SvmCounter counter)
    {
        ArgumentNullException.ThrowIfNull(size);
        int index = Array.IndexOf(s_sizes, size);
        return ValueAt((index * s_names.Length) + (int)counter);
    }

    /// <summary>
    /// How far the counters moved since an earlier reading, or <see langword="null"/> when one of them ran backwards: the statistics were reset
    /// in between.
    /// </summary>
    /// <param name="earlier">The earlier reading.</param>
    public SvmCounters? Since(SvmCounters earlier)
    {
        ArgumentNullException.ThrowIfNull(earlier);
        long[] moved = new long[_values.Length];
        for (int index = 0; index < moved.Length; index++)
        {
            if (_values[index] == Absent || earlier._values[index] == Absent)
            {
                moved[index] = Absent;
                continue;
            }

            moved[index] = _values[index] - earlier._values[index];
            if (moved[index] < 0)
            {
                return null;
            }
        }

        return new SvmCounters(moved);
    }

    private long? ValueAt(int index) => _values[index] == Absent ? null : _values[index];
}
