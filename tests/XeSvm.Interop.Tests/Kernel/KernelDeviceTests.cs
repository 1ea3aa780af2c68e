using XeSvm.Interop.Kernel;
using XeSvm.Interop.Uapi;
using Xunit.Abstractions;

namespace XeSvm.Interop.Tests.Kernel;

/// <summary>Runs on a machine with an xe device only: proves the bindings against the kernel itself.</summary>
public sealed unsafe class KernelDeviceTests(ITestOutputHelper output)
{
    [SkippableFact]
    public void The_driver_says_that_it_is_xe()
    {
        using DrmFile file = OpenDevice();
        Assert.Equal(0, DrmDriverVersion.Read(file, out DrmDriverVersion version));
        Assert.Equal("xe", version.Name);
        output.WriteLine(version.ToString());
    }

    [SkippableFact]
    public void An_ioctl_that_the_driver_does_not_have_gives_einval_and_one_of_another_type_enotty()
    {
        using DrmFile file = OpenDevice();
        drm_xe_device_query argument = default;
        const uint UnknownIndex = 0x5f;
        uint unknown = (DrmXe.DRM_IOCTL_XE_DEVICE_QUERY & ~0xffu) | UnknownIndex;
        Assert.Equal(-Errno.EINVAL, file.Ioctl(unknown, &argument));
        Assert.Equal(-Errno.ENOTTY, file.Ioctl((DrmXe.DRM_IOCTL_XE_DEVICE_QUERY & ~0xff00u) | ('x' << 8), &argument));
        Assert.Equal(-Errno.EFAULT, file.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, null));
    }

    [SkippableFact]
    public void A_query_gives_its_size_first_and_refuses_any_other()
    {
        using DrmFile file = OpenDevice();
        drm_xe_device_query argument = new() { query = DrmXe.DRM_XE_DEVICE_QUERY_CONFIG };
        Assert.Equal(0, file.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, &argument));
        Assert.True(argument.size >= sizeof(drm_xe_query_config) + (5 * sizeof(ulong)));

        ulong* data = stackalloc ulong[(int)(argument.size / sizeof(ulong)) + 1];
        argument.data = (ulong)data;
        Assert.Equal(0, file.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, &argument));
        drm_xe_query_config* config = (drm_xe_query_config*)data;
        ulong* info = (ulong*)(config + 1);
        Assert.Equal((argument.size - (uint)sizeof(drm_xe_query_config)) / sizeof(ulong), config->num_params);
        Assert.InRange(info[DrmXe.DRM_XE_QUERY_CONFIG_VA_BITS], 47u, 57u);

        argument.size += sizeof(ulong);
        Assert.Equal(-Errno.EINVAL, file.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, &argument));
    }

    [SkippableFact]
    public void A_vm_is_created_and_destroyed_once()
    {
        using DrmFile file = OpenDevice();
        drm_xe_vm_create create = default;
        Assert.Equal(0, file.Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE, &create));
        Assert.NotEqual(0u, create.vm_id);
        drm_xe_vm_destroy destroy = new() { vm_id = create.vm_id };
        Assert.Equal(0, file.Ioctl(DrmXe.DRM_IOCTL_XE_VM_DESTROY, &destroy));
        Assert.Equal(-Errno.ENOENT, file.Ioctl(DrmXe.DRM_IOCTL_XE_VM_DESTROY, &destroy));
    }

    [SkippableFact]
    public void A_debug_file_has_a_text_or_a_reason()
    {
        using DrmFile file = OpenDevice();
        DrmDebugText text = file.ReadDebugFile("gt0/stats");
        output.WriteLine(text.IsAvailable ? text.Text : text.Reason);
        Assert.NotEmpty(text.IsAvailable ? text.Text : text.Reason);
        Assert.Contains("backend: kernel\n", file.ReadDebugFile("backend").Text, StringComparison.Ordinal);
    }

    private static DrmFile OpenDevice()
    {
        using KernelBackend backend = new();
        IReadOnlyList<DrmNode> nodes = backend.Enumerate();
        Skip.If(nodes.Count == 0, $"No xe device: {string.Join(' ', backend.SearchReport)}");
        Assert.Equal(0, backend.Open(nodes[0], out DrmFile? file));
        return file!;
    }
}
