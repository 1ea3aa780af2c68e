using XeSvm.Interop;
using XeSvm.Measurement;

namespace XeSvm.Tests.Measurement;

public sealed class MachineDoctorTests : IDisposable
{
    private const string Gpu = "sys/bus/pci/devices/0000:03:00.0";
    private const string Configuration =
        "CONFIG_DRM_XE=m\nCONFIG_DRM_XE_GPUSVM=y\nCONFIG_DEVICE_PRIVATE=y\nCONFIG_DEBUG_FS=y\nCONFIG_USERFAULTFD=y\nCONFIG_TRANSPARENT_HUGEPAGE=y\n";

    private static readonly DrmNode s_node = new("/dev/dri/renderD128", "xe", "0000:03:00.0", 128);

    private readonly FakeMachine _machine = new();
    private (IReadOnlyList<DrmNode> Nodes, IReadOnlyList<string> Report) _search = ([s_node], []);
    private (BackendReport? Report, string? Problem) _software = (BackendReport.Parse("cpu_faults: full\ncpu_faults_reason: allowed.\n"), null);

    public MachineDoctorTests() => _machine
        .Write("proc/sys/kernel/osrelease", "7.2.0\n").WritePacked("proc/config.gz", Configuration)
        .Write("proc/mounts", "none /sys/kernel/debug debugfs rw 0 0\n").Write("sys/kernel/debug/dri/0000:03:00.0/gt0/stats", "svm_pagefault_count: 0\n")
        .Write("sys/module/xe/srcversion", "0\n").Write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n")
        .Write($"{Gpu}/vendor", "0x8086\n").Write($"{Gpu}/device", "0xe20b\n").Write($"{Gpu}/class", "0x030000\n")
        .Link($"{Gpu}/driver", "../../../../bus/pci/drivers/xe").Link($"{Gpu}/iommu_group", "../../../../kernel/iommu_groups/7")
        .Write("sys/kernel/iommu_groups/7/type", "DMA\n").Write("proc/meminfo", "MemAvailable:   16000000 kB\n").Write("proc/loadavg", "0.00 0.00 0.00 1/1 1\n")
        .Write("proc/self/limits", "Limit                     Soft Limit           Hard Limit           Units     \n" +
            "Max open files            1024                 1048576              files     \nMax address space         unlimited            unlimited            bytes     \n")
        .Write("proc/sys/vm/max_map_count", "65530\n").Write("proc/sys/vm/overcommit_memory", "0\n")
        .Write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");

    [Fact]
    public void A_machine_that_has_everything_has_nothing_to_mend()
    {
        IReadOnlyList<MachineFinding> findings = Examine();

        Assert.All(findings.Where(finding => finding.Check != "noise"), finding => Assert.Equal((FindingStatus.Good, null), (finding.Status, finding.Remedy)));
        Assert.Equal(
            ["kernel version", "kernel configuration", "xe driver", "GPU", "render nodes", "GT statistics", "IOMMU", "transparent huge pages", "userfaultfd", "limits", "memory", "noise", "processor clock"],
            findings.Select(finding => finding.Check));
        Assert.Contains("strict", Found("IOMMU").Found, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("proc/sys/kernel/osrelease", "6.14.11-arch1\n", "kernel version", "needs 6.15", "linux-image-amd64 # or any Linux from 6.15 on")]
    [InlineData("proc/sys/kernel/osrelease", "weird\n", "kernel version", "not a release", "install")]
    [InlineData("proc/mounts", "", "GT statistics", "debugfs is not mounted", "sudo mount -t debugfs none /sys/kernel/debug")]
    [InlineData("sys/kernel/iommu_groups/7/type", "identity\n", "IOMMU", "passthrough", "iommu=pt")]
    [InlineData("sys/kernel/iommu_groups/7/type", "DMA-NEW\n", "IOMMU", "DMA-NEW", "iommu")]
    [InlineData("sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n", "transparent huge pages", "off", "echo madvise | sudo tee")]
    [InlineData("proc/meminfo", "MemAvailable:   1000 kB\n", "memory", "0 MiB", "ps aux")]
    [InlineData("proc/meminfo", "nonsense\n", "memory", "cannot be told", "free -h")]
    [InlineData("proc/self/limits", "Max open files            64                 1048576              files     \n", "limits", "64 open files", "ulimit -n")]
    [InlineData("proc/self/limits", "Max address space         1000000            unlimited            bytes     \n", "limits", "1000000 bytes", "ulimit -v unlimited")]
    [InlineData("proc/sys/vm/max_map_count", "100\n", "limits", "100 mappings", "vm.max_map_count")]
    [InlineData("proc/sys/vm/overcommit_memory", "2\n", "limits", "never overcommitted", "vm.overcommit_memory=0")]
    [InlineData("proc/loadavg", "99.00 0.00 0.00 1/1 1\n", "noise", "noisy", "top")]
    [InlineData("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n", "processor clock", "powersave", "cpupower")]
    public void What_is_not_as_it_should_be_is_told_with_the_command_that_mends_it(string path, string text, string check, string found, string remedy)
    {
        _machine.Write(path, text);

        MachineFinding finding = Found(check);

        Assert.Equal(FindingStatus.Warning, finding.Status);
        Assert.Contains(found, finding.Found, StringComparison.Ordinal);
        Assert.Contains(remedy, finding.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_that_the_kernel_lacks_are_named_one_by_one()
    {
        _machine.WritePacked("proc/config.gz", "CONFIG_DRM_XE=y\n# CONFIG_DRM_XE_GPUSVM is not set\nCONFIG_DEVICE_PRIVATE=y\nCONFIG_DEBUG_FS=y\n");

        string[] found = [.. Examine().Where(finding => finding.Check == "kernel configuration").Select(finding => finding.Found.Split(' ')[0])];

        Assert.Equal(["CONFIG_DRM_XE_GPUSVM", "CONFIG_USERFAULTFD", "CONFIG_TRANSPARENT_HUGEPAGE"], found);
    }

    [Fact]
    public void The_configuration_may_lie_in_the_boot_folder_or_nowhere()
    {
        File.Delete(Path.Combine(_machine.Paths.Procfs, "config.gz"));
        Assert.Equal("sudo modprobe configs", Found("kernel configuration").Remedy);

        _machine.Write("boot/config-7.2.0", Configuration);
        Assert.Equal(FindingStatus.Good, Found("kernel configuration").Status);

        _machine.Write("proc/config.gz", "this is not packed");
        Assert.Equal(FindingStatus.Warning, Found("kernel configuration").Status);
    }

    [Fact]
    public void A_gpu_of_another_driver_and_a_node_without_permission_are_told()
    {
        File.Delete(Path.Combine(_machine.Paths.Sysfs, "bus", "pci", "devices", "0000:03:00.0", "driver"));
        _machine.Link($"{Gpu}/driver", "../../../../bus/pci/drivers/i915");
        _search = ([], ["/dev/dri/renderD128: EACCES (13): Permission denied; add the user to the group that owns the node, mostly render."]);

        Assert.Contains("driven by i915", Found("GPU").Found, StringComparison.Ordinal);
        Assert.Contains("It can have SVM", Found("GPU").Found, StringComparison.Ordinal);
        Assert.Contains("drivers/i915/unbind", Found("GPU").Remedy, StringComparison.Ordinal);
        Assert.Contains("usermod -aG render", Found("render nodes").Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0x9a49", "i915", null)]
    [InlineData("0x56a0", "i915", null)]
    [InlineData("0x56a0", "none", null)]
    [InlineData("0xe20b", "none", "sudo modprobe xe")]
    [InlineData("0xe20b", "vfio-pci", "echo 0000:03:00.0 | sudo tee /sys/bus/pci/drivers/vfio-pci/unbind")]
    public void A_gpu_that_can_have_no_svm_is_left_to_the_driver_that_works_for_it(string id, string driver, string? remedy)
    {
        File.Delete(Path.Combine(_machine.Paths.Sysfs, "bus", "pci", "devices", "0000:03:00.0", "driver"));
        _machine.Write($"{Gpu}/device", $"{id}\n");
        if (driver != "none")
        {
            _machine.Link($"{Gpu}/driver", $"../../../../bus/pci/drivers/{driver}");
        }

        MachineFinding finding = Found("GPU");

        Assert.Equal((FindingStatus.Warning, remedy is null), (finding.Status, finding.Remedy is null));
        Assert.Contains(remedy ?? "", finding.Remedy ?? "", StringComparison.Ordinal);
        Assert.Contains(remedy is null ? "before Xe2" : "can have SVM", finding.Found, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ID=debian\nVERSION_CODENAME=trixie\n", "apt-get install -t", "update-grub")]
    [InlineData("NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n", "linux-generic-hwe", "update-grub")]
    [InlineData("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "linux-generic-hwe", "update-grub")]
    [InlineData("ID=fedora\n", "dnf upgrade", "grubby")]
    [InlineData("ID=\"nobara\"\nID_LIKE=\"rhel centos fedora\"\n", "dnf upgrade", "grubby")]
    [InlineData("ID=arch\n", "pacman", "grub-mkconfig -o /boot/grub/")]
    [InlineData("ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\n", "zypper", "grub2-mkconfig")]
    [InlineData("nonsense\n", "apt-get install -t", "update-grub")]
    public void Commands_are_those_of_the_distribution(string release, string kernel, string parameter)
    {
        _machine.Write("etc/os-release", release).Write("proc/sys/kernel/osrelease", "6.12.1\n").Write("sys/kernel/iommu_groups/7/type", "identity\n");

        Assert.Contains(kernel, Found("kernel version").Remedy, StringComparison.Ordinal);
        Assert.Contains(parameter, Found("IOMMU").Remedy, StringComparison.Ordinal);
        Assert.Contains("iommu.strict=1", Found("IOMMU").Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Userfaultfd_that_is_not_allowed_is_a_warning_and_no_backend_at_all_a_problem()
    {
        _software = (BackendReport.Parse("cpu_faults: coherent\ncpu_faults_reason: EPERM\n"), null);
        Assert.Contains("vm.unprivileged_userfaultfd=1", Found("userfaultfd").Remedy, StringComparison.Ordinal);

        _software = (BackendReport.Parse("cpu_faults: user-mode-only\n"), null);
        Assert.Contains("user mode", Found("userfaultfd").Found, StringComparison.Ordinal);

        _software = (null, "libxesvm_native is missing");
        Assert.Equal(FindingStatus.Problem, Found("software backend").Status);
    }

    [Fact]
    public void This_machine_can_be_examined_whatever_it_is_like()
    {
        IReadOnlyList<MachineFinding> findings = MachineDoctor.Examine();

        Assert.All(findings, finding => Assert.True(finding.Status == FindingStatus.Good || finding.Check == "GPU" || !string.IsNullOrEmpty(finding.Remedy), finding.Check));
        Assert.DoesNotContain(findings, finding => finding.Status == FindingStatus.Problem);
    }

    public void Dispose() => _machine.Dispose();

    private IReadOnlyList<MachineFinding> Examine() => MachineDoctor.Examine(_machine.Paths, () => _search, () => _software, TimeSpan.FromMilliseconds(1));

    private MachineFinding Found(string check) => Examine().First(finding => finding.Check == check);
}
