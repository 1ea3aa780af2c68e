using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Faults;

/// <summary>A device that is lost in the middle of work: clear errors everywhere, and all data back in system memory.</summary>
public unsafe class DeviceLossTests
{
    private const ulong Block = 2 << 20;
    private const ulong Blocks = 8;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    public static TheoryData<string> Modes() => ["auto", "coherent"];

    private static void Lose(GpuClient gpu) => gpu.Device.Options.Faults.Add(new FaultRule(FaultPoint.DeviceLost) { At = 1 });

    private static GpuClient Open(string cpuFaults) => new(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = cpuFaults });

    [Theory]
    [MemberData(nameof(Modes))]
    public void Every_ioctl_is_refused_and_the_data_is_in_system_memory(string cpuFaults)
    {
        using GpuClient gpu = Open(cpuFaults);
        ulong memory = GpuClient.Map(Blocks * Block, Block);
        GpuClient.Touch(memory, Blocks * Block);
        for (ulong block = 0; block < Blocks; block++)
        {
            Assert.Equal(0, gpu.Store(memory + (block * Block) + 8, (uint)block + 100));
        }

        Assert.Equal((long)Blocks, gpu.Counter("device_allocations", "backend"));
        Lose(gpu);
        Assert.Equal(-Errno.ECANCELED, gpu.Store(memory, 1));
        Assert.Equal(-Errno.ECANCELED, gpu.Prefetch(memory, Block, region: 1));
        Assert.Equal(-Errno.ECANCELED, gpu.Advise(memory, Block, -1));
        Assert.Equal(-Errno.ECANCELED, gpu.TryCreateBo(Block, DrmClient.SystemMemory, out _));
        Assert.Equal(-Errno.ECANCELED, gpu.TryCreateQueue(gpu.Vm, (ushort)DrmXe.DRM_XE_ENGINE_CLASS_COPY, out _));
        Assert.Equal(-Errno.ECANCELED, gpu.DestroyVm(gpu.Vm));
        Assert.Equal(-Errno.ECANCELED, gpu.File.Ioctl(0, null));

        // Without any touch of the CPU.
        Assert.True(SpinWait.SpinUntil(() => gpu.Counter("device_allocations", "backend") == 0, s_patience), "Data stays in VRAM.");
        for (ulong block = 0; block < Blocks; block++)
        {
            Assert.Equal((uint)block + 100, *(uint*)(memory + (block * Block) + 8));
        }

        for (ulong page = 0; page < Blocks * 512; page++)
        {
            Assert.Equal(page, *(ulong*)(memory + (page << 12)));
        }

        GpuClient.Unmap(memory, Blocks * Block);
    }

    [Fact]
    public void A_lost_device_cannot_be_opened_again()
    {
        using var backend = new SoftwareBackend(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = "coherent" });
        Assert.Equal(0, backend.Open(backend.Enumerate()[0], out Interop.DrmFile? file));
        backend.Faults.Add(new FaultRule(FaultPoint.DeviceLost) { At = 1 });
        Assert.Equal(-Errno.ECANCELED, file!.Ioctl(0, null));
        Assert.Equal(-Errno.ENODEV, backend.Open(backend.Enumerate()[0], out _));
        file.Dispose();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Threads_in_every_kind_of_call_end_with_an_error_and_no_byte_is_lost(string cpuFaults)
    {
        using GpuClient gpu = Open(cpuFaults);
        ulong memory = GpuClient.Map(Blocks * Block, Block);
        GpuClient.Touch(memory, Blocks * Block);
        ulong spinMemory = GpuClient.Map(64 << 10);
        uint spinning = gpu.CreateQueue(gpu.Vm);
        gpu.Spin(spinning, spinMemory);
        uint second = gpu.CreateQueue(gpu.Vm);
        ulong control = GpuClient.Map(64 << 10);
        uint stored = 0;
        int[] results = new int[4];
        long rounds = 0;
        Thread[] threads =
        [
            new(() => results[0] = gpu.WaitForWord(spinMemory + 0x8000, 1, -1)),
            new(() => results[1] = gpu.Wait(spinning, spinMemory, 1, -1)),
            new(() =>
            {
                for (uint round = 0; results[2] == 0; round++)
                {
                    results[2] = gpu.Prefetch(memory, Blocks * Block, region: round & 1);
                    Interlocked.Increment(ref rounds);
                }
            }),
            new(() =>
            {
                for (uint value = 1; results[3] == 0; value++)
                {
                    results[3] = gpu.Run(second, control, Commands.Store(memory + (value % Blocks * Block) + 8, value));
                    stored = results[3] == 0 ? value : stored;
                    Interlocked.Increment(ref rounds);
                }
            }),
        ];
        Array.ForEach(threads, thread => thread.Start());
        Assert.True(SpinWait.SpinUntil(() => Interlocked.Read(ref rounds) > 20 && Volatile.Read(ref stored) > 0, s_patience), "Nothing happens.");
        Lose(gpu);
        Assert.All(threads, thread => Assert.True(thread.Join(s_patience), "A thread hangs."));
        Assert.All(results, result => Assert.True(result is -Errno.ECANCELED or -Errno.EIO or -Errno.ENODEV, $"{result}"));
        for (ulong page = 0; page < Blocks * 512; page++)
        {
            Assert.Equal(page, *(ulong*)(memory + (page << 12)));
        }

        Assert.True(stored > 0);
        Assert.True(*(uint*)(memory + (stored % Blocks * Block) + 8) >= stored, "A store whose fence was signalled is lost.");
        GpuClient.Unmap(memory, Blocks * Block);
        GpuClient.Unmap(spinMemory, 64 << 10);
        GpuClient.Unmap(control, 64 << 10);
    }
}
