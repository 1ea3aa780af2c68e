using XeSvm.Interop.Kernel;

namespace XeSvm.Interop.Tests.Kernel;

public sealed class KernelDebugFilesTests : IDisposable
{
    private static readonly DrmNode _node = new("/dev/dri/renderD128", "xe", "0000:03:00.0", 128);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("128")]
    [InlineData("0000:03:00.0")]
    [InlineData("1")]
    public void A_file_is_found_in_the_folder_of_the_render_node_the_bus_address_or_the_primary_node(string folder)
    {
        Directory.CreateDirectory(Path.Combine(Paths.Sysfs, "dev/char/226:128/device/drm/card1"));
        Directory.CreateDirectory(Path.Combine(Paths.Sysfs, "dev/char/226:128/device/drm/renderD128"));
        _folder.Write($"debug/dri/{folder}/gt0/stats", "svm_pagefault_count: 0\n");
        DrmDebugText text = Files.Read("gt0/stats");
        Assert.True(text.IsAvailable, text.Reason);
        Assert.Equal("svm_pagefault_count: 0\n", text.Text);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(100_000)]
    public void A_file_is_read_whole(int length)
    {
        string content = string.Concat(Enumerable.Range(0, length).Select(index => (char)('a' + (index % 26))));
        _folder.Write("debug/dri/128/info", content);
        Assert.Equal(content, Files.Read("info").Text);
    }

    [Fact]
    public void Without_debugfs_the_reason_says_how_to_mount_it()
    {
        DrmDebugText text = Files.Read("gt0/stats");
        Assert.False(text.IsAvailable);
        Assert.Contains($"mount -t debugfs none {Paths.Debugfs}", text.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_the_driver_does_not_have_is_named_in_the_reason()
    {
        _folder.Write("debug/dri/128/info", string.Empty);
        DrmDebugText text = Files.Read("gt0/stats");
        Assert.False(text.IsAvailable);
        Assert.Contains("no debug file gt0/stats for /dev/dri/renderD128", text.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_in_place_of_a_file_gives_its_errno()
    {
        Directory.CreateDirectory(Path.Combine(Paths.Debugfs, "dri/128/gt0"));
        DrmDebugText text = Files.Read("gt0");
        Assert.False(text.IsAvailable);
        Assert.Contains("EISDIR (21)", text.Reason, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Debugfs_that_only_root_may_read_is_a_reason_that_says_so()
    {
        _folder.Write("debug/dri/128/gt0/stats", "text");
        File.SetUnixFileMode(Paths.Debugfs, UnixFileMode.None);
        DrmDebugText text = default;
        bool ran = UnprivilegedThread.Run(() => text = Files.Read("gt0/stats"), _folder.Path);
        File.SetUnixFileMode(Paths.Debugfs, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Skip.IfNot(ran, UnprivilegedThread.SkipReason);
        Assert.False(text.IsAvailable);
        Assert.EndsWith("run as root.", text.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/etc/hostname")]
    [InlineData("../128/info")]
    [InlineData("gt0/../info")]
    [InlineData("./info")]
    [InlineData("gt0//stats")]
    [InlineData("info/")]
    [InlineData("info\0")]
    public void A_name_that_could_leave_the_devices_folder_is_refused(string name)
    {
        _folder.Write("debug/dri/128/info", "text");
        DrmDebugText text = Files.Read(name);
        Assert.False(text.IsAvailable);
        Assert.Contains("is not the name of a debug file", text.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void The_backend_text_has_a_line_for_everything_known_of_the_kernel_device()
    {
        _folder.Write("proc/sys/kernel/osrelease", "7.3.4-test\n");
        _folder.Write("sys/dev/char/226:128/device/iommu_group/type", "DMA-FQ\n");
        Assert.Equal(
            """
            backend: kernel
            kernel_release: 7.3.4-test
            node: /dev/dri/renderD128
            bus_address: 0000:03:00.0
            iommu_group_type: DMA-FQ

            """,
            Files.Read("backend").Text);
    }

    [Fact]
    public void What_the_backend_text_cannot_know_has_the_reason_in_its_line()
    {
        string text = new KernelDebugFiles(Paths, _node with { BusAddress = string.Empty }).Read("backend").Text!;
        Assert.Contains("bus_address: unknown\n", text, StringComparison.Ordinal);
        Assert.Contains("iommu_group_type: unknown, ", text, StringComparison.Ordinal);
        Assert.Equal(5, text.Count(character => character == '\n'));
    }

    private KernelPaths Paths => new()
    {
        Sysfs = Path.Combine(_folder.Path, "sys"),
        Debugfs = Path.Combine(_folder.Path, "debug"),
        Procfs = Path.Combine(_folder.Path, "proc"),
    };

    private KernelDebugFiles Files => new(Paths, _node);
}
