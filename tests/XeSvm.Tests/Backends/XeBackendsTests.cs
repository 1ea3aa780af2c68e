using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Backends;

public sealed class XeBackendsTests : IDisposable
{
    private readonly ScriptedBackend _kernel = new("kernel");
    private readonly ScriptedBackend _software = new("software");

    [Fact]
    public void Auto_takes_a_kernel_device_that_can_mirror_cpu_addresses_and_says_why()
    {
        using BackendSelection selection = Select(null, null);

        Assert.Same(_kernel, selection.Backend);
        Assert.Equal(BackendChoice.Auto, selection.Choice);
        Assert.Contains("/dev/dri/renderD128 can mirror CPU addresses", selection.Reason, StringComparison.Ordinal);
        Assert.True(_kernel.File.IsClosed);
    }

    [Fact]
    public void Auto_takes_the_software_backend_when_there_is_no_node()
    {
        _kernel.Nodes.Clear();

        using BackendSelection selection = Select(null, null);

        Assert.Same(_software, selection.Backend);
        Assert.Contains("no xe render node was found", selection.Reason, StringComparison.Ordinal);
        Assert.True(_kernel.IsDisposed);
    }

    [Fact]
    public void Auto_passes_over_a_device_that_cannot_mirror_and_takes_the_next()
    {
        _kernel.Nodes.Add(new DrmNode("/dev/dri/renderD129", "xe", "", 129));
        bool first = true;
        _kernel.Prepare = file =>
        {
            file.Queries.Config = first ? [0, 0x1, 4096, 48, 1] : file.Queries.Config;
            first = false;
        };

        using BackendSelection selection = Select(null, null);

        Assert.Equal("/dev/dri/renderD129", selection.Node.Path);
    }

    [Theory]
    [InlineData(Errno.EACCES, "render")]
    [InlineData(Errno.ENODEV, "The device is gone")]
    public void Auto_says_what_kept_it_from_a_kernel_device(int errno, string expected)
    {
        _kernel.OpenErrno = errno;

        using BackendSelection selection = Select(null, null);

        Assert.Same(_software, selection.Backend);
        Assert.Contains("/dev/dri/renderD128", selection.Reason, StringComparison.Ordinal);
        Assert.Contains(expected, selection.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_that_answers_nonsense_is_an_obstacle_and_no_crash()
    {
        _kernel.Prepare = file => file.Queries.ClaimedParameters = 1000;

        using BackendSelection selection = Select(null, null);

        Assert.Same(_software, selection.Backend);
        Assert.Contains("malformed", selection.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void The_kernel_backend_without_a_device_lists_what_was_searched_and_what_to_do()
    {
        _kernel.OpenErrno = Errno.EACCES;

        XeDeviceNotFoundException exception = Assert.Throws<XeDeviceNotFoundException>(() => Select(BackendChoice.Kernel, null));

        Assert.Equal(Errno.ENODEV, exception.Errno);
        Assert.Contains("/dev/dri/renderD128", exception.Message, StringComparison.Ordinal);
        Assert.Contains("EACCES", exception.Message, StringComparison.Ordinal);
        Assert.Contains("--backend software", exception.NextStep, StringComparison.Ordinal);
        Assert.Empty(_software.Files);
    }

    [Theory]
    [InlineData(BackendChoice.Software, "kernel", "software")]
    [InlineData(BackendChoice.Kernel, "software", "kernel")]
    [InlineData(null, "software", "software")]
    [InlineData(null, "KERNEL", "kernel")]
    [InlineData(null, "", "kernel")]
    public void The_program_goes_before_the_environment_and_that_before_auto(BackendChoice? choice, string environment, string expected)
    {
        using BackendSelection selection = Select(choice, environment);

        Assert.Equal(expected, selection.Backend.Name);
    }

    [Fact]
    public void The_reason_names_the_environment_variable_that_decided()
    {
        using BackendSelection selection = Select(null, "software");

        Assert.Equal("XESVM_BACKEND=software asks for it", selection.Reason);
    }

    [Fact]
    public void An_environment_value_that_is_not_valid_names_the_valid_ones()
    {
        BackendChoiceException exception = Assert.Throws<BackendChoiceException>(() => Select(null, "gpu"));

        Assert.Equal("XESVM_BACKEND is 'gpu'; valid are auto, kernel and software.", exception.Message);
    }

    [Fact]
    public void A_device_takes_the_selections_backend_over_and_disposes_it_with_its_last_child()
    {
        BackendSelection selection = Select(BackendChoice.Software, null);
        XeDevice device = XeDevice.Open(selection);
        XeVm vm = device.CreateMirrorVm();

        device.Dispose();
        Assert.False(_software.IsDisposed);
        vm.Dispose();

        Assert.True(_software.IsDisposed);
        Assert.True(_software.File.IsClosed);
    }

    [Fact]
    public void A_selection_that_cannot_be_opened_is_disposed()
    {
        _software.Prepare = file => file.Fail(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, Errno.ENOMEM);

        Assert.Throws<XeException>(() => XeDevice.Open(Select(BackendChoice.Software, null)));

        Assert.True(_software.IsDisposed);
        Assert.True(_software.File.IsClosed);
    }

    public void Dispose()
    {
        _kernel.Dispose();
        _software.Dispose();
    }

    private BackendSelection Select(BackendChoice? choice, string? environment) =>
        XeBackends.Select(choice, environment, () => _kernel, () => _software);
}
