using System.Diagnostics;

namespace XeSvm.Cli.Tests;

/// <summary>The samples do what they say, as programs of their own.</summary>
public class SampleTests
{
    [Theory]
    [InlineData("dual-bmg", "pcie-p2p, distance 4", "pcie-p2p.accessed_bytes")]
    [InlineData("quad-fabric-virtual", "fabric-virtual, distance 1", "fabric-virtual.migrated_bytes: 2097152")]
    [InlineData("pair-isolated", "none, distance -1", "every update is there, by way of system memory")]
    public void Two_GPUs_share_one_buffer(string device, string way, string proof)
    {
        (int code, string output) = Run("TwoGpusOneBuffer", device);
        Assert.True(code == 0, output);
        Assert.Contains(way, output, StringComparison.Ordinal);
        Assert.Contains(proof, output, StringComparison.Ordinal);
        Assert.Contains("counted 17 times, 100 by the first GPU, 200 by the second", output, StringComparison.Ordinal);
    }

    [Fact]
    public void With_one_GPU_the_sample_says_what_it_needs()
    {
        (int code, string output) = Run("TwoGpusOneBuffer", "bmg");
        Assert.Equal(3, code);
        Assert.Contains("needs two GPUs", output, StringComparison.Ordinal);
    }

    private static (int Code, string Output) Run(string sample, string device)
    {
        // Next to this assembly's own folder: artifacts/bin/<project>/<configuration>.
        string own = AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar);
        string bin = Path.GetDirectoryName(Path.GetDirectoryName(own))!;
        string program = Path.Combine(bin, sample, Path.GetFileName(own), $"{sample}.dll");
        ProcessStartInfo start = new("dotnet", [program]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["XESVM_BACKEND"] = "software";
        start.Environment["XESVM_DEVICE"] = device;
        start.Environment["XESVM_VRAM_BYTES"] = "67108864";
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
