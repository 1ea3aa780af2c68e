using XeSvm.Simulation;
using XeSvm.Tests.Software;

namespace XeSvm.Tests.Commands;

/// <summary>The commands that change memory or wait for it: how they are encoded, and that the software backend understands them so.</summary>
[Collection(nameof(SoftwareCollection))]
public sealed class GpuBatchMemoryTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(2);

    private readonly XeDevice _device;
    private readonly XeVm _vm;
    private readonly GpuBatch _batch;

    public GpuBatchMemoryTests()
    {
        SoftwareBackend backend = new(new SoftwareBackendOptions { VramBytes = 64 << 20 });
        _device = XeDevice.Open(backend, backend.Enumerate()[0]);
        _vm = _device.CreateMirrorVm();
        _batch = _vm.CreateBatch(64 << 10);
    }

    public void Dispose()
    {
        _batch.Dispose();
        _vm.Dispose();
        _device.Dispose();
    }

    [Fact]
    public void Commands_are_encoded_as_the_hardware_reads_them()
    {
        const ulong address = 0x7fab_1234_5678;
        _batch.AtomicDword(address, GpuAtomic.Increment);
        _batch.AtomicQword(address, GpuAtomic.Decrement);
        _batch.AtomicDword(address, GpuAtomic.Add, 40);
        _batch.CompareAndStoreQword(address, 0x1_0000_0002, 0x3_0000_0004);
        _batch.WaitUntil(address, GpuComparison.Equal, 5);
        _batch.EndUnless(address, GpuComparison.NotEqual, 6);
        _batch.CopyDword(address, address + 4);
        _batch.StoreTimestamp(address);
        _batch.Fill(address, 0xab, 100);

        Assert.Equal(
            (uint[])[
                0x1780_0501, 0x1234_5678, 0x7fab,
                0x1788_2601, 0x1234_5678, 0x7fab,
                0x1784_0709, 0x1234_5678, 0x7fab, 40, 0, 0, 0, 0, 0, 0, 0,
                0x178c_2e09, 0x1234_5678, 0x7fab, 2, 4, 1, 3, 0, 0, 0, 0,
                0x0e00_c002, 5, 0x1234_5678, 0x7fab,
                0x1b20_5002, 6, 0x1234_5678, 0x7fab,
                0x1700_0003, 0x1234_5678, 0x7fab, 0x1234_567c, 0x7fab,
                0x1300_c003, 0x1234_5678, 0x7fab, 0, 0,
                0x56c0_0005, 99, 0, 99, 0x1234_5678, 0x7fab, 0xab00_0000,
            ],
            _batch.Words.ToArray());
    }

    [Fact]
    public void The_software_backend_executes_them()
    {
        using XeQueue queue = _vm.CreateQueue(_device.FindEngine(XeEngineClass.Copy));
        using SvmBuffer<ulong> memory = _vm.Allocate<ulong>(4096);
        using GpuBatch called = _vm.CreateBatch(4096);
        uint[] words = [.. Enumerable.Range(0, 3000).Select(word => (uint)word)];
        called.AtomicQword(memory.GpuAddressOf(0), GpuAtomic.Add, 1UL << 40);
        called.End();
        _batch.Call(called);
        _batch.Call(called);
        _batch.AtomicQword(memory.GpuAddressOf(1), GpuAtomic.UnsignedMaximum, 7);
        _batch.CompareAndStoreQword(memory.GpuAddressOf(2), 0, ulong.MaxValue);
        _batch.CopyDword(memory.GpuAddressOf(3), memory.GpuAddressOf(2));
        _batch.StoreTimestamp(memory.GpuAddressOf(4));
        _batch.Fill(memory.GpuAddressOf(5), 0x11, 8);
        _batch.StoreDwords(memory.GpuAddressOf(1000), words);
        _batch.EndUnless(memory.GpuAddressOf(1), GpuComparison.GreaterThan, 7);
        _batch.StoreQword(memory.GpuAddressOf(6), 1);
        _batch.End();
        queue.Submit(_batch).Wait(s_timeout);

        Assert.Equal([1UL << 41, 7, ulong.MaxValue, uint.MaxValue], memory.Span[..4].ToArray());
        Assert.NotEqual(0UL, memory[4]);
        Assert.Equal(0x1111_1111_1111_1111UL, memory[5]);
        Assert.Equal(0UL, memory[6]);
        Assert.Equal(words, System.Runtime.InteropServices.MemoryMarshal.Cast<ulong, uint>(memory.Span.Slice(1000, 1500)).ToArray());
    }

    [Fact]
    public void A_wait_ends_when_the_CPU_stores_the_value()
    {
        using XeQueue queue = _vm.CreateQueue(_device.FindEngine(XeEngineClass.Copy));
        using SvmBuffer<uint> memory = _vm.Allocate<uint>(1024);
        _batch.WaitUntil(memory.GpuAddressOf(0), GpuComparison.GreaterThanOrEqual, 3);
        _batch.StoreDword(memory.GpuAddressOf(1), 1);
        _batch.End();
        XeFencePoint point = queue.Submit(_batch);
        Assert.Equal(0U, memory[1]);
        memory[0] = 3;
        point.Wait(s_timeout);

        Assert.Equal(1U, memory[1]);
    }

    [Fact]
    public void What_cannot_be_encoded_is_refused_and_adds_nothing()
    {
        Assert.Throws<ArgumentException>(() => _batch.AtomicQword(0x1004, GpuAtomic.Add, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _batch.AtomicDword(0x1000, (GpuAtomic)0xe, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _batch.WaitUntil(0x1000, (GpuComparison)6, 1));
        Assert.Throws<ArgumentException>(() => _batch.EndUnless(0x1001, GpuComparison.Equal, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _batch.Fill(0x1000, 1, 0));
        Assert.Throws<InvalidOperationException>(() => _batch.StoreDwords(0x1000, new uint[20_000]));
        using GpuBatch open = _vm.CreateBatch(4096);
        Assert.Throws<InvalidOperationException>(() => _batch.Call(open));
        Assert.Equal(0, _batch.ByteCount);
    }
}
