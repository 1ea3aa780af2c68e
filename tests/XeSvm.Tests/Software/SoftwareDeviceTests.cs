using CsCheck;
using XeSvm.Interop;
using XeSvm.Simulation;
using XeSvm.Statistics;

namespace XeSvm.Tests.Software;

/// <summary>The object layer on the software backend.</summary>
[Collection(nameof(SoftwareCollection))]
public sealed class SoftwareDeviceTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(2);

    private readonly XeDevice _device = Open();

    [Fact]
    public void The_device_mirrors_cpu_addresses_and_has_vram()
    {
        Assert.Equal("software", _device.BackendName);
        Assert.True(_device.Capabilities.SupportsCpuAddressMirror);
        Assert.Equal(64UL << 20, _device.MemoryRegions.Single(region => region.MemoryClass == XeMemoryClass.Vram).TotalSize);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_store_and_a_copy_by_the_gpu_are_seen_by_the_cpu(bool batchInProcessMemory)
    {
        using XeVm vm = _device.CreateMirrorVm();
        using XeQueue queue = vm.CreateQueue(_device.FindEngine(XeEngineClass.Copy));
        using SvmBuffer<byte> source = vm.Allocate<byte>(200_000);
        using SvmBuffer<byte> destination = vm.Allocate<byte>(200_000);
        using GpuBatch batch = batchInProcessMemory ? vm.CreateBatchInProcessMemory(4096) : vm.CreateBatch(4096);
        new Random(1).NextBytes(source.Span);
        batch.Copy(destination.GpuAddress, source.GpuAddress, 199_999);
        batch.StoreQword(destination.GpuAddressOf(8), 0x1122334455667788);
        batch.End();

        queue.Submit(batch).Wait(s_timeout);

        byte[] expected = source.Span.ToArray();
        BitConverter.TryWriteBytes(expected.AsSpan(8), 0x1122334455667788);
        expected[199_999] = 0;
        Assert.True(destination.Span.SequenceEqual(expected));
    }

    [Fact]
    public void A_store_outside_any_mapping_bans_the_queue_and_the_process_lives()
    {
        using XeVm vm = _device.CreateMirrorVm();
        using XeQueue queue = vm.CreateQueue(_device.FindEngine(XeEngineClass.Copy));
        using GpuBatch batch = vm.CreateBatch(4096);
        batch.StoreDword(0x1000, 1);
        batch.End();

        XeException wait = Assert.Throws<XeException>(() => queue.Submit(batch).Wait(s_timeout));
        XeException exec = Assert.Throws<XeException>(() => queue.Submit(batch));

        Assert.Equal((Errno.EIO, Errno.ECANCELED), (wait.Errno, exec.Errno));
        Assert.Contains("The queue was banned", wait.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_buffer_in_vram_is_bound_and_reached_by_cpu_and_gpu()
    {
        using XeVm vm = _device.CreateVm();
        using XeQueue queue = vm.CreateQueue(_device.FindEngine(XeEngineClass.Copy));
        using XeBuffer buffer = _device.CreateBuffer(8192, MemoryLocation.Device());
        using GpuBatch batch = vm.CreateBatch(4096);
        vm.Bind(buffer, 4096, new GpuRange(0x4000_0000, 4096));
        batch.StoreDword(0x4000_0010, 77);
        batch.End();

        queue.Submit(batch).Wait(s_timeout);
        vm.Unbind(new GpuRange(0x4000_0000, 4096));

        Assert.Equal(77, buffer.Span[4096 + 16]);
        Assert.Equal(Errno.EIO, queue.Submit(batch).TryWait(s_timeout).Errno);
    }

    [Fact]
    public void Prefetched_memory_does_not_fault()
    {
        using XeVm vm = _device.CreateMirrorVm();
        using XeQueue queue = vm.CreateQueue(_device.FindEngine(XeEngineClass.Copy));
        using SvmBuffer<uint> buffer = vm.Allocate<uint>(1 << 19);
        using GpuBatch batch = vm.CreateBatch(4096);
        buffer.Span.Fill(3);
        batch.StoreDword(buffer.GpuAddress, 4);
        batch.End();
        vm.Prefetch(buffer.Range, MemoryLocation.Device());
        GtStatistics before = _device.ReadGtStatistics();

        queue.Submit(batch).Wait(s_timeout);

        CounterDelta delta = GtStatisticsDelta.Between(before, _device.ReadGtStatistics()).Counters;
        Assert.True(delta.TryGet("svm_pagefault_count", out ulong faults));
        Assert.Equal(0UL, faults);
        Assert.Equal((4u, 3u), (buffer[0], buffer[1]));
    }

    [Fact]
    public void Memory_that_prefers_the_system_is_not_migrated()
    {
        using XeVm vm = _device.CreateMirrorVm();
        using XeQueue queue = vm.CreateQueue(_device.FindEngine(XeEngineClass.Copy));
        using SvmBuffer<uint> buffer = vm.Allocate<uint>(1 << 19);
        using GpuBatch batch = vm.CreateBatch(4096);
        buffer.Span.Fill(3);
        batch.StoreDword(buffer.GpuAddress, 4);
        batch.End();
        vm.Advise(buffer.Range, MemoryLocation.System);
        GtStatistics before = _device.ReadGtStatistics();

        queue.Submit(batch).Wait(s_timeout);

        CounterDelta delta = GtStatisticsDelta.Between(before, _device.ReadGtStatistics()).Counters;
        Assert.True(delta.TryGet("svm_pagefault_count", out ulong faults));
        Assert.True(delta.TryGet("svm_2M_migrate_count", out ulong migrations));
        Assert.Equal((1UL, 0UL), (faults, migrations));
        Assert.Equal(4u, buffer[0]);
    }

    [Fact]
    public void Objects_may_be_disposed_in_any_order_while_the_gpu_works() =>
        Gen.Shuffle(Enumerable.Range(0, 5).ToArray()).Sample(
            order =>
            {
                XeDevice device = Open();
                XeVm vm = device.CreateMirrorVm();
                XeQueue queue = vm.CreateQueue(device.FindEngine(XeEngineClass.Copy));
                SvmBuffer<uint> buffer = vm.Allocate<uint>(1 << 16);
                GpuBatch batch = vm.CreateBatch(8192);
                for (nuint page = 0; page < 64; page++)
                {
                    batch.StoreDword(buffer.GpuAddressOf(page * 1024), 1);
                }

                batch.End();
                queue.Submit(batch);
                IDisposable[] objects = [device, vm, queue, buffer, batch];
                foreach (int index in order)
                {
                    objects[index].Dispose();
                }
            },
            iter: 30,
            threads: 1);

    public void Dispose() => _device.Dispose();

    private static XeDevice Open() =>
        XeDevice.Open(XeBackends.Select(BackendChoice.Software, new SoftwareBackendOptions { VramBytes = 64 << 20 }));
}
