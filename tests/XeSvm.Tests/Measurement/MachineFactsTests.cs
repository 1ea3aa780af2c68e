using XeSvm.Interop;
using XeSvm.Measurement;

namespace XeSvm.Tests.Measurement;

public sealed class MachineFactsTests : IDisposable
{
    private readonly FakeMachine _machine = new();

    [Theory]
    [InlineData("DMA", "strict")]
    [InlineData("DMA-FQ", "lazy")]
    [InlineData("identity", "passthrough")]
    public void The_iommu_of_the_devices_own_group_is_told(string type, string mode)
    {
        MachinePaths paths = Machine();
        Write("sys/kernel/iommu_groups/14/type", type + "\n");
        Write("sys/kernel/iommu_groups/3/type", "identity\n");
        Link("sys/bus/pci/devices/0000:03:00.0/iommu_group", "../../../../kernel/iommu_groups/14");
        Link("sys/bus/pci/devices/0000:03:00.0/iommu", "../../../../devices/virtual/iommu/dmar0");
        Write("sys/class/iommu/dmar0/intel-iommu/cap", "d2008c40660462\n");
        Write("sys/class/iommu/dmar0/intel-iommu/ecap", "f050da\n");

        Dictionary<string, string> facts = MachineFacts.Read(Node("0000:03:00.0"), paths);

        Assert.Equal((type, mode, "14"), (facts["iommu.group_type"], facts["iommu.mode"], facts["iommu.group"]));
        Assert.Equal(("non-coherent", "off", "off"), (facts["iommu.walker"], facts["iommu.caching_mode"], facts["iommu.write_buffer_flush"]));
        Assert.Equal("dmar0", facts["iommu.units"]);
    }

    [Fact]
    public void A_type_that_is_not_known_is_kept_and_no_mode_is_guessed()
    {
        MachinePaths paths = Machine();
        Write("sys/kernel/iommu_groups/0/type", "DMA-NEW\n");
        Link("sys/bus/pci/devices/0000:03:00.0/iommu_group", "../../../../kernel/iommu_groups/0");

        Dictionary<string, string> facts = MachineFacts.Read(Node("0000:03:00.0"), paths);

        Assert.Equal("DMA-NEW", facts["iommu.group_type"]);
        Assert.DoesNotContain("iommu.mode", facts.Keys);
    }

    [Fact]
    public void A_device_without_a_group_has_no_iommu_in_front_of_it()
    {
        Dictionary<string, string> facts = MachineFacts.Read(Node("0000:03:00.0"), Machine());

        Assert.Equal(("off", "none"), (facts["iommu.mode"], facts["iommu.units"]));
        Assert.Equal(("0x8086:0xe20b", "16.0 GT/s PCIe", "8"), (facts["device.pci_id"], facts["device.link_speed"], facts["device.link_width"]));
    }

    [Fact]
    public void Kernel_memory_and_processor_are_told_and_nothing_of_the_machines_name()
    {
        Dictionary<string, string> facts = MachineFacts.Read(Node("0000:03:00.0"), Machine());

        Assert.Equal("7.2.0", facts["kernel.release"]);
        Assert.Equal("intel_iommu=on iommu.strict=1", facts["kernel.parameters"]);
        Assert.Equal(("madvise", "never"), (facts["thp.enabled"], facts["thp.64k"]));
        Assert.Equal(("A processor", "no", "performance", "tsc"), (facts["cpu.model"], facts["cpu.virtual_machine"], facts["cpu.governor"], facts["clock.source"]));
        Assert.DoesNotContain(facts.Values, value => value.Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public void A_machine_that_tells_nothing_gives_no_facts_and_no_error()
    {
        Assert.Equal(["clock.stopwatch_hz"], MachineFacts.Read(Node("0000:03:00.0"), _machine.Paths).Keys);
        Assert.Equal(["clock.stopwatch_hz"], MachineFacts.Read(null, _machine.Paths).Keys);
    }

    [Theory]
    [InlineData("0.10 0.20 0.30 1/100 4242\n", 0.10)]
    [InlineData("nonsense\n", null)]
    public void The_noise_check_sees_lost_time_and_the_load(string load, double? expected)
    {
        Write("proc/loadavg", load);

        RunNoise noise = NoiseCheck.Run(TimeSpan.FromMilliseconds(5), _machine.Paths);

        Assert.InRange(noise.LostShare, 0m, 1m);
        Assert.Equal((decimal?)expected, noise.LoadAverage);
        Assert.Equal(noise.LostShare <= 0.01m, noise.IsQuiet);
    }

    [Fact]
    public void A_loaded_machine_is_not_quiet()
    {
        Write("proc/loadavg", "1000.00 0.20 0.30 1/100 4242\n");

        RunNoise noise = NoiseCheck.Run(TimeSpan.FromMilliseconds(1), _machine.Paths);

        Assert.False(noise.IsQuiet);
        Assert.Contains("noisy", RunNoiseText.Of("The machine", noise), StringComparison.Ordinal);
    }

    public void Dispose() => _machine.Dispose();

    private static DrmNode Node(string address) => new("/dev/dri/renderD128", "xe", address, 128);

    private MachinePaths Machine()
    {
        Write("proc/sys/kernel/osrelease", "7.2.0\n");
        Write("proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC\n");
        Write("proc/cmdline", "BOOT_IMAGE=/vmlinuz root=UUID=secret intel_iommu=on iommu.strict=1 quiet\n");
        Write("proc/cpuinfo", "processor\t: 0\nmodel name\t: A processor\nflags\t\t: fpu vme\n");
        Write("proc/meminfo", "MemTotal:       32000000 kB\nMemFree: 1 kB\n");
        Write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
        Write("sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled", "always inherit madvise [never]\n");
        Write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
        Write("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
        Write("sys/bus/pci/devices/0000:03:00.0/vendor", "0x8086\n");
        Write("sys/bus/pci/devices/0000:03:00.0/device", "0xe20b\n");
        Write("sys/bus/pci/devices/0000:03:00.0/current_link_speed", "16.0 GT/s PCIe\n");
        Write("sys/bus/pci/devices/0000:03:00.0/current_link_width", "8\n");
        return _machine.Paths;
    }

    private void Write(string path, string text) => _machine.Write(path, text);

    private void Link(string path, string target) => _machine.Link(path, target);
}
