using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Svm;

/// <summary>Which way a copy between VRAM and system memory goes; counted apart.</summary>
internal enum CopyDirection
{
    /// <summary>System memory to VRAM: the device_copy counters.</summary>
    ToDevice,

    /// <summary>VRAM to system memory: the cpu_copy counters.</summary>
    ToSystem,
}

/// <summary>Times and copies as the SVM code counts them (xe_svm.c): whole microseconds, each sample truncated before it is added.</summary>
internal static class SvmStatistics
{
    public static void AddMicroseconds(this GtStatistics statistics, GtCounter counter, TimeSpan elapsed) =>
        statistics.Add(counter, Truncate(elapsed));

    public static void AddMicroseconds(this GtStatistics statistics, GtCounter counter4K, ulong bytes, TimeSpan elapsed) =>
        statistics.AddSized(counter4K, bytes, Truncate(elapsed));

    /// <summary>The time of one copy call over a segment, holes included in its length.</summary>
    public static void AddCopyTime(this GtStatistics statistics, CopyDirection direction, int pages, TimeSpan elapsed)
    {
        (GtCounter total, GtCounter sized) = direction == CopyDirection.ToDevice
            ? (GtCounter.SvmDeviceCopyUs, GtCounter.Svm4KDeviceCopyUs)
            : (GtCounter.SvmCpuCopyUs, GtCounter.Svm4KCpuCopyUs);
        statistics.AddMicroseconds(total, elapsed);
        statistics.AddMicroseconds(sized, (ulong)pages << PageConstants.PageShift, elapsed);
    }

    /// <summary>The amount of one copy job.</summary>
    public static void AddCopyJob(this GtStatistics statistics, CopyDirection direction, ulong bytes)
    {
        (GtCounter total, GtCounter sized) = direction == CopyDirection.ToDevice
            ? (GtCounter.SvmDeviceCopyKb, GtCounter.Svm4KDeviceCopyKb)
            : (GtCounter.SvmCpuCopyKb, GtCounter.Svm4KCpuCopyKb);
        statistics.Add(total, (long)(bytes >> 10));
        statistics.AddSized(sized, bytes, (long)(bytes >> 10));
    }

    private static long Truncate(TimeSpan elapsed) => elapsed.Ticks / TimeSpan.TicksPerMicrosecond;
}
