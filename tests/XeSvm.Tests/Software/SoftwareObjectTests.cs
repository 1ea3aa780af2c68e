using XeSvm.Interop;
using XeSvm.Simulation;

namespace XeSvm.Tests.Software;

/// <summary>The objects beyond the first slice on the software backend: what its driver answers so far.</summary>
[Collection(nameof(SoftwareCollection))]
public sealed class SoftwareObjectTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(2);

    private readonly XeDevice _device =
        XeDevice.Open(XeBackends.Select(BackendChoice.Software, new SoftwareBackendOptions { VramBytes = 64 << 20 }));

    [Fact]
    public void An_array_of_binds_is_done_in_order()
    {
        using XeVm vm = _device.CreateVm();
        using XeQueue queue = vm.CreateQueue(_device.FindEngine(XeEngineClass.Copy));
        using XeBuffer first = _device.CreateBuffer(8192, MemoryLocation.System);
        using XeBuffer second = _device.CreateBuffer(4096, MemoryLocation.Device());
        using XeBufferMapping cpu = second.Map();
        using GpuBatch batch = vm.CreateBatch(4096);
        vm.Bind(
            XeBindOperation.Map(first, 0, new GpuRange(0x4000_0000, 8192)),
            XeBindOperation.Map(second, 0, new GpuRange(0x4000_1000, 4096)));
        batch.StoreDword(0x4000_0000, 11);
        batch.StoreDword(0x4000_1000, 22);
        batch.End();

        queue.Submit(batch).Wait(s_timeout);

        Assert.Equal((11, 0, 22), (first.Span[0], first.Span[4096], cpu.Span[0]));
    }

    [Fact]
    public void Of_an_array_with_a_mistake_nothing_is_done()
    {
        using XeVm vm = _device.CreateVm();
        using XeQueue queue = vm.CreateQueue(_device.FindEngine(XeEngineClass.Copy));
        using XeBuffer buffer = _device.CreateBuffer(4096, MemoryLocation.System);
        using GpuBatch batch = vm.CreateBatch(4096);
        batch.StoreDword(0x4000_0000, 11);
        batch.End();

        XeResult result = vm.TryBind(
            XeBindOperation.Map(buffer, 0, new GpuRange(0x4000_0000, 4096)),
            XeBindOperation.Map(buffer, 4096, new GpuRange(0x5000_0000, 4096)));

        Assert.Equal(Errno.EINVAL, result.Errno);
        Assert.Equal(Errno.EIO, queue.Submit(batch).TryWait(s_timeout).Errno);
        Assert.True(queue.IsBanned);
        Assert.Equal(0, buffer.Span[0]);
    }

    [Fact]
    public void A_bind_that_is_not_waited_for_raises_the_programs_own_fence()
    {
        using XeVm vm = _device.CreateVm();
        using XeUserFence fence = _device.CreateUserFence();
        using XeBuffer buffer = _device.CreateBuffer(4096, MemoryLocation.System);

        vm.SubmitBind([XeBindOperation.Map(buffer, 0, new GpuRange(0x4000_0000, 4096))], [XeSync.Signal(fence, 5)]);
        fence.Wait(5, s_timeout);
        vm.SubmitBind([XeBindOperation.Unmap(new GpuRange(0x4000_0000, 4096))], [XeSync.Signal(fence, 6)]);
        using CancellationTokenSource source = new();
        fence.Wait(6, s_timeout, source.Token);

        Assert.Equal(6UL, fence.CurrentValue);
    }

    [Fact]
    public void A_mapping_of_a_buffer_outlives_buffer_and_device()
    {
        XeBuffer buffer = _device.CreateBuffer(1 << 20, MemoryLocation.Device());
        XeBufferMapping mapping = buffer.Map();
        mapping.Span.Fill(5);
        buffer.Dispose();
        _device.Dispose();

        Assert.False(mapping.Span.ContainsAnyExcept((byte)5));
        mapping.Dispose();
    }

    [Fact]
    public async Task Memory_is_prefetched_and_advised_in_the_background_and_loses_nothing()
    {
        using XeVm vm = _device.CreateMirrorVm();
        using SvmBuffer<uint> buffer = vm.Allocate<uint>(1 << 20);
        for (nuint index = 0; index < buffer.Length; index += 1024)
        {
            buffer[index] = (uint)index;
        }

        buffer.Advise(Advice.PreferredLocation(MemoryLocation.Device()));
        buffer.Slice(0, 1 << 19).AtomicAccess = AtomicAccess.Device;
        await buffer.PrefetchAsync(MemoryLocation.Device());
        await buffer.Slice(1 << 19, 1 << 19).PrefetchAsync(MemoryLocation.System);

        for (nuint index = 0; index < buffer.Length; index += 1024)
        {
            Assert.Equal((uint)index, buffer[index]);
        }
    }

    [Fact]
    public void A_snapshot_can_be_taken_and_says_what_the_driver_does_not_tell()
    {
        XeDeviceSnapshot snapshot = _device.QuerySnapshot();

        Assert.Equal(_device.Engines, snapshot.Engines);
        Assert.Equal(_device.Gts, snapshot.Gts);
        Assert.All(snapshot.Unavailable.Values, result => Assert.False(result.IsSuccess));
        Assert.Equal(snapshot.Topology.Count == 0, snapshot.Unavailable.ContainsKey("GT_TOPOLOGY"));
    }

    public void Dispose() => _device.Dispose();
}
