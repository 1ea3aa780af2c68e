using System.Globalization;
using System.Reflection;
using System.Text;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using XeSvm.Measurement;

namespace XeSvm.Benchmarks.Reporting;

/// <summary>All tables of a run as one Markdown text: each under its description, the host ahead of them.</summary>
internal static class TableReport
{
    private const string Clock =
        "Times are measured on this host's clock; they are no times of a GPU. Column n: measured operations. Min: the best iteration. B/op: bytes taken from "
        + "the GC heap per operation, all threads together, at most. Allocated: MemoryDiagnoser's count of one round, in which the runtime may count some unused kilobytes.";

    /// <summary>Writes the tables.</summary>
    public static string Write(IReadOnlyList<Summary> summaries)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"\n# Benchmarks\n\n{Host()}\n");
        foreach (Summary summary in summaries)
        {
            if (summary.BenchmarksCases.Length == 0)
            {
                continue;
            }

            Type type = summary.BenchmarksCases[0].Descriptor.Type;
            string description = type.GetCustomAttribute<TableDescriptionAttribute>()?.Text
                ?? throw new InvalidOperationException($"{type.Name} does not say what its figures are.");
            text.Append(CultureInfo.InvariantCulture, $"\n## {type.Name}\n\n{description} {Clock}\n");
            AccumulationLogger table = new();
            MarkdownExporter.GitHub.ExportToLog(new Summary(
                summary.Title,
                summary.Reports,
                summary.HostEnvironmentInfo,
                summary.ResultsDirectoryPath,
                summary.LogFilePath,
                summary.TotalTime,
                CultureInfo.InvariantCulture,
                summary.ValidationErrors,
                summary.ColumnHidingRules), table);
            text.Append(TableOnly(table.GetLog()));
        }

        return text.ToString();
    }

    private static string Host()
    {
        RunHost host = HostInformation.Read();
        string load = File.ReadAllText("/proc/loadavg").Trim();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"Host: {host.Cpu}, {host.Processors} processors, Linux {host.Kernel}, {host.Runtime}; /proc/loadavg after the run: {load}.");
    }

    /// <summary>The exporter repeats the host above each table.</summary>
    private static string TableOnly(string markdown)
    {
        int start = markdown.IndexOf("\n|", StringComparison.Ordinal);
        return start < 0 ? markdown : markdown[start..].TrimEnd() + "\n";
    }
}
