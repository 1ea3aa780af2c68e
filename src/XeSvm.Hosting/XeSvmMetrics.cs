using System.Diagnostics;
using System.Diagnostics.Metrics;
using XeSvm.Hosting.Statistics;
using XeSvm.Interop;

namespace XeSvm.Hosting;

/// <summary>
/// The instruments of meter <c>XeSvm</c>. Migrations, faults and memory come from the driver's own statistics, so they cover every process that
/// uses the device; binds and errors are those of this process.
/// </summary>
public sealed class XeSvmMetrics
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "XeSvm";

    internal const string HardwareId = "hw.id";
    internal const string Gt = "xesvm.gt";
    internal const string Direction = "xesvm.direction";
    internal const string PageSize = "xesvm.page_size";
    internal const string Phase = "xesvm.phase";
    internal const string DmaPath = "xesvm.dma_path";
    internal const string Outcome = "xesvm.outcome";
    internal const string Operation = "xesvm.operation";
    internal const string ErrorType = "error.type";

    private const string NoError = "none";

    private readonly Counter<long> _ioctlErrors;
    private readonly Counter<long> _bindOperations;
    private readonly Histogram<double> _bindDuration;
    private IXeStatisticsSource? _source;

    /// <summary>Makes the instruments.</summary>
    /// <param name="factory">Makes the meter, and owns it.</param>
    public XeSvmMetrics(IMeterFactory factory)
    {
        ArgumentNullException.ThrowIfNull(factory);
        Meter meter = factory.Create(new MeterOptions(MeterName) { Version = typeof(XeSvmMetrics).Assembly.GetName().Version?.ToString(3) });
        foreach (ObservedMetric metric in ObservedMetrics.All)
        {
            metric.Create(meter, () => Volatile.Read(ref _source)?.Read() ?? []);
        }

        _ioctlErrors = meter.CreateCounter<long>(IoctlErrors.Name, IoctlErrors.Unit, IoctlErrors.Description);
        _bindOperations = meter.CreateCounter<long>(BindOperations.Name, BindOperations.Unit, BindOperations.Description);
        _bindDuration = meter.CreateHistogram(
            BindDuration.Name,
            BindDuration.Unit,
            BindDuration.Description,
            tags: null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = BindDuration.Buckets });
    }

    /// <summary>All instruments, for documentation and exporters.</summary>
    public static IReadOnlyList<MetricDescription> Descriptions =>
        [.. ObservedMetrics.All.Select(metric => metric.Description), BindOperations, BindDuration, IoctlErrors];

    private static MetricDescription IoctlErrors { get; } = new(
        "xesvm.ioctl.errors", MetricKind.Counter, "{error}", "Calls of this process that the driver refused.", Operation, ErrorType);

    private static MetricDescription BindOperations { get; } = new(
        "xesvm.bind.operations", MetricKind.Counter, "{operation}", "VM_BIND calls of this process.", Operation, ErrorType);

    private static MetricDescription BindDuration { get; } = new(
        "xesvm.bind.duration", MetricKind.Histogram, "s", "Time of VM_BIND calls of this process, waiting for their fences not included.", Operation)
    {
        // A bind of one page takes a few microseconds; a prefetch that moves gigabytes, seconds.
        Buckets = [1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 0.1, 1],
    };

    /// <summary>Whether anybody listens to the binds, so that timing them is worth it.</summary>
    internal bool MetersBinds => _bindDuration.Enabled || _bindOperations.Enabled;

    /// <summary>Lets the observed instruments read from a source; another one takes the place of the last.</summary>
    /// <param name="source">The source.</param>
    public void Observe(IXeStatisticsSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        Volatile.Write(ref _source, source);
    }

    /// <summary>Counts a call that the driver refused.</summary>
    internal void CountError(string operation, int errno)
    {
        if (_ioctlErrors.Enabled)
        {
            _ioctlErrors.Add(1, new KeyValuePair<string, object?>(Operation, operation), new KeyValuePair<string, object?>(ErrorType, Errno.Name(errno)));
        }
    }

    /// <summary>Records a VM_BIND.</summary>
    internal void RecordBind(string operation, int errno, TimeSpan duration)
    {
        KeyValuePair<string, object?> operationTag = new(Operation, operation);
        _bindOperations.Add(1, operationTag, new KeyValuePair<string, object?>(ErrorType, errno == 0 ? NoError : Errno.Name(errno)));
        _bindDuration.Record(duration.TotalSeconds, operationTag);
    }
}
