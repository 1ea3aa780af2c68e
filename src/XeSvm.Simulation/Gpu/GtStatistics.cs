using System.Globalization;
using System.Text;

namespace XeSvm.Simulation.Gpu;

/// <summary>The statistics of one GT: the text of <c>gt&lt;N&gt;/stats</c> in the kernel's debugfs folder (xe_gt_stats.c). Safe from any thread.</summary>
internal sealed class GtStatistics
{
    private const ulong Size4K = 4UL << 10;
    private const ulong Size64K = 64UL << 10;
    private const ulong Size2M = 2UL << 20;

    private readonly long[] _values = new long[GtCounterNames.Count];

    /// <summary>The value of a counter now.</summary>
    public long this[GtCounter counter] => Volatile.Read(ref _values[(int)counter]);

    /// <summary>Adds to a counter.</summary>
    public void Add(GtCounter counter, long amount) => Interlocked.Add(ref _values[(int)counter], amount);

    /// <summary>Adds to the counter of a size class; nothing when the size is not exactly 4 KiB, 64 KiB or 2 MiB.</summary>
    /// <param name="counter4K">The 4K counter of the group, such as <see cref="GtCounter.Svm4KMigrateUs"/>.</param>
    /// <param name="bytes">Size in bytes that selects the counter.</param>
    /// <param name="amount">What to add.</param>
    public void AddSized(GtCounter counter4K, ulong bytes, long amount)
    {
        if (TrySelect(counter4K, bytes, out GtCounter counter))
        {
            Add(counter, amount);
        }
    }

    /// <summary>The counter of a group that stands for exactly this size; false when there is none.</summary>
    public static bool TrySelect(GtCounter counter4K, ulong bytes, out GtCounter counter)
    {
        int step = bytes switch
        {
            Size4K => 0,
            Size64K => 1,
            Size2M => 2,
            _ => -1,
        };
        counter = counter4K + Math.Max(step, 0);
        return step >= 0;
    }

    /// <summary>Sets every counter to zero, as a write of true to the kernel's file does.</summary>
    public void Reset()
    {
        for (int index = 0; index < _values.Length; index++)
        {
            Volatile.Write(ref _values[index], 0);
        }
    }

    /// <summary>The text of the stats file: one line <c>name: value</c> per counter.</summary>
    public string Format()
    {
        var text = new StringBuilder(capacity: _values.Length * 40);
        for (int index = 0; index < _values.Length; index++)
        {
            text.Append(GtCounterNames.Of((GtCounter)index)).Append(": ")
                .Append(CultureInfo.InvariantCulture, $"{this[(GtCounter)index]}").Append('\n');
        }

        return text.ToString();
    }
}
