using System.Diagnostics;

namespace XeSvm.Hosting.Tests;

public sealed class SampleTests
{
    [Fact]
    public async Task The_sample_service_runs_says_its_backend_and_ends()
    {
        ProcessStartInfo start = new("dotnet", [Path.Combine(AppContext.BaseDirectory, "HostedApp.dll")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["XESVM_BACKEND"] = "software";
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.True(process.ExitCode == 0, await error);
        Assert.Contains("software backend, software:0: XESVM_BACKEND=software asks for it", await output, StringComparison.Ordinal);
        Assert.Contains("The GPU stored 42", await output, StringComparison.Ordinal);
    }
}
