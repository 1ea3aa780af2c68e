namespace XeSvm.Hosting;

/// <summary>One instrument, as documentation and exporters need it.</summary>
/// <param name="Name">The name, in the OpenTelemetry form.</param>
/// <param name="Kind">The kind of instrument.</param>
/// <param name="Unit">The unit, in UCUM.</param>
/// <param name="Description">One sentence.</param>
/// <param name="Tags">The tags that every series has, in order.</param>
public sealed record MetricDescription(string Name, MetricKind Kind, string Unit, string Description, params IReadOnlyList<string> Tags)
{
    /// <summary>Upper bounds of a histogram's buckets; empty for the other kinds.</summary>
    public IReadOnlyList<double> Buckets { get; init; } = [];
}

/// <summary>Kinds of instruments.</summary>
public enum MetricKind
{
    /// <summary>Only grows.</summary>
    Counter,

    /// <summary>A sum that goes up and down.</summary>
    UpDownCounter,

    /// <summary>A value of the moment.</summary>
    Gauge,

    /// <summary>A distribution.</summary>
    Histogram,
}
