using System.Globalization;
using XeSvm.Interop;

namespace XeSvm.Measurement;

/// <summary>
/// What a backend says of itself in its debug file <c>backend</c>: lines of <c>name: value</c>. Everything that a figure's label needs is
/// asked here, so that no code has to know which backend it is on.
/// </summary>
public sealed class BackendReport
{
    /// <summary>The answer to a question that the backend does not answer.</summary>
    public const string NotReported = "not reported";

    /// <summary>The CPU-fault mode in which residency is bookkeeping only.</summary>
    public const string Coherent = "coherent";

    /// <summary>The kernel's names for domain types (<c>iommu_group/type</c>, iommu.c) in the words of the IOMMU modes.</summary>
    private static readonly Dictionary<string, string> s_domainTypes = new(StringComparer.Ordinal)
    {
        ["DMA"] = "strict",
        ["DMA-FQ"] = "lazy",
        ["identity"] = "passthrough",
    };

    private readonly Dictionary<string, string> _values;

    private BackendReport(List<KeyValuePair<string, string>> lines)
    {
        Lines = lines;
        _values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string name, string value) in lines)
        {
            _values.TryAdd(name, value);
        }
    }

    /// <summary>All lines in their order.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Lines { get; }

    /// <summary>How CPU touches of migrated memory are noticed.</summary>
    public string CpuFaults => Find("cpu_faults") ?? NotReported;

    /// <summary>Whether a CPU touch of migrated memory moves it back to system memory; not so in coherent mode.</summary>
    public bool CpuTouchesBringPagesHome => CpuFaults != Coherent;

    /// <summary>The IOMMU's mode: <c>strict</c>, <c>lazy</c>, <c>passthrough</c>, <c>off</c>, or <see cref="NotReported"/>.</summary>
    public string Iommu => Find("iommu") ?? s_domainTypes.GetValueOrDefault(Find("iommu_group_type") ?? "", NotReported);

    /// <summary>How system pages are mapped; <see cref="MappingStrategy.Kernel"/> when the backend offers no choice.</summary>
    public string Strategy => Find("strategy") ?? MappingStrategy.Kernel;

    /// <summary>How the pages of this process lie in physical memory.</summary>
    public string Layout => Find("layout") ?? NotReported;

    /// <summary>The IOMMU as the backend describes it.</summary>
    public IommuSettings IommuSettings => new(Iommu)
    {
        Walker = Find("iommu_walker"),
        Levels = int.TryParse(Find("iommu_levels"), NumberStyles.None, CultureInfo.InvariantCulture, out int levels) ? levels : null,
        CachingMode = Switch("iommu_caching_mode"),
        WriteBufferFlush = Switch("iommu_write_buffer_flush"),
        FlushRegression = Switch("iommu_flush_regression"),
    };

    /// <summary>Everything that a migration's work depends on, as the backend describes it.</summary>
    public MeasurementSetup Setup => new(Strategy, IommuSettings, Layout);

    /// <summary>Reads a device's report. One that cannot be read answers no question.</summary>
    /// <param name="device">The device.</param>
    public static BackendReport Read(XeDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        DrmDebugText text = device.ReadDebugFile("backend");
        return Parse(text.Text ?? "");
    }

    /// <summary>Reads a report's text; lines without a colon are passed over.</summary>
    /// <param name="text">The text.</param>
    public static BackendReport Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<KeyValuePair<string, string>> lines = [];
        foreach (string line in text.Split('\n'))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                lines.Add(new KeyValuePair<string, string>(line[..colon].Trim(), line[(colon + 1)..].Trim()));
            }
        }

        return new BackendReport(lines);
    }

    /// <summary>The value of a line, or <see langword="null"/>.</summary>
    /// <param name="name">The line's name.</param>
    public string? Find(string name) => _values.GetValueOrDefault(name);

    private bool? Switch(string name) => Find(name) switch
    {
        "on" => true,
        "off" => false,
        _ => null,
    };
}
