using XeSvm.Hosting;

namespace XeSvm.Daemon.Metrics;

/// <summary>The names that instruments have in Prometheus: the rules of the OpenTelemetry exporters.</summary>
internal static class PrometheusNames
{
    internal static string Of(MetricDescription metric)
    {
        string name = metric.Name.Replace('.', '_');
        name += metric.Unit switch
        {
            "By" => "_bytes",
            "s" => "_seconds",
            _ => "",
        };
        return metric.Kind == MetricKind.Counter ? name + "_total" : name;
    }

    internal static string OfTag(string tag) => tag.Replace('.', '_');

    internal static string OfKind(MetricKind kind) => kind switch
    {
        MetricKind.Counter => "counter",
        MetricKind.Histogram => "histogram",
        _ => "gauge",
    };
}
