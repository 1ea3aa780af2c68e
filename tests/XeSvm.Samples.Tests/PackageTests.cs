using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace XeSvm.Samples.Tests;

/// <summary>The packages, installed as a stranger would. `./build.sh pack --check` does the same with NativeAOT and the tool, which take longer.</summary>
public sealed class PackageTests
{
    private static readonly string[] s_projects = ["XeSvm.Interop", "XeSvm.Simulation", "XeSvm"];

    [SkippableFact]
    public async Task A_fresh_project_outside_the_tree_installs_the_packages_and_runs_hello_svm()
    {
        DirectoryInfo packages = Directory.CreateTempSubdirectory("xesvm-packages-");
        try
        {
            foreach (string project in s_projects)
            {
                (int code, string output) = await Execute(
                    "dotnet",
                    "pack", Path.Combine(Root(), "src", project), "-c", Configuration(), "--no-build", "-v", "quiet", "-o", packages.FullName);
                Assert.True(code == 0, output);
            }

            string[] files = [.. packages.EnumerateFiles().Select(file => file.Name)];
            (int status, string text) = await Execute("bash", Path.Combine(Root(), "tests", "packages", "check.sh"), packages.FullName, "native", "jit");
            Skip.If(text.Contains("NU1301", StringComparison.Ordinal), "the package source cannot be reached");

            Assert.True(status == 0, text);
            Assert.Contains("native: passed for linux-", text, StringComparison.Ordinal);
            Assert.Contains("jit: passed with XeSvm", text, StringComparison.Ordinal);
            Assert.Equal(3, files.Count(name => name.EndsWith(".snupkg", StringComparison.Ordinal)));
        }
        finally
        {
            packages.Delete(recursive: true);
        }
    }

    private static string Configuration() => new DirectoryInfo(AppContext.BaseDirectory).Name == "debug" ? "Debug" : "Release";

    private static string Root([CallerFilePath] string path = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "..", ".."));

    private static async Task<(int Code, string Output)> Execute(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };

        // What the test runner sets for itself would make the inner build another one.
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("MSBuild", StringComparison.OrdinalIgnoreCase)).ToArray())
        {
            start.Environment.Remove(name);
        }

        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await error);
    }
}
