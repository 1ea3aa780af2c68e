using System.Diagnostics;
using System.Text;

namespace XeSvm.Samples.Tests;

/// <summary>One run of a sample as its reader would run it: in a process of its own, from the folder that it was built into.</summary>
/// <param name="ExitCode">What it ended with.</param>
/// <param name="Output">What it printed.</param>
/// <param name="Error">What it printed as errors.</param>
internal sealed record SampleRun(int ExitCode, string Output, string Error)
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(3);

    /// <summary>The output's lines.</summary>
    internal string[] Lines => Output.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Runs a sample.</summary>
    /// <param name="name">The sample's project.</param>
    /// <param name="backend"><c>software</c> or <c>kernel</c>.</param>
    /// <param name="arguments">The command line.</param>
    internal static Task<SampleRun> Of(string name, string backend, params string[] arguments) => Of(name, backend, device: null, arguments);

    /// <summary>Runs a sample on the software backend.</summary>
    /// <param name="device">The machine (<c>XESVM_DEVICE</c>).</param>
    /// <param name="name">The sample's project.</param>
    internal static Task<SampleRun> On(string device, string name) => Of(name, "software", device, []);

    private static async Task<SampleRun> Of(string name, string backend, string? device, string[] arguments)
    {
        // artifacts/bin/XeSvm.Samples.Tests/release: a sample is two folders up and in one of the same configuration.
        DirectoryInfo own = new(AppContext.BaseDirectory);
        string program = Path.Combine(own.Parent!.Parent!.FullName, name, own.Name, $"{name}.dll");
        Assert.True(File.Exists(program), $"{program} was not built.");
        ProcessStartInfo start = new(Environment.ProcessPath!, [program, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
        start.Environment["XESVM_BACKEND"] = backend;
        foreach (string variable in (string[])["XESVM_DEVICE", "XESVM_FAULTS", "XESVM_PEER_POLICY", "XESVM_VRAM_BYTES"])
        {
            start.Environment.Remove(variable);
        }

        if (device is not null)
        {
            start.Environment["XESVM_DEVICE"] = device;
        }

        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{name} did not start.");
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        using CancellationTokenSource timeout = new(s_timeout);
        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new TimeoutException($"{name} has not ended after {s_timeout}. It printed: {await output}{await error}");
        }

        return new SampleRun(process.ExitCode, await output, await error);
    }
}
