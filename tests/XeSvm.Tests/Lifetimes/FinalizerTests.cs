using System.Runtime.CompilerServices;
using XeSvm.Interop.Uapi;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Lifetimes;

public sealed class FinalizerTests
{
    [Fact]
    public void What_nobody_disposed_is_destroyed_before_the_file_is_closed()
    {
        ScriptedBackend backend = new();
        Abandon(backend);

        for (int round = 0; round < 10 && !backend.File.IsClosed; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.True(backend.File.IsClosed);
        Assert.Equal(0, backend.File.LiveObjects);
    }

    [Fact]
    public async Task Destruction_waits_for_calls_that_are_under_way()
    {
        ScriptedBackend backend = new();
        using XeDevice device = XeDevice.Open(backend, backend.Nodes[0]);
        XeBuffer buffer = device.CreateBuffer(4096, MemoryLocation.System);
        using ManualResetEventSlim inside = new();
        using ManualResetEventSlim goOn = new();
        backend.File.IsLogging = false;
        backend.File.Observe = (request, _) =>
        {
            if (request == DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET)
            {
                inside.Set();
                goOn.Wait();
            }
        };
        Task<XeResult> map = Task.Run(() =>
        {
            XeResult result = buffer.TryMap(out XeBufferMapping? mapping);
            mapping?.Dispose();
            return result;
        });
        inside.Wait();

        buffer.Dispose();

        Assert.Equal(1, backend.File.LiveObjects);
        Assert.Throws<ObjectDisposedException>(() => buffer.Export());
        goOn.Set();
        Assert.True((await map).IsSuccess);
        Assert.Equal(0, backend.File.LiveObjects);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Abandon(ScriptedBackend backend)
    {
        XeDevice device = XeDevice.Open(backend, backend.Nodes[0]);
        XeVm vm = device.CreateVm(new XeVmOptions { Mode = XeVmMode.LongRunning });
        _ = vm.CreateBindQueue();
        _ = device.CreateSyncObject();
        _ = device.CreateBuffer(4096, MemoryLocation.System);
    }
}
