using XeSvm.Interop;
using XeSvm.Management;
using XeSvm.Simulation;
using XeSvm.Tests.Software;

namespace XeSvm.Tests.Peers;

/// <summary>Prefetches to another device's VRAM, by VMs and by managers.</summary>
[Collection(nameof(SoftwareCollection))]
public sealed class PeerPrefetchTests
{
    private const ulong Mega = 1 << 20;

    [Fact]
    public void A_prefetch_to_a_named_device_goes_there_and_stays_there_when_the_own_one_touches_it()
    {
        using PeerDevices pair = new("dual-bmg");
        using XeVm vm = pair.Near.CreateMirrorVm();
        using XeVm peer = pair.Far.CreateMirrorVm();
        using XeQueue queue = vm.CreateQueue(pair.Near.FindEngine(XeEngineClass.Copy));
        using SvmBuffer<uint> buffer = vm.Allocate<uint>((nuint)Mega);
        buffer.Span.Fill(3);
        vm.Prefetch(buffer.Range, MemoryLocation.Device(pair.Near));
        ulong near = PeerDevices.Used(pair.Near);
        ulong far = PeerDevices.Used(pair.Far);

        vm.Prefetch(buffer.Range, MemoryLocation.Device(pair.Far));

        Assert.Equal((near - (4 * Mega), far + (4 * Mega)), (PeerDevices.Used(pair.Near), PeerDevices.Used(pair.Far)));
        Assert.Contains("pcie-p2p.migrated_bytes: 4194304", pair.Counters(), StringComparison.Ordinal);
        using GpuBatch batch = vm.CreateBatch(4096);
        batch.StoreDword(buffer.GpuAddressOf(5), 42);
        batch.End();
        queue.Submit(batch).Wait(TimeSpan.FromSeconds(60));
        Assert.Equal(far + (4 * Mega), PeerDevices.Used(pair.Far));
        Assert.Contains("pcie-p2p.accessed_bytes: 4", pair.Counters(), StringComparison.Ordinal);
        Assert.Equal((42u, 3u), (buffer[5], buffer[6]));
    }

    [Fact]
    public async Task Several_ranges_and_parts_go_to_a_named_device_too()
    {
        using PeerDevices pair = new("dual-bmg");
        using XeVm vm = pair.Near.CreateMirrorVm();
        using XeVm peer = pair.Far.CreateMirrorVm();
        using SvmBuffer<uint> buffer = vm.Allocate<uint>((nuint)(2 * Mega));
        buffer.Span.Fill(3);
        GpuRange first = buffer.Slice(0, (nuint)Mega / 2).Range;
        GpuRange last = buffer.Slice((nuint)(3 * Mega / 2), (nuint)Mega / 2).Range;
        ulong far = PeerDevices.Used(pair.Far);

        vm.Prefetch([first, last], MemoryLocation.Device(pair.Far));
        Assert.Equal(far + (4 * Mega), PeerDevices.Used(pair.Far));
        await vm.PrefetchAsync(buffer.Range, MemoryLocation.Device(pair.Far));
        Assert.Equal(far + (8 * Mega), PeerDevices.Used(pair.Far));
        Assert.True(buffer.Span.IndexOfAnyExcept(3u) < 0);
    }

    [Fact]
    public void Without_a_way_nothing_is_advised_and_nothing_moves()
    {
        using PeerDevices pair = new("pair-isolated");
        using XeVm vm = pair.Near.CreateMirrorVm();
        using XeVm peer = pair.Far.CreateMirrorVm();
        using SvmBuffer<uint> buffer = vm.Allocate<uint>((nuint)Mega);
        buffer.Span.Fill(3);
        ulong far = PeerDevices.Used(pair.Far);

        Assert.Equal(Errno.ENOLINK, vm.TryPrefetch(buffer.Range, MemoryLocation.Device(pair.Far)).Errno);
        XeException refused = Assert.Throws<XeException>(() => vm.Prefetch(buffer.Range, MemoryLocation.Device(pair.Far)));

        Assert.Equal(Errno.ENOLINK, refused.Errno);
        Assert.Equal(Errno.EINVAL, vm.TryPrefetch(buffer.Range, MemoryLocation.Device(pair.Far, 3)).Errno);
        Assert.Equal(far, PeerDevices.Used(pair.Far));
        vm.Prefetch(buffer.Range, MemoryLocation.Default);
        Assert.Equal(far, PeerDevices.Used(pair.Far));
    }

    [Fact]
    public void An_operation_of_a_bind_cannot_name_another_device_and_the_error_says_what_can()
    {
        using PeerDevices pair = new("dual-bmg");
        using XeVm vm = pair.Near.CreateMirrorVm();
        using SvmBuffer<uint> buffer = vm.Allocate<uint>((nuint)Mega);
        XeBindOperation operation = XeBindOperation.Prefetch(buffer.Range, MemoryLocation.Device(pair.Far));

        Assert.Equal(Errno.EINVAL, vm.TryBind([operation]).Errno);
        XeException refused = Assert.Throws<XeException>(() => vm.Bind([operation]));
        Assert.Contains("regions of the VM's own device", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_manager_moves_memory_to_another_device_and_has_its_room_back()
    {
        using PeerDevices pair = new("dual-bmg");
        using SvmManager manager = new(pair.Near, new SvmManagerOptions { BlockBytes = 2 << 20, VramLimit = 4 * Mega });
        using XeVm peer = pair.Far.CreateMirrorVm();
        using SvmBuffer<uint> one = manager.Allocate<uint>((nuint)Mega);
        using SvmBuffer<uint> other = manager.Allocate<uint>((nuint)Mega);
        one.Span.Fill(1);
        other.Span.Fill(2);
        manager.Prefetch(one.Range, MemoryLocation.Device(pair.Near));
        Assert.All(Blocks(one), block => Assert.True(block.IsOnDevice && block.Location == MemoryLocation.Device()));
        ulong far = PeerDevices.Used(pair.Far);

        SvmPrefetchOutcome outcome = manager.Prefetch(one.Range, MemoryLocation.Device(pair.Far));
        Assert.Equal(new SvmPrefetchOutcome(4 * Mega, 4 * Mega, 0, 0), outcome);
        Assert.Equal(far + (4 * Mega), PeerDevices.Used(pair.Far));
        Assert.All(Blocks(one), block => Assert.Equal((MemoryLocation.Device(pair.Far), MemoryLocation.Device(pair.Far), false), (block.Location, block.Advised, block.IsOnDevice)));

        // All of the limit is free again, so nothing has to leave.
        Assert.Equal(new SvmPrefetchOutcome(4 * Mega, 4 * Mega, 0, 0), manager.Prefetch(other.Range, MemoryLocation.Device()));
        Assert.Equal(far + (4 * Mega), PeerDevices.Used(pair.Far));
        Assert.True(one.Span.IndexOfAnyExcept(1u) < 0 && other.Span.IndexOfAnyExcept(2u) < 0);

        IEnumerable<PlacementBlock> Blocks(SvmBuffer<uint> buffer) => manager.GetPlacement().Where(block => block.Range.Address >= buffer.GpuAddress
            && block.Range.Address < buffer.GpuAddress + (4 * Mega));
    }

    [Fact]
    public void A_manager_whose_device_has_no_way_there_says_so_and_its_account_stays()
    {
        using PeerDevices pair = new("pair-isolated");
        using SvmManager manager = new(pair.Near, new SvmManagerOptions { BlockBytes = 2 << 20 });
        using XeVm peer = pair.Far.CreateMirrorVm();
        using SvmBuffer<uint> buffer = manager.Allocate<uint>((nuint)Mega);
        manager.Prefetch(buffer.Range, MemoryLocation.Device());

        Assert.Equal(Errno.ENOLINK, manager.TryPrefetch(buffer.Range, MemoryLocation.Device(pair.Far), out _).Errno);
        Assert.All(manager.GetPlacement(), block => Assert.True(block.IsOnDevice && block.Advised.IsDefault));
    }
}
