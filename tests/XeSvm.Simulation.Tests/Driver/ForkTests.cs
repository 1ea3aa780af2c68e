using System.Diagnostics;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>Child processes that begin while the driver has objects, and duplicates of its descriptors.</summary>
[Collection(DriverConcurrencyCollection.Name)]
public sealed unsafe class ForkTests
{
    private const ulong Block = 0x200000;

    [Fact]
    [Trait("Rule", "20.file")]
    public void A_child_inherits_nothing_of_the_driver_and_disturbs_no_memory_in_VRAM()
    {
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20 });
        ulong memory = DrmClient.Map(Block, Block);
        DrmClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Store(memory, 7));
        uint handle = gpu.CreateBo(0x10000);
        byte* mapped = gpu.MapBo(handle, 0x10000);
        using (var closing = new SafeDescriptor(gpu.Export(handle)))
        {
            string descriptors = Run("ls -l /proc/self/fd/");
            Assert.DoesNotContain("xesvm", descriptors, StringComparison.Ordinal);
        }

        Assert.Equal(0, gpu.Store(memory + 0x3008, 9));
        Assert.Equal((7u, 9u, 5u), (*(uint*)memory, *(uint*)(memory + 0x3008), *(uint*)(memory + 0x5000)));
        *mapped = 1;
        gpu.UnmapBo(mapped, 0x10000);
        DrmClient.Unmap(memory, Block);
    }

    [Fact]
    [Trait("Rule", "15.lifetime")]
    public void An_export_that_a_child_has_inherited_lives_until_the_child_ends()
    {
        using var client = new DrmClient();
        uint handle = client.CreateBo(0x10000);
        byte* mapped = client.MapBo(handle, 0x10000);
        *mapped = 1;
        client.UnmapBo(mapped, 0x10000);
        int inherited = client.Export(handle, Drm.DRM_RDWR);
        using Process child = Start("read line");
        Assert.Equal(0, SystemCalls.Close(inherited));
        Assert.Equal(0, client.CloseBo(handle));
        SweepExports(client);
        Assert.NotEqual(0ul, client.Device.SystemMemoryUse);

        child.StandardInput.Close();
        child.WaitForExit();
        SweepExports(client);
        Assert.Equal(0ul, client.Device.SystemMemoryUse);
    }

    [Fact]
    [Trait("Rule", "1.close")]
    public void A_duplicate_of_the_descriptor_does_not_keep_a_file_open_that_is_closed()
    {
        using var client = new DrmClient();
        using var other = new DrmClient(client);
        uint vm = client.CreateVm(DrmClient.FaultMode);
        Assert.Equal(0, client.BindMirror(vm, 0, 1UL << 47));
        Assert.Equal(0, SystemCalls.Duplicate(other.File.Descriptor, out FileDescriptorHandle? duplicate));
        using (duplicate)
        {
            int number = (int)duplicate!.DangerousGetHandle();
            Assert.Equal(0, client.AdviseLocation(vm, 0, Block, number, region: 1));
            other.File.Dispose();
            Assert.Equal(-Errno.ENOENT, client.AdviseLocation(vm, Block, Block, number, region: 1));
        }
    }

    /// <summary>That descriptors are closed is noticed when an object is.</summary>
    private static void SweepExports(DrmClient client) => Assert.Equal(0, client.CloseBo(client.CreateBo(0x1000)));

    private static string Run(string command)
    {
        using Process child = Start(command);
        child.StandardInput.Close();
        string text = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        return text;
    }

    private static Process Start(string command) => Process.Start(new ProcessStartInfo("/bin/sh")
    {
        ArgumentList = { "-c", command },
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
    })!;

    private sealed class SafeDescriptor(int descriptor) : IDisposable
    {
        public void Dispose() => Assert.Equal(0, SystemCalls.Close(descriptor));
    }
}
