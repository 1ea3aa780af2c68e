using XeSvm.Peers;

namespace XeSvm.Tests.Peers;

/// <summary>Which device's VRAM memory belongs into.</summary>
public class DevicePlacementTests
{
    private const ulong Megabyte = 1 << 20;
    private static readonly MachineTopology s_pair = MachineTopology.Load("pair-p2p");
    private static readonly MachineTopology s_quad = MachineTopology.Load("quad-fabric-virtual");
    private static readonly MachineTopology s_isolated = MachineTopology.Load("pair-isolated");

    [Fact]
    public void Memory_goes_to_the_device_that_uses_it_most()
    {
        DevicePlacement placement = new(s_pair);
        Assert.Equal(0, placement.Choose(2 * Megabyte, null, [8e6, 1e6], Empty(2)).Device);
        Assert.Equal(1, placement.Choose(2 * Megabyte, null, [1e6, 8e6], Empty(2)).Device);
    }

    [Fact]
    public void It_stays_where_it_is_unless_moving_is_worth_it()
    {
        DevicePlacement placement = new(s_pair);
        Assert.Equal(0, placement.Choose(2 * Megabyte, 0, [1e6, 1.2e6], Empty(2)).Device);
        Assert.Equal(0, placement.Choose(64 * Megabyte, 0, [1e6, 8e6], Empty(2)).Device);
        Assert.Equal(1, placement.Choose(2 * Megabyte, 0, [1e6, 64e6], Empty(2)).Device);
    }

    [Fact]
    public void Among_devices_of_equal_use_the_emptier_one_gets_it()
    {
        DevicePlacement placement = new(s_quad);
        DeviceVram[] vram = [new(100 * Megabyte, 80 * Megabyte), new(100 * Megabyte, 70 * Megabyte), new(100 * Megabyte, 10 * Megabyte), new(100 * Megabyte, 75 * Megabyte)];
        Assert.Equal(2, placement.Choose(2 * Megabyte, null, [1e6, 1e6, 1e6, 1e6], vram).Device);
    }

    [Fact]
    public void A_full_VRAM_gets_nothing_and_the_next_best_does()
    {
        DevicePlacement placement = new(s_pair);
        DeviceVram[] vram = [new(100 * Megabyte, 94 * Megabyte), new(100 * Megabyte, 0)];
        Assert.Equal(1, placement.Choose(2 * Megabyte, null, [8e6, 1e6], vram).Device);
        Assert.Equal(0, placement.Choose(2 * Megabyte, 0, [8e6, 1e6], vram).Device);
        DeviceChoice none = placement.Choose(2 * Megabyte, null, [8e6, 1e6], [vram[0], new(0, 0)]);
        Assert.Equal((null, double.PositiveInfinity), (none.Device, none.Microseconds));
    }

    [Fact]
    public void Pressure_outweighs_a_little_more_use()
    {
        DeviceVram[] vram = [new(100 * Megabyte, 90 * Megabyte), new(100 * Megabyte, 0)];
        double[] used = [5e6, 4e6];
        Assert.Equal(1, new DevicePlacement(s_pair).Choose(2 * Megabyte, null, used, vram).Device);
        Assert.Equal(0, new DevicePlacement(s_pair, new DevicePlacementOptions { PressureWeight = 0 }).Choose(2 * Megabyte, null, used, vram).Device);
    }

    [Fact]
    public void Without_a_way_only_who_uses_it_can_have_it_and_what_both_use_stays_in_system_memory()
    {
        DevicePlacement placement = new(s_isolated);
        Assert.Equal(1, placement.Choose(2 * Megabyte, 0, [0, 1e9], Empty(2)).Device);
        Assert.Null(placement.Choose(2 * Megabyte, null, [1e6, 1e6], Empty(2)).Device);
    }

    [Fact]
    public void Deciding_allocates_nothing()
    {
        DevicePlacement placement = new(s_quad);
        double[] used = [1e6, 2e6, 3e6, 4e6];
        DeviceVram[] vram = Empty(4);
        placement.Choose(2 * Megabyte, 1, used, vram);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            placement.Choose(2 * Megabyte, 1, used, vram);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Bad_input_is_named()
    {
        DevicePlacement placement = new(s_pair);
        Assert.Contains("2 devices; 1 uses and 2", Assert.Throws<ArgumentException>(() => placement.Choose(1, null, [1], Empty(2))).Message, StringComparison.Ordinal);
        Assert.Contains("no device 2", Assert.Throws<ArgumentException>(() => placement.Choose(1, 2, [1, 1], Empty(2))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => placement.Choose(1, null, [1, -1], Empty(2)));
        Assert.Throws<ArgumentException>(() => placement.Choose(1, null, [1, double.NaN], Empty(2)));
        Assert.Contains(
            "Watermarks of 0.9 and 0.5",
            Assert.Throws<ArgumentException>(() => new DevicePlacement(s_pair, new DevicePlacementOptions { LowWatermark = 0.9, HighWatermark = 0.5 })).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new DevicePlacement(s_pair, new DevicePlacementOptions { SystemGigabytesPerSecond = 0 }));
    }

    private static DeviceVram[] Empty(int devices) => [.. Enumerable.Repeat(new DeviceVram(1024 * Megabyte, 0), devices)];
}
