using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using XeSvm.Benchmarks.Daemon;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Benchmarks.Torture;

namespace XeSvm.Benchmarks;

/// <summary>Runs the benchmarks that the arguments name, then writes all tables with what they were measured on.</summary>
internal static class Program
{
    private static readonly string[] s_questions = ["--help", "--list", "--info", "--version"];

    private static int Main(string[] args)
    {
        if (args is [TortureProgram.Verb, .. string[] rest])
        {
            return TortureProgram.Run(rest);
        }

        if (args is [EnduranceProgram.Verb, .. string[] others])
        {
            return EnduranceProgram.Run(others);
        }

        if (args is [SoakProgram.Verb, .. string[] soak])
        {
            return SoakProgram.RunAsync(soak).GetAwaiter().GetResult();
        }

        var configuration = new BenchmarkConfiguration();
        Summary[] summaries = [.. BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, configuration)];
        if (summaries.Length == 0)
        {
            return args.Any(argument => s_questions.Any(argument.StartsWith)) ? 0 : 1;
        }

        string tables = TableReport.Write(summaries);
        Console.Write(tables);
        File.WriteAllText(Path.Combine(configuration.ArtifactsPath, "tables.md"), tables);
        return summaries.All(summary => !summary.HasCriticalValidationErrors && summary.Reports.All(report => report.Success)) ? 0 : 1;
    }
}
