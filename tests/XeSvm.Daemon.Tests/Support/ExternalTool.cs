using System.Diagnostics;

namespace XeSvm.Daemon.Tests.Support;

/// <summary>Runs tools that a machine may have or not.</summary>
internal static class ExternalTool
{
    /// <summary>The path of a tool, or <see langword="null"/>.</summary>
    internal static string? Find(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(':')
        .Select(folder => Path.Combine(folder, name))
        .FirstOrDefault(File.Exists);

    /// <summary>Runs a tool to its end.</summary>
    internal static async Task<(int ExitCode, string Output)> RunAsync(string path, string? input, params IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new(path, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using System.Diagnostics.Process process = System.Diagnostics.Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input ?? "");
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await error);
    }
}
