using System.Globalization;
using XeSvm.Hosting.Statistics;
using XeSvm.Statistics;

namespace XeSvm.Hosting;

/// <summary>The instruments that are read from the devices. A series whose counter the driver does not have is absent, never 0.</summary>
internal static class ObservedMetrics
{
    private const string ToDevice = "to_device";
    private const string ToSystem = "to_system";
    private const string OtherSize = "other";
    private const double SecondsPerMicrosecond = 1e-6;
    private const int BytesPerKilobyte = 1024;
    private const int KilobytesPerPage = 4;

    private static readonly (string Phase, SvmCounter Counter)[] s_phases =
    [
        ("get_pages", SvmCounter.GetPagesMicroseconds),
        ("copy", SvmCounter.DeviceCopyMicroseconds),
        ("bind", SvmCounter.BindMicroseconds),
    ];

    /// <summary>All of them.</summary>
    internal static IReadOnlyList<ObservedMetric> All { get; } =
    [
        new(new("xesvm.migration.io", MetricKind.Counter, "By", "Bytes copied between system memory and VRAM for SVM; page_size other: copies of any other length.", XeSvmMetrics.HardwareId, XeSvmMetrics.Gt, XeSvmMetrics.Direction, XeSvmMetrics.PageSize),
            device => Copied(device, BytesPerKilobyte)),
        new(new("xesvm.migration.pages", MetricKind.Counter, "{page}", "The same in pages of 4 KiB.", XeSvmMetrics.HardwareId, XeSvmMetrics.Gt, XeSvmMetrics.Direction, XeSvmMetrics.PageSize),
            device => Copied(device, 1.0 / KilobytesPerPage)),
        new(new("xesvm.migration.count", MetricKind.Counter, "{migration}", "Migrations to the device that a GPU fault began.", XeSvmMetrics.HardwareId, XeSvmMetrics.Gt, XeSvmMetrics.PageSize),
            device => PerSize(device, SvmCounter.MigrateCount, 1)),
        new(new("xesvm.migration.time", MetricKind.Counter, "s", "Time of these migrations, the copy included.", XeSvmMetrics.HardwareId, XeSvmMetrics.Gt, XeSvmMetrics.PageSize),
            device => PerSize(device, SvmCounter.MigrateMicroseconds, SecondsPerMicrosecond)),
        new(new("xesvm.migration.cpu.time", MetricKind.Counter, "s", "Time of fault handling by phase. Phase map is the migrate time outside the copy: what the dma-map path makes dearer or cheaper.", XeSvmMetrics.HardwareId, XeSvmMetrics.Gt, XeSvmMetrics.PageSize, XeSvmMetrics.Phase, XeSvmMetrics.DmaPath),
            Phases),
        new(new("xesvm.fault.count", MetricKind.Counter, "{fault}", "GPU page faults on SVM ranges; outcome valid: the range was mapped already.", XeSvmMetrics.HardwareId, XeSvmMetrics.Gt, XeSvmMetrics.PageSize, XeSvmMetrics.Outcome),
            Faults),
        new(new("xesvm.fault.time", MetricKind.Counter, "s", "Time from a fault's handling to its end.", XeSvmMetrics.HardwareId, XeSvmMetrics.Gt, XeSvmMetrics.PageSize),
            device => PerSize(device, SvmCounter.PagefaultMicroseconds, SecondsPerMicrosecond)),
        new(new("xesvm.tlb.invalidations", MetricKind.Counter, "{invalidation}", "Invalidations of GPU translations because CPU mappings changed.", XeSvmMetrics.HardwareId, XeSvmMetrics.Gt),
            device => device.Gts.Where(gt => gt.Counters.TlbInvalidations is not null).Select(gt => new SeriesValue(gt.Counters.TlbInvalidations!.Value, device.HardwareId, Id(gt)))),
        new(new("hw.gpu.memory.usage", MetricKind.UpDownCounter, "By", "VRAM in use.", XeSvmMetrics.HardwareId, "hw.name", "hw.vendor", "xesvm.region"),
            device => Memory(device, region => region.UsedSize)),
        new(new("hw.gpu.memory.limit", MetricKind.UpDownCounter, "By", "VRAM of the device.", XeSvmMetrics.HardwareId, "hw.name", "hw.vendor", "xesvm.region"),
            device => Memory(device, region => region.TotalSize)),
        new(new("xesvm.info", MetricKind.Gauge, "1", "Always 1; what the other figures were taken on. Figures of the software backend are not hardware figures.", XeSvmMetrics.HardwareId, "xesvm.backend", "kernel.release", "xesvm.iommu", XeSvmMetrics.DmaPath, "hw.name"),
            device => [new SeriesValue(1, device.HardwareId, device.Backend, device.KernelRelease, device.Iommu, device.Strategy, device.Name)]),
    ];

    private static string Id(XeGtReading gt) => gt.Id.ToString(CultureInfo.InvariantCulture);

    /// <summary>A size's name as the tag has it.</summary>
    private static string Name(SvmSizeClass size) => size.Name.ToLowerInvariant();

    private static IEnumerable<SeriesValue> PerSize(XeDeviceReading device, SvmCounter counter, double factor)
    {
        foreach (XeGtReading gt in device.Gts)
        {
            foreach (SvmSizeClass size in SvmCounters.Sizes)
            {
                if (gt.Counters.Of(size, counter) is { } value)
                {
                    yield return new SeriesValue(value * factor, device.HardwareId, Id(gt), Name(size));
                }
            }
        }
    }

    private static IEnumerable<SeriesValue> Copied(XeDeviceReading device, double factor)
    {
        foreach (XeGtReading gt in device.Gts)
        {
            foreach ((string direction, SvmCounter counter, long? total) in new[]
            {
                (ToDevice, SvmCounter.DeviceCopyKilobytes, gt.Counters.DeviceCopyKilobytes),
                (ToSystem, SvmCounter.CpuCopyKilobytes, gt.Counters.CpuCopyKilobytes),
            })
            {
                long named = 0;
                foreach (SvmSizeClass size in SvmCounters.Sizes)
                {
                    if (gt.Counters.Of(size, counter) is { } kilobytes)
                    {
                        named += kilobytes;
                        yield return new SeriesValue(kilobytes * factor, device.HardwareId, Id(gt), direction, Name(size));
                    }
                }

                if (total is { } all)
                {
                    // Total and sizes are not read at one moment; a copy that ends in between must not make a counter run backwards for long.
                    yield return new SeriesValue(Math.Max(0, all - named) * factor, device.HardwareId, Id(gt), direction, OtherSize);
                }
            }
        }
    }

    private static IEnumerable<SeriesValue> Phases(XeDeviceReading device)
    {
        foreach (XeGtReading gt in device.Gts)
        {
            foreach (SvmSizeClass size in SvmCounters.Sizes)
            {
                foreach ((string phase, SvmCounter counter) in s_phases)
                {
                    if (gt.Counters.Of(size, counter) is { } value)
                    {
                        yield return new SeriesValue(value * SecondsPerMicrosecond, device.HardwareId, Id(gt), Name(size), phase, device.Strategy);
                    }
                }

                if (gt.Counters.Of(size, SvmCounter.MigrateMicroseconds) is { } migrate
                    && gt.Counters.Of(size, SvmCounter.DeviceCopyMicroseconds) is { } copy)
                {
                    yield return new SeriesValue(
                        Math.Max(0, migrate - copy) * SecondsPerMicrosecond, device.HardwareId, Id(gt), Name(size), "map", device.Strategy);
                }
            }
        }
    }

    private static IEnumerable<SeriesValue> Faults(XeDeviceReading device)
    {
        foreach (XeGtReading gt in device.Gts)
        {
            foreach (SvmSizeClass size in SvmCounters.Sizes)
            {
                if (gt.Counters.Of(size, SvmCounter.PagefaultCount) is { } all && gt.Counters.Of(size, SvmCounter.ValidPagefaultCount) is { } valid)
                {
                    yield return new SeriesValue(valid, device.HardwareId, Id(gt), Name(size), "valid");
                    yield return new SeriesValue(Math.Max(0, all - valid), device.HardwareId, Id(gt), Name(size), "served");
                }
            }
        }
    }

    private static IEnumerable<SeriesValue> Memory(XeDeviceReading device, Func<XeMemoryRegion, ulong> bytes) => device.Memory
        .Where(region => region.MemoryClass == XeMemoryClass.Vram)
        .Select(region => new SeriesValue(
            bytes(region), device.HardwareId, device.Name, "Intel", region.Instance.ToString(CultureInfo.InvariantCulture)));
}
