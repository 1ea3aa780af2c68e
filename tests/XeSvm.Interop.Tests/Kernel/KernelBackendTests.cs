using XeSvm.Interop.Kernel;
using XeSvm.Interop.LibC;

namespace XeSvm.Interop.Tests.Kernel;

public sealed class KernelBackendTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_missing_folder_is_reported_once()
    {
        using KernelBackend backend = Backend();
        Assert.Empty(backend.SearchReport);
        Assert.Empty(backend.Enumerate());
        string report = Assert.Single(backend.SearchReport);
        Assert.StartsWith($"{Paths.Devices} does not exist", report, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_without_render_nodes_is_reported_once()
    {
        _folder.Write("dri/card0", string.Empty);
        _folder.Write("dri/renderD127", string.Empty);
        _folder.Write("dri/renderD192", string.Empty);
        _folder.Write("dri/renderDx", string.Empty);
        using KernelBackend backend = Backend();
        Assert.Empty(backend.Enumerate());
        Assert.Equal([$"{Paths.Devices} has no render node (renderD128 to renderD191)."], backend.SearchReport);
    }

    [Fact]
    public void A_folder_that_is_a_file_is_reported_once()
    {
        _folder.Write("dri", string.Empty);
        using KernelBackend backend = Backend();
        Assert.Empty(backend.Enumerate());
        string report = Assert.Single(backend.SearchReport);
        Assert.StartsWith($"{Paths.Devices} ", report, StringComparison.Ordinal);
    }

    [Fact]
    public void Nodes_that_are_no_drm_nodes_are_reported_each_with_its_reason_in_the_order_of_their_numbers()
    {
        _folder.Link("dri/renderD131", Path.Combine(_folder.Path, "nowhere"));
        _folder.Link("dri/renderD128", "/dev/null");
        Directory.CreateDirectory(Path.Combine(Paths.Devices, "renderD130"));
        _folder.Write("dri/renderD191", "text");
        using KernelBackend backend = Backend();
        Assert.Empty(backend.Enumerate());
        Assert.Equal(
            [
                $"{Paths.Devices}/renderD128: ENOTTY (25): Inappropriate ioctl for device; it is not a DRM node.",
                $"{Paths.Devices}/renderD130: EISDIR (21): Is a directory.",
                $"{Paths.Devices}/renderD131: ENOENT (2): No such file or directory.",
                $"{Paths.Devices}/renderD191: ENOTTY (25): Inappropriate ioctl for device; it is not a DRM node.",
            ],
            backend.SearchReport);
    }

    [SkippableFact]
    public void A_node_that_may_not_be_opened_is_reported_with_the_group_that_helps()
    {
        string node = _folder.Write("dri/renderD128", string.Empty);
        File.SetUnixFileMode(node, UnixFileMode.None);
        using KernelBackend backend = Backend();
        bool ran = UnprivilegedThread.Run(() => Assert.Empty(backend.Enumerate()), _folder.Path, Paths.Devices);
        Skip.IfNot(ran, UnprivilegedThread.SkipReason);
        Assert.Equal(
            [$"{node}: EACCES (13): Permission denied; add the user to the group that owns the node, mostly render."],
            backend.SearchReport);
    }

    [SkippableFact]
    public void A_folder_that_may_not_be_listed_is_reported_once()
    {
        _folder.Link("dri/renderD128", "/dev/null");
        File.SetUnixFileMode(Paths.Devices, UnixFileMode.None);
        using KernelBackend backend = Backend();
        bool ran = UnprivilegedThread.Run(() => Assert.Empty(backend.Enumerate()), _folder.Path);
        File.SetUnixFileMode(Paths.Devices, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Skip.IfNot(ran, UnprivilegedThread.SkipReason);
        string report = Assert.Single(backend.SearchReport);
        Assert.StartsWith($"{Paths.Devices} cannot be listed: ", report, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("i915")]
    [InlineData("xe2")]
    [InlineData("Xe")]
    [InlineData("x")]
    [InlineData("")]
    public void A_node_of_another_driver_is_reported_with_the_drivers_name_and_cannot_be_opened(string driver)
    {
        string node = _folder.Link("dri/renderD128", "/dev/null");
        using KernelBackend backend = Backend(driver);
        Assert.Empty(backend.Enumerate());
        Assert.Equal([$"{node}: its driver is {driver}, not xe."], backend.SearchReport);
        Assert.Equal(-Errno.ENODEV, backend.Open(new DrmNode(node, "xe", string.Empty, 128), out DrmFile? file));
        Assert.Null(file);
    }

    [Fact]
    public void A_wedged_device_is_reported_as_such()
    {
        string node = _folder.Link("dri/renderD128", "/dev/null");
        using KernelBackend backend = new(Paths, (DrmFile _, out DrmDriverVersion version) =>
        {
            version = default;
            return -Errno.ECANCELED;
        });
        Assert.Empty(backend.Enumerate());
        string report = Assert.Single(backend.SearchReport);
        Assert.StartsWith($"{node}: ECANCELED (125): Operation canceled; the device is wedged", report, StringComparison.Ordinal);
    }

    [Fact]
    public void A_node_of_xe_is_found_with_its_bus_address_and_can_be_opened()
    {
        string second = _folder.Link("dri/renderD129", "/dev/null");
        string first = _folder.Link("dri/renderD128", "/dev/null");
        _folder.Link("sys/dev/char/226:128/device", "../../../devices/pci0000:00/0000:00:01.0/0000:03:00.0");
        _folder.Link("sys/dev/char/226:129/device", "../../../devices/platform/gpu.0");
        using KernelBackend backend = Backend("xe");
        IReadOnlyList<DrmNode> nodes = backend.Enumerate();
        Assert.Equal([new DrmNode(first, "xe", "0000:03:00.0", 128), new DrmNode(second, "xe", string.Empty, 129)], nodes);
        Assert.Empty(backend.SearchReport);
        Assert.Equal(0, backend.Open(nodes[0], out DrmFile? file));
        file!.Dispose();
    }

    [Fact]
    public void Each_search_reports_for_itself()
    {
        string node = _folder.Link("dri/renderD128", "/dev/null");
        using KernelBackend backend = Backend();
        Assert.Empty(backend.Enumerate());
        Assert.Contains("ENOTTY", Assert.Single(backend.SearchReport), StringComparison.Ordinal);
        File.Delete(node);
        Assert.Empty(backend.Enumerate());
        Assert.Contains("no render node", Assert.Single(backend.SearchReport), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("software:0", Errno.ENOENT)]
    [InlineData("", Errno.ENOENT)]
    [InlineData("/dev/null\0", Errno.EINVAL)]
    [InlineData("/dev/null", Errno.ENOTTY)]
    public void A_node_that_was_never_found_gives_an_errno(string path, int errno)
    {
        using KernelBackend backend = Backend();
        Assert.Equal(-errno, backend.Open(new DrmNode(path, "xe", string.Empty, -1), out DrmFile? file));
        Assert.Null(file);
    }

    [Fact]
    public void The_backend_is_called_kernel()
    {
        using KernelBackend backend = new();
        Assert.Equal("kernel", backend.Name);
    }

    [Fact]
    public void A_search_leaves_no_descriptor_open()
    {
        string target = _folder.Write("target", string.Empty);
        _folder.Link("dri/renderD128", target);
        _folder.Link("dri/renderD129", target);
        using KernelBackend backend = Backend();
        Assert.Empty(backend.Enumerate());
        using KernelBackend other = Backend("xe");
        Assert.Equal(2, other.Enumerate().Count);
        Assert.DoesNotContain(Directory.EnumerateFiles("/proc/self/fd"), path => new FileInfo(path).LinkTarget == target);
    }

    private KernelPaths Paths => new()
    {
        Devices = Path.Combine(_folder.Path, "dri"),
        Sysfs = Path.Combine(_folder.Path, "sys"),
        Debugfs = Path.Combine(_folder.Path, "debug"),
    };

    private KernelBackend Backend() => new(Paths, DrmDriverVersion.Read);

    // There is no DRM driver on most build machines: here the node says the name that the test wants.
    private KernelBackend Backend(string driver) => new(Paths, (DrmFile _, out DrmDriverVersion version) =>
    {
        version = new DrmDriverVersion(driver, string.Empty, 1, 1, 0);
        return 0;
    });
}
