using CsCheck;
using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Devices;

public sealed class LifetimeTests
{
    /// <summary>The one child that has nothing of the driver, and so does not hold the file.</summary>
    private const int BatchInProcessMemory = 5;

    [Fact]
    public void Objects_may_be_disposed_in_any_order_and_twice() =>
        Gen.Shuffle(Enumerable.Range(0, 8).ToArray()).Sample(
            order =>
            {
                ScriptedBackend backend = new();
                XeDevice device = XeDevice.Open(backend, backend.Nodes[0]);
                XeVm vm = device.CreateMirrorVm();
                XeBuffer buffer = device.CreateBuffer(8192, MemoryLocation.System);
                buffer.Span.Fill(1);
                IDisposable[] objects =
                [
                    device, vm, buffer, vm.CreateQueue(device.Engines[0]), vm.CreateBatch(4096), vm.CreateBatchInProcessMemory(4096),
                    vm.Allocate<int>(3), vm.Allocate<byte>(3 << 20),
                ];

                for (int position = 0; position < order.Length; position++)
                {
                    Assert.Equal(order.Skip(position).All(index => index == BatchInProcessMemory), backend.File.IsClosed);
                    objects[order[position]].Dispose();
                    objects[order[position]].Dispose();
                }

                Assert.True(backend.File.IsClosed);
                Assert.Equal(0, backend.File.LiveObjects);
                Assert.Equal(0, backend.File.LiveMappings);
            },
            iter: 200);

    [Fact]
    public void A_child_works_on_after_its_device_was_disposed()
    {
        ScriptedBackend backend = new();
        XeDevice device = XeDevice.Open(backend, backend.Nodes[0]);
        using XeVm vm = device.CreateMirrorVm();
        device.Dispose();

        using SvmBuffer<uint> buffer = vm.Allocate<uint>(16);
        using XeQueue queue = vm.CreateQueue(new XeEngine(XeEngineClass.Copy, 0, 0));
        using GpuBatch batch = vm.CreateBatch(4096);
        batch.StoreDword(buffer.GpuAddress, 42);
        batch.End();
        queue.Submit(batch).Wait(TimeSpan.FromMinutes(1));

        Assert.Equal(42u, buffer[0]);
    }

    [Fact]
    public void A_late_child_does_not_touch_the_vm_that_got_its_vms_number()
    {
        ScriptedBackend backend = new();
        using XeDevice device = XeDevice.Open(backend, backend.Nodes[0]);
        XeVm first = device.CreateMirrorVm();
        GpuBatch batch = first.CreateBatch(4096);
        first.Dispose();
        using XeVm second = device.CreateMirrorVm();
        Assert.Equal(first.Id, second.Id);
        int binds = Binds(backend);

        batch.Dispose();

        Assert.Equal(binds, Binds(backend));
    }

    [Theory]
    [InlineData(DrmXe.DRM_IOCTL_XE_GEM_CREATE)]
    [InlineData(DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET)]
    [InlineData(DrmXe.DRM_IOCTL_XE_VM_BIND)]
    [InlineData(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE)]
    public void A_queue_that_cannot_be_made_leaves_nothing_behind(uint refused)
    {
        ScriptedBackend backend = new();
        XeDevice device = XeDevice.Open(backend, backend.Nodes[0]);
        XeVm vm = device.CreateMirrorVm();
        backend.File.Fail(refused, Errno.ENOMEM);

        XeException exception = Assert.Throws<XeException>(() => vm.CreateQueue(device.Engines[0]));

        Assert.Contains("not enough memory", exception.NextStep, StringComparison.Ordinal);
        Assert.Equal(1, backend.File.LiveObjects);
        Assert.Equal(0, backend.File.LiveMappings);
        vm.Dispose();
        device.Dispose();
        Assert.True(backend.File.IsClosed);
    }

    private static int Binds(ScriptedBackend backend) =>
        backend.File.Log.Count(request => request.Number == DrmXe.DRM_IOCTL_XE_VM_BIND);
}
