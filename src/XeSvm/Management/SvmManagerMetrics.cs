using System.Diagnostics.Metrics;
using System.Globalization;
using XeSvm.Measurement;
using XeSvm.Statistics;

namespace XeSvm.Management;

/// <summary>
/// What a manager shows as metrics, on the meter <c>XeSvm.Manager</c>. The meter <c>XeSvm</c> of the hosting package shows the same figures of the
/// device under the same names and tags, with more of them, for a whole process: who collects both takes the device's from one. What the driver counts is read when somebody collects; what the manager does is
/// recorded when it is done. No tag holds an address, a name or a number of the program.
/// </summary>
internal sealed class SvmManagerMetrics : IDisposable
{
    private const string Name = "XeSvm.Manager";
    private const int IntelVendor = 0x8086;

    private static readonly InstrumentAdvice<double> s_durations = new()
    {
        HistogramBucketBoundaries = [1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1],
    };

    private readonly SvmManager _manager;
    private readonly Meter _meter;
    private readonly KeyValuePair<string, object?> _id;
    private readonly KeyValuePair<string, object?> _name;
    private readonly KeyValuePair<string, object?> _prefetch = new("xesvm.operation", "prefetch");
    private readonly Counter<long> _bindOperations;
    private readonly Histogram<double> _bindDuration;
    private readonly Counter<long> _errors;
    private readonly Counter<long> _movedOut;
    private readonly Counter<long> _leftOut;

    /// <summary>Makes the instruments.</summary>
    internal SvmManagerMetrics(SvmManager manager, IMeterFactory? factory)
    {
        _manager = manager;
        string version = typeof(SvmManagerMetrics).Assembly.GetName().Version?.ToString(3) ?? "";
        MeterOptions options = new(Name) { Version = version };
        _meter = factory is null ? new Meter(options) : factory.Create(options);
        DrmIdentity = manager.Device.Node.BusAddress is { Length: > 0 } address ? address : manager.Device.Node.Path;
        _id = new("hw.id", DrmIdentity);
        _name = new("hw.name", string.Create(CultureInfo.InvariantCulture, $"{IntelVendor:x4}:{manager.Device.Configuration.DeviceId:x4}"));
        _bindOperations = _meter.CreateCounter<long>("xesvm.bind.operations", "{operation}", "VM_BIND operations of the manager.");
        _bindDuration = _meter.CreateHistogram(
            "xesvm.bind.duration", "s", "Time of a VM_BIND request of the manager, its fence included.", tags: null, s_durations);
        _errors = _meter.CreateCounter<long>("xesvm.ioctl.errors", "{error}", "Requests of the manager that the driver refused.");
        _movedOut = _meter.CreateCounter<long>("xesvm.prefetch.moved_out", "By", "Memory that the manager moved out of VRAM to make room.");
        _leftOut = _meter.CreateCounter<long>("xesvm.prefetch.left_out", "By", "Memory that a prefetch left out as VRAM had no room.");
        CreateObservables();
    }

    /// <summary>The device's PCI address, or its node where it has none.</summary>
    private string DrmIdentity { get; }

    /// <summary>Ends the instruments.</summary>
    public void Dispose() => _meter.Dispose();

    /// <summary>A request of prefetches was answered.</summary>
    internal void Prefetched(TimeSpan duration, XeResult result, int operations)
    {
        _bindOperations.Add(operations, _id, _prefetch, new("error.type", result.IsSuccess ? "none" : result.ErrnoName));
        if (result.IsSuccess)
        {
            _bindDuration.Record(duration.TotalSeconds, _id, _prefetch);
        }
    }

    /// <summary>A prefetch ended.</summary>
    internal void Placed(in SvmPrefetchOutcome outcome)
    {
        if (outcome.MovedOutBytes > 0)
        {
            _movedOut.Add((long)outcome.MovedOutBytes, _id);
        }

        if (outcome.LeftOutBytes > 0)
        {
            _leftOut.Add((long)outcome.LeftOutBytes, _id);
        }
    }

    /// <summary>A request was refused. The tag is its ioctl: the first word of what messages call it.</summary>
    internal void Refused(string operation, XeResult result) =>
        _errors.Add(1, _id, new("xesvm.operation", operation.Split(' ')[0].ToLowerInvariant()), new("error.type", result.ErrnoName));

    private void CreateObservables()
    {
        _meter.CreateObservableUpDownCounter("xesvm.range.count", () => Ranges(bytes: false), "{range}", "Blocks in the manager's account.");
        _meter.CreateObservableUpDownCounter("xesvm.range.size", () => Ranges(bytes: true), "By", "Memory in the manager's account.");
        _meter.CreateObservableCounter("xesvm.migration.io", () => Copies(unit: 1024), "By", "SVM copied, by the GT statistics.");
        _meter.CreateObservableCounter("xesvm.migration.pages", () => Copies(unit: 0), "{page}", "Pages of SVM copied, by the GT statistics.");
        _meter.CreateObservableCounter("xesvm.fault.count", Faults, "{fault}", "GPU faults on SVM, by the GT statistics.");
        _meter.CreateObservableUpDownCounter("hw.gpu.memory.usage", () => Vram(limit: false), "By", "VRAM in use.");
        _meter.CreateObservableUpDownCounter("hw.gpu.memory.limit", () => Vram(limit: true), "By", "VRAM.");
        _meter.CreateObservableGauge("xesvm.info", Information, "1", "What the manager works on.");
    }

    private Measurement<long>[] Ranges(bool bytes)
    {
        long[] sums = new long[4];
        foreach (PlacementBlock block in _manager.GetPlacement())
        {
            sums[block.IsOnDevice ? 2 : block.Location.IsDevice ? 3 : block.Location.IsSystem ? 1 : 0] += bytes ? (long)block.Range.Length : 1;
        }

        string[] names = ["default", "system", "device", "peer"];
        return [.. sums.Select((sum, index) => new Measurement<long>(sum, _id, new("xesvm.location", names[index])))];
    }

    /// <summary>What was copied in each direction: of jobs that are exactly one page size, and the rest as <c>other</c> (xe_svm.c).</summary>
    private List<Measurement<long>> Copies(long unit)
    {
        List<Measurement<long>> measurements = [];
        foreach ((int gt, CounterSnapshot counters) in Statistics())
        {
            foreach ((string counter, string direction) in ((string, string)[])[("device_copy_kb", "to_device"), ("cpu_copy_kb", "to_system")])
            {
                long named = 0;
                foreach (SvmSizeClass size in SvmSizeClass.All)
                {
                    if (counters.TryGet($"svm_{size}_{counter}", out Counter kilobytes))
                    {
                        named += (long)kilobytes.Value;
                        Add((long)kilobytes.Value, gt, direction, size.Name.ToLowerInvariant());
                    }
                }

                if (counters.TryGet($"svm_{counter}", out Counter total))
                {
                    Add(Math.Max((long)total.Value - named, 0), gt, direction, "other");
                }
            }
        }

        return measurements;

        void Add(long kilobytes, int gt, string direction, string size) => measurements.Add(new Measurement<long>(
            unit == 0 ? kilobytes / 4 : kilobytes * unit, _id, Gt(gt), new("xesvm.direction", direction), new("xesvm.page_size", size)));
    }

    private List<Measurement<long>> Faults()
    {
        List<Measurement<long>> measurements = [];
        foreach ((int gt, CounterSnapshot counters) in Statistics())
        {
            foreach (SvmSizeClass size in SvmSizeClass.All)
            {
                if (counters.TryGet($"svm_{size}_pagefault_count", out Counter all) && counters.TryGet($"svm_{size}_valid_pagefault_count", out Counter valid))
                {
                    Add((long)valid.Value, gt, "valid", size);
                    Add(Math.Max((long)all.Value - (long)valid.Value, 0), gt, "served", size);
                }
            }
        }

        return measurements;

        void Add(long count, int gt, string outcome, SvmSizeClass size) => measurements.Add(new Measurement<long>(
            count, _id, Gt(gt), new("xesvm.page_size", size.Name.ToLowerInvariant()), new("xesvm.outcome", outcome)));
    }

    private List<Measurement<long>> Vram(bool limit)
    {
        List<Measurement<long>> measurements = [];
        if (_manager.IsDeviceLost)
        {
            return measurements;
        }

        foreach (XeMemoryRegion region in _manager.Device.QueryMemoryRegions())
        {
            if (region.MemoryClass == XeMemoryClass.Vram)
            {
                measurements.Add(new Measurement<long>(
                    (long)(limit ? region.TotalSize : region.UsedSize),
                    _id,
                    _name,
                    new("hw.vendor", "Intel"),
                    new("xesvm.region", region.Instance.ToString(CultureInfo.InvariantCulture))));
            }
        }

        return measurements;
    }

    private Measurement<long> Information() => new(
        1,
        _id,
        new("xesvm.backend", _manager.Device.BackendName),
        new("xesvm.driver", _manager.Device.Node.Driver),
        new("xesvm.policy", _manager.Policy.Name),
        new("kernel.release", HostInformation.Read().Kernel),
        _name);

    private static KeyValuePair<string, object?> Gt(int gt) => new("xesvm.gt", gt.ToString(CultureInfo.InvariantCulture));

    /// <summary>The counters of the GTs whose statistics can be read. What a driver does not count is absent, never 0.</summary>
    private IEnumerable<(int Gt, CounterSnapshot Counters)> Statistics()
    {
        foreach (XeGt gt in _manager.Device.Gts)
        {
            if (_manager.Device.TryReadGtStatistics(gt.Id, out GtStatistics? statistics, out _))
            {
                yield return (gt.Id, statistics.Snapshot);
            }
        }
    }
}
