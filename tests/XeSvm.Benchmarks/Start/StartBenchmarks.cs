using System.Diagnostics;
using BenchmarkDotNet.Attributes;
using XeSvm.Benchmarks.Reporting;

namespace XeSvm.Benchmarks.Start;

/// <summary>What the program costs that does next to nothing.</summary>
[TableDescription(
    "xesvm info on the software backend, from the start of the process to its end. Native: the program of './build.sh pack', which must have been made before; without it there is no such "
    + "row. JIT: the program of './build.sh build'.")]
public class StartBenchmarks
{
    private const string Native = "native";
    private const string Jit = "JIT";

    private static readonly string s_artifacts = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", ".."));

    private ProcessStartInfo? _start;

    /// <summary>Which program.</summary>
    [ParamsSource(nameof(Kinds))]
    public string Kind { get; set; } = Jit;

    /// <summary>The programs that are there.</summary>
    public static IEnumerable<string> Kinds => new[] { Native, Jit }.Where(kind => File.Exists(PathOf(kind)));

    /// <summary>Makes the command.</summary>
    [GlobalSetup]
    public void Setup() => _start = new ProcessStartInfo(PathOf(Kind), ["info", "--backend", "software"]) { RedirectStandardOutput = true };

    /// <summary>One run.</summary>
    [Benchmark]
    public void Info()
    {
        using Process process = Process.Start(_start!)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0 || !output.Contains("software:0", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"{_start!.FileName} ended with {process.ExitCode} and wrote '{output}'.");
        }
    }

    private static string PathOf(string kind) => kind == Native
        ? Path.Combine(s_artifacts, "package", "linux-x64", "xesvm")
        : Path.Combine(s_artifacts, "bin", "XeSvm.Cli", "release", "xesvm");
}
