using System.Diagnostics;

namespace XeSvm.Cli.Tests.Browser;

/// <summary>Programs of the machine that look at what was drawn.</summary>
internal static class MachineProgram
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    /// <summary>The path of the first that is there, or null.</summary>
    internal static string? Find(params string[] names) => names
        .SelectMany(name => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(folder => Path.Combine(folder, name)))
        .FirstOrDefault(File.Exists);

    /// <summary>Runs a program and gives its output.</summary>
    internal static string Run(string path, params IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new(path, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(s_patience))
        {
            process.Kill(entireProcessTree: true);
            throw new InvalidOperationException($"{path} did not end within {s_patience}.");
        }

        return process.ExitCode == 0 ? output.Result : throw new InvalidOperationException($"{path} ended with {process.ExitCode}: {error.Result}");
    }
}
