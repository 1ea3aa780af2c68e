using XeSvm.Statistics;

namespace XeSvm.Management;

/// <summary>The counters of SVM of all GTs whose statistics can be read, as sums since the driver was loaded or the statistics were cleared.</summary>
internal struct SvmCounters
{
    /// <summary>Whether at least one GT's statistics could be read.</summary>
    internal bool IsKnown;

    /// <summary><c>svm_pagefault_count</c>.</summary>
    internal ulong Faults;

    /// <summary><c>svm_device_copy_kb</c>, in bytes.</summary>
    internal ulong ToDeviceBytes;

    /// <summary><c>svm_cpu_copy_kb</c>, in bytes.</summary>
    internal ulong ToSystemBytes;

    /// <summary>Reads the statistics.</summary>
    internal static SvmCounters Read(XeDevice device)
    {
        SvmCounters sum = default;
        for (int gt = 0; gt < device.Gts.Count; gt++)
        {
            if (!device.TryReadGtStatistics(device.Gts[gt].Id, out GtStatistics? statistics, out _))
            {
                continue;
            }

            sum.IsKnown = true;
            sum.Faults += Value(statistics, "svm_pagefault_count");
            sum.ToDeviceBytes += Value(statistics, "svm_device_copy_kb") << 10;
            sum.ToSystemBytes += Value(statistics, "svm_cpu_copy_kb") << 10;
        }

        return sum;
    }

    /// <summary>How far a counter moved; one that ran backwards was cleared meanwhile, and began at 0.</summary>
    internal static ulong Moved(ulong before, ulong now) => now >= before ? now - before : now;

    private static ulong Value(GtStatistics statistics, string name) =>
        statistics.Snapshot.TryGet(name, out Counter counter) ? counter.Value : 0;
}
