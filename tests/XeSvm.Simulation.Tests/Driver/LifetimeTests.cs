using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Tests.Gpu.Support;

using Xunit.Abstractions;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>Files, VMs, queues and devices that end in any order and at any moment.</summary>
[Collection(DriverConcurrencyCollection.Name)]
public sealed unsafe class LifetimeTests(ITestOutputHelper output)
{
    private const ulong Block = 2 << 20;
    private const ulong Scrap = 0x10_0000_0000; // addresses that the process does not use
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private enum Work
    {
        WaitForever,
        MigrateAndStore,
        Bind,
        AdviseAndPrefetch,
        FloodQueue,
        CreateAndDestroy,
    }

    [Theory]
    [InlineData("coherent", 240)]
    [InlineData("auto", 60)]
    [Trait("Rule", "1.close")]
    public void A_file_can_be_closed_with_any_work_in_flight(string cpuFaults, int cycles)
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var options = new SoftwareBackendOptions { VramBytes = 16 << 20, CpuFaults = cpuFaults };
        Cycle(options, 0, random); // the first one starts what the process keeps
        ProcessResources before = ProcessResources.Now;
        for (int cycle = 0; cycle < cycles; cycle++)
        {
            Cycle(options, (Work)(cycle % Enum.GetValues<Work>().Length), random);
        }

        before.AssertNothingAdded();
    }

    [Fact]
    public void Backend_file_and_mapping_end_in_every_order()
    {
        ProcessResources before = ProcessResources.Now;
        foreach (int[] order in (int[][])[[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
        {
            var backend = new SoftwareBackend(new SoftwareBackendOptions { VramBytes = 16 << 20, CpuFaults = "coherent" });
            Assert.Equal(0, backend.Open(backend.Enumerate()[0], out DrmFile? file));
            var create = new drm_xe_gem_create { size = 0x2000, placement = DrmClient.VramMemory, cpu_caching = DrmClient.WriteCombining };
            Assert.Equal(0, file!.Ioctl(DRM_IOCTL_XE_GEM_CREATE, &create));
            var offset = new drm_xe_gem_mmap_offset { handle = create.handle };
            Assert.Equal(0, file.Ioctl(DRM_IOCTL_XE_GEM_MMAP_OFFSET, &offset));
            Assert.Equal(0, file.Map(offset.offset, 0x2000, DrmMapProtection.Read | DrmMapProtection.Write, out nint address));
            *(uint*)address = 7;
            bool mapped = true;
            foreach (int step in order)
            {
                switch (step)
                {
                    case 0:
                        backend.Dispose();
                        Assert.Equal(-Errno.ENODEV, backend.Open(backend.Enumerate()[0], out _));
                        break;
                    case 1:
                        file.Dispose();
                        Assert.Equal(-Errno.EBADF, file.Ioctl(DRM_IOCTL_XE_GEM_CREATE, &create));
                        break;
                    default:
                        Assert.Equal(0, file.Unmap(address, 0x2000));
                        mapped = false;
                        break;
                }

                Assert.True(!mapped || *(uint*)address == 7);
            }
        }

        before.AssertNothingAdded();
    }

    [Fact]
    public void A_file_whose_backend_is_disposed_works_on()
    {
        var backend = new SoftwareBackend(new SoftwareBackendOptions { VramBytes = 16 << 20, CpuFaults = "coherent" });
        Assert.Equal(0, backend.Open(backend.Enumerate()[0], out DrmFile? file));
        backend.Dispose();
        backend.Dispose();
        var create = new drm_xe_vm_create();
        Assert.Equal(0, file!.Ioctl(DRM_IOCTL_XE_VM_CREATE, &create));
        file.Dispose();
    }

    [Fact]
    public void Many_threads_may_close_a_file_at_once()
    {
        for (int i = 0; i < 20; i++)
        {
            using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 16 << 20, CpuFaults = "coherent" });
            gpu.Spin(gpu.Queue, gpu.Control);
            Parallel.For(0, 4, _ => gpu.File.Dispose());
        }
    }

    [Fact]
    public void A_VM_is_destroyed_once_and_a_queue_too_however_many_try()
    {
        using var client = new DrmClient();
        for (int i = 0; i < 100; i++)
        {
            uint vm = client.CreateVm(DrmClient.FaultMode);
            uint queue = client.CreateQueue(vm);
            uint handle = client.CreateBo(0x1000);
            int vms = 0;
            int queues = 0;
            int handles = 0;
            Parallel.For(0, 4, _ =>
            {
                Interlocked.Add(ref vms, client.DestroyVm(vm) == 0 ? 1 : 0);
                Interlocked.Add(ref queues, client.DestroyQueue(queue) == 0 ? 1 : 0);
                Interlocked.Add(ref handles, client.CloseBo(handle) == 0 ? 1 : 0);
            });
            Assert.Equal((1, 1, 1), (vms, queues, handles));
        }

        Assert.Equal(0ul, client.Device.SystemMemoryUse);
    }

    [Fact]
    public void Queues_can_be_created_on_a_VM_that_is_being_destroyed()
    {
        using var client = new DrmClient();
        ProcessResources before = ProcessResources.Now;
        uint current = 0;
        using (new RepeatingThreads(3, (_, goOn) =>
        {
            while (goOn())
            {
                int result = client.TryCreateQueue(Volatile.Read(ref current), DRM_XE_ENGINE_CLASS_COPY, out uint queue);
                Assert.True(result is 0 or -Errno.ENOENT);
                Assert.Equal(result == 0 ? 0 : -Errno.ENOENT, client.DestroyQueue(result == 0 ? queue : uint.MaxValue));
            }
        }))
        {
            for (int i = 0; i < 200; i++)
            {
                current = client.CreateVm(DrmClient.FaultMode);
                Thread.Yield();
                Assert.Equal(0, client.DestroyVm(current));
            }
        }

        before.AssertNothingAdded();
    }

    [Fact]
    public void An_object_whose_last_reference_is_gone_cannot_be_had_again()
    {
        using var client = new DrmClient();
        uint handle = client.CreateBo(0x1000, DrmClient.VramMemory);
        Assert.True(client.Software.TryGetObject(handle, out BufferObject? bufferObject));
        Assert.Equal(0, client.CloseBo(handle));
        Assert.True(bufferObject.TryAddReference());
        bufferObject.Release();
        Assert.Equal(0x1000ul, client.Device.Vram.Used);
        bufferObject.Release();
        Assert.Equal(0ul, client.Device.Vram.Used);
        Assert.False(bufferObject.TryAddReference());
        Assert.False(client.Software.TryGetObject(handle, out _));
    }

    [Fact]
    public void A_handle_that_is_closed_during_a_bind_never_harms_anybody()
    {
        using var client = new DrmClient(new SoftwareBackendOptions { VramBytes = 4 << 20, CpuFaults = "coherent" });
        uint vm = client.CreateVm(0);
        using (new RepeatingThreads(2, (index, goOn) =>
        {
            uint placement = index == 0 ? DrmClient.VramMemory : DrmClient.SystemMemory;
            while (goOn())
            {
                if (client.TryCreateBo(0x4000, placement, out uint handle) == 0)
                {
                    Assert.Equal(0, client.CloseBo(handle));
                }
            }
        }))
        {
            for (int i = 0; i < 5000; i++)
            {
                uint handle = (uint)(i % 2) + 1;
                Assert.Contains(client.BindBo(vm, handle, 0x10000, 0x4000), (int[])[0, -Errno.ENOENT]);
                int result = client.File.Map((1UL << 32) + ((ulong)i * 0x4000), 0x4000, DrmMapProtection.Read, out nint address);
                if (result == 0)
                {
                    Assert.Equal(0, client.File.Unmap(address, 0x4000));
                }
            }
        }

        Assert.Equal(0, client.DestroyVm(vm));
        Assert.Equal((0ul, 0ul), (client.Device.Vram.Used, client.Device.SystemMemoryUse));
    }

    /// <summary>Opens a file, starts work on it in another thread, and closes the file at some moment.</summary>
    private static void Cycle(SoftwareBackendOptions options, Work work, Random random)
    {
        ulong memory = DrmClient.Map(2 * Block, Block);
        DrmClient.Touch(memory, 2 * Block);
        using (var gpu = new GpuClient(options))
        {
            int failure = 0;
            int atLeast = work == Work.WaitForever ? 0 : random.Next(10);
            using var underWay = new ManualResetEventSlim(atLeast == 0);
            var thread = new Thread(() =>
            {
                // Until the file is closed.
                for (int round = 0; failure == 0; round++)
                {
                    failure = Math.Min(Round(gpu, work, memory, round), 0);
                    if (round + 1 == atLeast || failure != 0)
                    {
                        underWay.Set();
                    }
                }
            });
            if (work is Work.WaitForever or Work.FloodQueue)
            {
                gpu.Spin(gpu.Queue, gpu.Control);
            }

            thread.Start();
            Assert.True(underWay.Wait(s_patience));
            Assert.True(Task.Run(gpu.File.Dispose).Wait(s_patience), $"Closing the file during {work} does not end.");
            Assert.True(thread.Join(s_patience), $"{work} does not end.");
            Assert.Contains(failure, (int[])[-Errno.EBADF, -Errno.EINTR, -Errno.EIO, -Errno.ECANCELED, -Errno.ENOENT]);
        }

        // Whatever was in VRAM is home.
        for (ulong at = 0; at < 2 * Block; at += 4096)
        {
            Assert.Equal(at >> 12, *(ulong*)(memory + at));
        }

        DrmClient.Unmap(memory, 2 * Block);
    }

    private static int Round(GpuClient gpu, Work work, ulong memory, int round)
    {
        ulong block = memory + ((ulong)(round % 2) * Block);
        switch (work)
        {
            case Work.WaitForever:
                return gpu.Wait(gpu.Queue, gpu.Control, ulong.MaxValue, -1);
            case Work.MigrateAndStore:
                int result = gpu.Store(block + 0x1008, (uint)round);
                return result < 0 ? result : gpu.Prefetch(block, Block, 0);
            case Work.Bind:
                result = gpu.BindNull(gpu.Vm, Scrap + ((ulong)(round % 50) << 21), Block);
                return result < 0 ? result : gpu.UnbindRange(gpu.Vm, Scrap, 1 << 25);
            case Work.AdviseAndPrefetch:
                result = gpu.Advise(block, Block, round % 3 == 0 ? -1 : 0);
                return result < 0 ? result : gpu.Prefetch(memory, 2 * Block, (uint)round % 2);
            case Work.FloodQueue:
                ulong batch = gpu.Control + 0x4000;
                *(uint*)batch = Commands.End;
                var exec = new drm_xe_exec { exec_queue_id = gpu.Queue, num_batch_buffer = 1, address = batch };
                return gpu.Ioctl(DRM_IOCTL_XE_EXEC, ref exec);
            default:
                var create = new drm_xe_vm_create { flags = DrmClient.FaultMode };
                result = gpu.Ioctl(DRM_IOCTL_XE_VM_CREATE, ref create);
                return result < 0 ? result : CreateAndDestroy(gpu, create.vm_id);
        }
    }

    private static int CreateAndDestroy(GpuClient gpu, uint vm)
    {
        int result = gpu.TryCreateQueue(vm, DRM_XE_ENGINE_CLASS_COPY, out uint queue);
        if (result == 0)
        {
            result = gpu.BindMirror(vm, 0, 1UL << 47);
        }

        if (result == 0)
        {
            var exec = new drm_xe_exec { exec_queue_id = queue, num_batch_buffer = 1, address = gpu.Control };
            *(uint*)gpu.Control = Commands.End;
            result = gpu.Ioctl(DRM_IOCTL_XE_EXEC, ref exec);
        }

        if (result == 0)
        {
            result = gpu.DestroyVm(vm);
        }

        return result == 0 ? gpu.DestroyQueue(queue) : result == -Errno.EINVAL ? -Errno.EBADF : result;
    }
}
