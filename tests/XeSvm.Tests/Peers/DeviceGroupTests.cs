using XeSvm.Management;
using XeSvm.Peers;
using XeSvm.Tests.Software;

namespace XeSvm.Tests.Peers;

/// <summary>Managers of several devices that decide together.</summary>
[Collection(nameof(SoftwareCollection))]
public sealed class DeviceGroupTests
{
    private const ulong Mega = 1 << 20;

    [Fact]
    public void Memory_follows_the_device_that_uses_it_most()
    {
        using Group group = new("dual-bmg");
        using SvmBuffer<uint> buffer = group.Allocate(2 * Mega);
        buffer.Span.Fill(7);
        ulong[] empty = group.Used();

        group.UseOften(0, buffer.Range, times: 1);
        group.Balance();
        Assert.Equal([0], group.Places());
        Assert.Equal(empty[0] + (2 * Mega), group.Used()[0]);

        group.UseOften(1, buffer.Range, times: 40);
        group.Balance();
        group.Balance();
        Assert.Equal([1], group.Places());
        Assert.Equal([empty[0], empty[1] + (2 * Mega)], group.Used());
        Assert.Contains("pcie-p2p.migrated_bytes: 2097152", group.Machine.Counters(), StringComparison.Ordinal);
        Assert.Equal(MemoryLocation.Device(group.Machine.Far), group.Managers[0].GetPlacement()[0].Location);
        Assert.False(group.Managers[0].GetPlacement()[0].IsOnDevice);
        Assert.True(buffer.Span.IndexOfAnyExcept(7u) < 0);
    }

    [Fact]
    public void What_has_no_room_goes_to_the_neighbour_and_is_used_there()
    {
        using Group group = new("dual-bmg", limits: [4 * Mega, 32 * Mega]);
        using SvmBuffer<uint> buffer = group.Allocate(8 * Mega);
        buffer.Span.Fill(7);

        group.UseOften(0, buffer.Range, times: 2);
        group.Balance();

        // Of 4 MiB the high watermark leaves less than two blocks.
        Assert.Equal([0, 1, 1, 1], group.Places().Order());
        Assert.All(group.Managers[0].GetPlacement().Where(block => !block.IsOnDevice), block => Assert.Equal(MemoryLocation.Device(group.Machine.Far), block.Advised));
        Assert.True(buffer.Span.IndexOfAnyExcept(7u) < 0);
    }

    [Fact]
    public void In_a_quad_each_block_goes_to_its_user_and_what_all_use_where_there_is_room()
    {
        using Group group = new("quad-fabric-virtual", limits: [4 * Mega, 4 * Mega, 4 * Mega, 16 * Mega]);
        using SvmBuffer<uint> buffer = group.Allocate(10 * Mega);
        buffer.Span.Fill(7);
        GpuRange Block(int index) => buffer.Slice((nuint)((ulong)index * 2 * Mega / 4), (nuint)(2 * Mega / 4)).Range;

        for (int device = 0; device < 4; device++)
        {
            group.UseOften(device, Block(3 - device), times: 3);
        }

        group.Balance();
        Assert.Equal([3, 2, 1, 0, -1], group.Places());

        for (int device = 0; device < 4; device++)
        {
            group.UseOften(device, Block(3 - device), times: 3);
            group.UseOften(device, Block(4), times: 3);
        }

        group.Balance();
        group.Balance();
        Assert.Equal(3, group.Places()[4]);
        Assert.True(buffer.Span.IndexOfAnyExcept(7u) < 0);
    }

    [Fact]
    public void What_is_in_use_stays_and_without_a_way_what_both_use_is_in_system_memory()
    {
        using Group group = new("pair-isolated");
        using SvmBuffer<uint> buffer = group.Allocate(2 * Mega);
        buffer.Span.Fill(7);
        SvmUse use = group.Managers[0].Use(buffer.Range);
        group.Balance();
        Assert.Equal([0], group.Places());

        group.UseOften(1, buffer.Range, times: 40);
        group.Balance();
        Assert.Equal([0], group.Places());

        use.Dispose();
        group.UseOften(1, buffer.Range, times: 40);
        group.Balance();
        group.Balance();
        Assert.Equal([-1], group.Places());
        Assert.All(group.Managers, manager => Assert.Equal(MemoryLocation.System, manager.GetPlacement()[0].Advised));
        Assert.True(buffer.Span.IndexOfAnyExcept(7u) < 0);
    }

    [Fact]
    public void Memory_that_the_cpu_will_use_comes_home_whoever_is_told_and_every_account_is_right()
    {
        using Group group = new("dual-bmg");
        using SvmBuffer<uint> buffer = group.Allocate(2 * Mega);
        ulong[] empty = group.Used();
        group.UseOften(0, buffer.Range, times: 1);
        group.Balance();
        group.UseOften(1, buffer.Range, times: 40);
        group.Balance();
        group.Balance();
        Assert.Equal([1], group.Places());

        group.Managers[1].Hint(buffer.Range, SvmHint.WillUseOnCpu);
        group.Balance();
        group.Balance();
        Assert.Equal(empty, group.Used());
        Assert.All(group.Managers, manager => Assert.False(manager.GetPlacement()[0].IsOnDevice));
    }

    [Fact]
    public void Memory_that_is_gone_is_forgotten_and_its_address_can_be_used_again()
    {
        using Group group = new("dual-bmg");
        for (int round = 0; round < 3; round++)
        {
            using SvmBuffer<uint> buffer = group.Allocate(2 * Mega);
            group.UseOften(round % 2, buffer.Range, times: 2);
            group.Balance();
            Assert.Equal([round % 2], group.Places());
            group.Managers[1].Release(group.Managed!);
        }

        group.Balance();
        Assert.Empty(group.Managers[0].GetPlacement());
    }

    [Fact]
    public void Deciding_allocates_nothing()
    {
        using Group group = new("dual-bmg");
        PlacementPolicy policy = group.Managers[0].Policy;
        PlacementBlock[] blocks = [.. Enumerable.Range(0, 8).Select(index => new PlacementBlock(
            new GpuRange((ulong)index * 2 * Mega, 2 * Mega), MemoryLocation.Default, MemoryLocation.Default, SvmHint.None, index, false))];
        PlacementDecision[] decisions = new PlacementDecision[8];
        PlacementState state = new(MemoryLocation.Device(), true, 64 * Mega, 0, default);
        policy.Place(state, blocks, decisions);
        Assert.Equal([null, 0, 0, 0, 0, 0, 0, 0], decisions.Select(decision => (int?)decision.Move?.VramIndex));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            policy.Place(state, blocks, decisions);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Bad_input_is_named()
    {
        using PeerDevices machine = new("dual-bmg");
        MachineTopology pair = MachineTopology.Load("pair-p2p");
        Assert.Contains("has 2 devices; 1 were given", Assert.Throws<ArgumentException>(() => new DeviceGroup(pair, [machine.Near])).Message, StringComparison.Ordinal);
        Assert.Contains("is device 1", Assert.Throws<ArgumentException>(() => new DeviceGroup(pair, [machine.Far, machine.Near])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new DeviceGroup(pair, machine.Devices, new DevicePlacementOptions { LowWatermark = 2 }));
        DeviceGroup group = new(pair, machine.Devices);
        Assert.Throws<ArgumentOutOfRangeException>(() => group.PolicyFor(2));
        Assert.Throws<ArgumentOutOfRangeException>(() => group.PolicyFor(-1));
        Assert.Equal("nearest-device", group.PolicyFor(1).Name);
    }

    /// <summary>A machine with a manager for each device, all of which have the same memory in their account.</summary>
    private sealed class Group : IDisposable
    {
        internal Group(string name, ulong[]? limits = null)
        {
            Machine = new PeerDevices(name);
            Assert.True(MachinePlace.TryFind(Machine.Near, out MachinePlace? place, out string? reason), reason);
            DeviceGroup group = new(place.Topology, Machine.Devices);
            Managers = [.. Machine.Devices.Select((device, index) => new SvmManager(
                device, new SvmManagerOptions { BlockBytes = 2 << 20, VramLimit = limits?[index], Policy = group.PolicyFor(index) }))];
        }

        internal PeerDevices Machine { get; }

        internal SvmManager[] Managers { get; }

        /// <summary>The second manager's account of the memory that was allocated last.</summary>
        internal SvmRange? Managed { get; private set; }

        internal SvmBuffer<uint> Allocate(ulong bytes)
        {
            SvmBuffer<uint> buffer = Managers[0].Allocate<uint>((nuint)(bytes / sizeof(uint)));
            for (int index = Managers.Length - 1; index > 0; index--)
            {
                Managed = Managers[index].Manage((nint)buffer.Range.Address, (nuint)buffer.Range.Length);
            }

            return buffer;
        }

        internal void UseOften(int device, GpuRange range, int times)
        {
            for (int time = 0; time < times; time++)
            {
                Managers[device].Use(range).Dispose();
            }
        }

        /// <summary>Every manager decides once with what all know, and once more with what the others did.</summary>
        internal void Balance()
        {
            for (int index = 0; index < 2 * Managers.Length; index++)
            {
                SvmBalanceReport report = Managers[index % Managers.Length].Balance();
                Assert.True(report.Result.IsSuccess, report.Result.ToString());
            }
        }

        /// <summary>For each block, the device whose account alone has it; -1 for none.</summary>
        internal int[] Places()
        {
            IReadOnlyList<PlacementBlock>[] accounts = [.. Managers.Select(manager => manager.GetPlacement())];
            return [.. Enumerable.Range(0, accounts[0].Count).Select(block =>
            {
                int[] holders = [.. Enumerable.Range(0, accounts.Length).Where(device => accounts[device][block].IsOnDevice)];
                Assert.InRange(holders.Length, 0, 1);
                return holders.Length == 0 ? -1 : holders[0];
            })];
        }

        internal ulong[] Used() => [.. Machine.Devices.Select(PeerDevices.Used)];

        public void Dispose()
        {
            foreach (SvmManager manager in Managers)
            {
                manager.Dispose();
            }

            Machine.Dispose();
        }
    }
}
