using System.Text;
using XeSvm.Daemon.Metrics;
using XeSvm.Hosting;

namespace XeSvm.Daemon.Documentation;

/// <summary>The metrics as a table.</summary>
internal static class MetricTables
{
    internal static string Markdown()
    {
        StringBuilder text = new("| OpenTelemetry | Prometheus | kind | unit | tags | meaning |\n|---|---|---|---|---|---|\n");
        foreach (MetricDescription metric in XeSvmMetrics.Descriptions.Concat(DaemonMetrics.Descriptions))
        {
            string tags = string.Join(", ", metric.Tags.Select(tag => $"`{tag}`"));
            text.Append($"| `{metric.Name}` | `{PrometheusNames.Of(metric)}` | {metric.Kind} | `{metric.Unit}` | {tags} | {metric.Description} |\n");
        }

        return text.ToString();
    }
}
