using System.Buffers;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Memory;

public sealed class SvmBufferTests : IDisposable
{
    private const int TwoMegabytes = 2 << 20;

    private readonly ScriptedBackend _backend = new();
    private readonly XeDevice _device;
    private readonly XeVm _vm;

    public SvmBufferTests()
    {
        _device = XeDevice.Open(_backend, _backend.Nodes[0]);
        _vm = _device.CreateMirrorVm();
    }

    [Theory]
    [InlineData(1, 4096, 4096)]
    [InlineData(4097, 8192, 4096)]
    [InlineData(TwoMegabytes, TwoMegabytes, TwoMegabytes)]
    [InlineData(TwoMegabytes + 1, TwoMegabytes + 4096, TwoMegabytes)]
    public void Memory_is_zero_page_aligned_and_large_memory_aligned_to_2_MiB(int length, int byteLength, ulong alignment)
    {
        using SvmBuffer<byte> buffer = _vm.Allocate<byte>((nuint)length);

        Assert.Equal((nuint)byteLength, buffer.ByteLength);
        Assert.Equal(0UL, buffer.GpuAddress % alignment);
        Assert.Equal(length, buffer.Span.Length);
        Assert.False(buffer.Span.ContainsAnyExcept((byte)0));
        Assert.Equal(new GpuRange(buffer.GpuAddress, (ulong)byteLength), buffer.Range);
    }

    [Fact]
    public void Elements_are_reached_by_index_and_span_at_the_gpus_address()
    {
        using SvmBuffer<ulong> buffer = _vm.Allocate<ulong>(1000);
        buffer[999] = 7;

        Assert.Equal(7UL, buffer.AsSpan(990, 10)[9]);
        Assert.Equal(buffer.GpuAddress + 999 * 8, buffer.GpuAddressOf(999));
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer[1000]);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.AsSpan(991, 10).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.AsSpan(0, -1).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.GpuAddressOf(1000));
    }

    [Fact]
    public void More_elements_than_a_span_holds_are_reached_in_parts()
    {
        // Addresses only: nothing of the 3 GiB is touched but one page.
        using SvmBuffer<byte> buffer = _vm.Allocate<byte>(3u << 30);

        Assert.Throws<InvalidOperationException>(() => buffer.Span.Length);
        buffer.AsSpan((3u << 30) - 16, 16)[15] = 9;
        Assert.Equal(9, buffer[(3u << 30) - 1]);
    }

    [Fact]
    public void Sizes_that_cannot_be_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _vm.Allocate<byte>(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _vm.Allocate<ulong>(nuint.MaxValue / 4));
        XeException exception = Assert.Throws<XeException>(() => _vm.Allocate<byte>(nuint.MaxValue - 5000));
        Assert.Throws<XeException>(() => _vm.Allocate<byte>(nuint.MaxValue));

        Assert.Equal("ENOMEM", exception.ErrnoName);
    }

    [Fact]
    public void A_pin_keeps_the_memory_after_disposal()
    {
        SvmBuffer<int> buffer = _vm.Allocate<int>(100);
        Memory<int> memory = buffer.AsMemory(10, 20);
        MemoryHandle pin = memory.Pin();
        buffer.Dispose();

        unsafe
        {
            ((int*)pin.Pointer)[0] = 5;
            Assert.Equal(5, ((int*)pin.Pointer)[0]);
        }

        Assert.Throws<ObjectDisposedException>(() => memory.Span.Length);
        pin.Dispose();
        _vm.Dispose();
        _device.Dispose();
        Assert.True(_backend.File.IsClosed);
    }

    [Fact]
    public void Memory_shows_the_elements_and_can_be_sliced()
    {
        using SvmBuffer<int> buffer = _vm.Allocate<int>(100);
        Memory<int> memory = buffer.AsMemory(10, 20);
        memory.Span[0] = 3;
        memory[5..].Span[0] = 4;

        Assert.Equal((3, 4), (buffer[10], buffer[15]));
        Assert.Equal(20, memory.Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.AsMemory(90, 11));
    }

    [Fact]
    public void A_disposed_buffer_refuses_access()
    {
        SvmBuffer<int> buffer = _vm.Allocate<int>(1);
        buffer.Dispose();

        Assert.Throws<ObjectDisposedException>(() => buffer.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => buffer[0]);
        Assert.Throws<ObjectDisposedException>(() => buffer.GpuAddress);
        Assert.Throws<ObjectDisposedException>(() => buffer.AsMemory(0, 1));
    }

    public void Dispose()
    {
        _vm.Dispose();
        _device.Dispose();
    }
}
