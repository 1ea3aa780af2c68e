using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace XeSvm.Cli.Tests.Readme;

/// <summary>The new user's path from the clone to the package. It builds everything again, so it runs only when it is asked for.</summary>
public sealed class NewUserPathTests
{
    private const string Variable = "XESVM_NEW_USER_PATH";

    [SkippableFact]
    public async Task A_new_user_gets_from_the_clone_to_a_program_of_their_own_within_the_time()
    {
        string? seconds = Environment.GetEnvironmentVariable(Variable);
        Skip.If(string.IsNullOrEmpty(seconds), $"It takes minutes and is part of './build.sh pack --check'; {Variable}=600 runs it here with a limit of 600 s.");
        ProcessStartInfo start = new("bash") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(Tests(), "new-user-path.sh"));
        start.ArgumentList.Add(seconds);
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();

        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.True(process.ExitCode == 0, output + await error);
        Assert.Contains("the package in a fresh project", output, StringComparison.Ordinal);
    }

    private static string Tests([CallerFilePath] string path = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "..", ".."));
}
