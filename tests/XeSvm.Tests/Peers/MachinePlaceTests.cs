using XeSvm.Interop;
using XeSvm.Peers;
using XeSvm.Simulation;
using XeSvm.Tests.Software;

namespace XeSvm.Tests.Peers;

/// <summary>Several devices through the library: where each is, which ways there are, and memory that both use.</summary>
[Collection(nameof(SoftwareCollection))]
public class MachinePlaceTests
{
    [Theory]
    [InlineData("dual-bmg", 2, MachineRoute.PciePeer, 4)]
    [InlineData("pair-isolated", 2, MachineRoute.None, -1)]
    [InlineData("quad-fabric-virtual", 4, MachineRoute.FabricVirtual, 1)]
    public void A_device_knows_its_machine_and_the_ways_from_it(string name, int devices, MachineRoute route, int distance)
    {
        using var backend = new SoftwareBackend(new SoftwareBackendOptions { Device = name, VramBytes = 64 << 20 });
        using XeDevice device = XeDevice.Open(backend, backend.Enumerate()[1]);
        Assert.True(MachinePlace.TryFind(device, out MachinePlace? place, out _));
        Assert.Equal((1, devices, name), (place.Index, place.Topology.Devices.Count, place.Topology.Name));
        Assert.Equal((route, distance), (place.LinkTo(0).Route, place.LinkTo(0).Distance));
        Assert.Equal([route, MachineRoute.Local], place.Links.Take(2).Select(link => link.Route));
        Assert.Equal(64UL << 20, place.Device.VramBytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => place.LinkTo(devices));
    }

    [Fact]
    public void A_device_without_memory_of_its_own_has_no_place()
    {
        using var backend = new SoftwareBackend(new SoftwareBackendOptions { Device = "lnl" });
        using XeDevice device = XeDevice.Open(backend, backend.Enumerate()[0]);
        Assert.False(MachinePlace.TryFind(device, out MachinePlace? place, out string? reason));
        Assert.Null(place);
        Assert.Contains("integrated", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Advice_for_a_named_device_brings_memory_there_and_another_uses_it_in_place()
    {
        using var backend = new SoftwareBackend(new SoftwareBackendOptions { Device = "dual-bmg", VramBytes = 64 << 20 });
        IReadOnlyList<DrmNode> nodes = backend.Enumerate();
        using XeDevice near = XeDevice.Open(backend, nodes[0]);
        using XeDevice far = XeDevice.Open(backend, nodes[1]);
        using XeVm vm = near.CreateMirrorVm();
        using XeQueue queue = vm.CreateQueue(near.FindEngine(XeEngineClass.Copy));
        using SvmBuffer<uint> buffer = vm.Allocate<uint>(1 << 19);
        buffer.Span.Fill(1);
        vm.Advise(buffer.Range, MemoryLocation.Device(far));
        using GpuBatch batch = vm.CreateBatch(4096);
        batch.StoreDword(buffer.GpuAddressOf(5), 42);
        batch.End();
        queue.Submit(batch).Wait(TimeSpan.FromMinutes(1));
        string peers = near.ReadDebugFile("peers").Text!;
        Assert.Contains("get_pages.cookie_alloc: 1", peers, StringComparison.Ordinal);
        Assert.Contains("pcie-p2p.accessed_bytes: 4", peers, StringComparison.Ordinal);
        Assert.Equal((42u, 1u), (buffer[5], buffer[6]));

        using XeDevice alone = XeDevice.Open(new SoftwareBackend(new SoftwareBackendOptions { VramBytes = 64 << 20 }), nodes[0]);
        Assert.Equal(Errno.ENOLINK, vm.TryAdvise(buffer.Range, MemoryLocation.Device(alone)).Errno);
    }
}
