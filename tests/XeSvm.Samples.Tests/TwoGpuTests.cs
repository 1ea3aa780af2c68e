namespace XeSvm.Samples.Tests;

/// <summary>The sample of two GPUs, over each kind of way between them.</summary>
public sealed class TwoGpuTests
{
    [Theory]
    [InlineData("dual-bmg", "pcie-p2p, distance 4", "pcie-p2p.accessed_bytes")]
    [InlineData("quad-fabric-virtual", "fabric-virtual, distance 1", "fabric-virtual.migrated_bytes: 2097152")]
    [InlineData("quad-fabric-physical", "fabric-physical, distance 1", "fabric-physical.accessed_bytes")]
    [InlineData("pair-isolated", "none, distance -1", "every update is there, by way of system memory")]
    public async Task Two_GPUs_share_one_buffer(string device, string way, string proof)
    {
        SampleRun run = await SampleRun.On(device, "TwoGpusOneBuffer");

        Assert.True(run.ExitCode == 0, run.Output + run.Error);
        Assert.Contains(way, run.Output, StringComparison.Ordinal);
        Assert.Contains(proof, run.Output, StringComparison.Ordinal);
        Assert.Contains("counted 17 times, 100 by the first GPU, 200 by the second", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_one_GPU_the_sample_says_what_it_needs()
    {
        SampleRun run = await SampleRun.On("bmg", "TwoGpusOneBuffer");

        Assert.Equal(3, run.ExitCode);
        Assert.Contains("needs two GPUs", run.Error, StringComparison.Ordinal);
    }
}
