using System.Text.Json;

namespace XeSvm.Cli.Tests;

public sealed class InfoTests
{
    [Fact]
    public void The_backend_its_reason_the_device_and_the_cpu_fault_mode_are_shown()
    {
        CliRun run = CliRun.Of("info", "--backend", "software");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("Backend     software, because the program or its command line asks for it", run.Output, StringComparison.Ordinal);
        Assert.All(["software:0", "CPU faults", "IOMMU       strict", "copy0@gt0", "vram", "8 GiB"], text =>
            Assert.Contains(text, run.Output, StringComparison.Ordinal));
        Assert.DoesNotContain('\u001b', run.Output);
    }

    [Fact]
    public void Json_has_the_same_facts()
    {
        CliRun run = CliRun.Of("info", "--backend", "software", "--json");

        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement root = document.RootElement;
        Assert.Equal(("xesvm.info/1", "software"), (root.GetProperty("schema").GetString(), root.GetProperty("backend").GetString()));
        Assert.True(root.GetProperty("cpuFaults").GetString() is "full" or "user-mode-only" or "coherent");
        Assert.Equal(48, root.GetProperty("device").GetProperty("virtualAddressBits").GetInt32());
        Assert.Equal(2, root.GetProperty("memoryRegions").GetArrayLength());
        Assert.True(root.GetProperty("statisticsAvailable").GetBoolean());
    }
}
