using System.Diagnostics;
using System.Globalization;
using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Fuzz;

/// <summary>
/// Random sequences with a new seed, in a process of their own beside the other tests. XESVM_FUZZ_SECONDS says how long all runs take together.
/// </summary>
public sealed class FuzzProcessTests(ITestOutputHelper output)
{
    private const int DefaultSeconds = 60;

    /// <summary>Side by side, as waiting for each by itself would take all of the time that the other tests need.</summary>
    [Fact]
    public Task Random_sequences_do_no_harm() => Task.WhenAll(RunAsync("auto", 1, 0.4), RunAsync("coherent", 1, 0.2), RunAsync("auto", 4, 0.4));

    private async Task RunAsync(string cpuFaults, int threads, double share)
    {
        int seconds = Math.Max(1, (int)(Seconds() * share));
        string folder = Path.Combine(Path.GetTempPath(), $"xesvm-fuzz-{Environment.ProcessId}-{Guid.NewGuid():n}");
        var start = new ProcessStartInfo("dotnet")
        {
            ArgumentList =
            {
                Path.Combine(AppContext.BaseDirectory, "XeSvm.Fuzz.dll"), "run", "--cpu-faults", cpuFaults,
                "--threads", threads.ToString(CultureInfo.InvariantCulture), "--seconds", seconds.ToString(CultureInfo.InvariantCulture), "--patience", "300", "--out", folder,
            },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        process.PriorityClass = ProcessPriorityClass.BelowNormal;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string text = await process.StandardOutput.ReadToEndAsync() + await errors;
        await process.WaitForExitAsync();
        output.WriteLine(text);
        Assert.True(process.ExitCode == 0, $"{text}\n{string.Join('\n', Finds(folder))}");
        Assert.Contains("not refused", text, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>What the run has written down of what it found.</summary>
    private static IEnumerable<string> Finds(string folder) =>
        Directory.GetFiles(folder, "*.txt").Where(file => Path.GetFileName(file) is "hang.txt" or ['f', 'i', 'n', 'd', ..]).Select(File.ReadAllText);

    private static int Seconds() =>
        Environment.GetEnvironmentVariable("XESVM_FUZZ_SECONDS") is { Length: > 0 } text
            ? int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture)
            : DefaultSeconds;
}
