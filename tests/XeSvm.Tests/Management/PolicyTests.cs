using CsCheck;
using XeSvm.Management;

namespace XeSvm.Tests.Management;

/// <summary>What the policies decide.</summary>
public sealed class PolicyTests
{
    private const ulong Block = 16 << 20;

    private static readonly MemoryLocation s_vram = MemoryLocation.Device();
    private static readonly Gen<PlacementBlock> s_block =
        from location in Gen.Int[0, 2].Select(place => place == 0 ? MemoryLocation.Default : place == 1 ? MemoryLocation.System : s_vram)
        from advised in Gen.Int[0, 2].Select(place => place == 0 ? MemoryLocation.Default : place == 1 ? MemoryLocation.System : s_vram)
        from hint in Gen.Enum<SvmHint>()
        from heat in Gen.Float[0, 4]
        from used in Gen.Bool
        select new PlacementBlock(default, location, advised, hint, heat, used);

    [Fact]
    public void First_touch_leaves_memory_to_the_driver() =>
        Assert.All(Decide(new FirstTouch(), 10, Blocks(4)), decision => Assert.Equal(PlacementDecision.ByTouch, decision));

    [Fact]
    public void Prefer_device_moves_what_the_program_said_and_leaves_the_rest_to_faults()
    {
        PlacementBlock[] blocks = Blocks(5);
        blocks[1] = blocks[1] with { Hint = SvmHint.WillUseOnDevice };
        blocks[2] = blocks[2] with { Hint = SvmHint.WillUseOnDevice, Location = s_vram };
        blocks[3] = blocks[3] with { Hint = SvmHint.WillUseOnCpu, Location = s_vram };
        blocks[4] = blocks[4] with { Hint = SvmHint.WillUseOnCpu, Location = MemoryLocation.System };

        PlacementDecision[] decisions = Decide(new PreferDevice(), 10, blocks);

        Assert.All(decisions, decision => Assert.Equal(s_vram, decision.Advice));
        Assert.Equal([null, s_vram, null, MemoryLocation.System, null], decisions.Select(decision => decision.Move));
    }

    [Fact]
    public void Prefer_system_brings_home_what_is_not_in_use()
    {
        PlacementBlock[] blocks = Blocks(3);
        blocks[1] = blocks[1] with { Location = s_vram };
        blocks[2] = blocks[2] with { Location = s_vram, InUse = true };

        PlacementDecision[] decisions = Decide(new PreferSystem(), 10, blocks);

        Assert.All(decisions, decision => Assert.Equal(MemoryLocation.System, decision.Advice));
        Assert.Equal([null, MemoryLocation.System, null], decisions.Select(decision => decision.Move));
    }

    [Fact]
    public void Hot_ranges_moves_in_the_hottest_up_to_the_high_watermark()
    {
        PlacementBlock[] blocks = Blocks(6);
        float[] heat = [3, 0.1f, 2, 5, 4, 1];
        for (int index = 0; index < blocks.Length; index++)
        {
            blocks[index] = blocks[index] with { Heat = heat[index] };
        }

        PlacementDecision[] decisions = Decide(new HotRanges(0.3, 0.6), 5, blocks);

        Assert.Equal([s_vram, null, null, s_vram, s_vram, null], decisions.Select(decision => decision.Move));
    }

    [Fact]
    public void Hot_ranges_moves_out_the_coldest_down_to_the_low_watermark_but_nothing_in_use()
    {
        PlacementBlock[] blocks = Blocks(5);
        for (int index = 0; index < blocks.Length; index++)
        {
            blocks[index] = blocks[index] with { Heat = index * 0.1f, Location = s_vram, InUse = index == 0 };
        }

        PlacementDecision[] decisions = Decide(new HotRanges(0.5, 0.7), 6, blocks);

        MemoryLocation? system = MemoryLocation.System;
        Assert.Equal([null, system, system, null, null], decisions.Select(decision => decision.Move));
        Assert.Equal([null, system, system, null, null], decisions.Select(decision => decision.Advice));
    }

    [Fact]
    public void Hot_ranges_makes_room_and_moves_nothing_in_while_the_driver_evicts()
    {
        PlacementBlock[] blocks = Blocks(4);
        blocks[0] = blocks[0] with { Heat = 9 };
        blocks[1] = blocks[1] with { Heat = 1, Location = s_vram };
        blocks[2] = blocks[2] with { Heat = 2, Location = s_vram };
        blocks[3] = blocks[3] with { Heat = 3, Location = s_vram };
        SvmActivity evicting = new(true, 4, 8 * Block, 8 * Block, 2 * Block);

        PlacementDecision[] calm = Decide(new HotRanges(0.4, 0.9), 5, blocks);
        PlacementDecision[] pressed = Decide(new HotRanges(0.4, 0.9), 5, blocks, evicting);

        Assert.Equal([s_vram, null, null, null], calm.Select(decision => decision.Move));
        Assert.Equal([null, MemoryLocation.System, null, null], pressed.Select(decision => decision.Move));
    }

    [Fact]
    public void A_budget_keeps_every_policy_below_it_and_what_is_in_use_in_place() =>
        Gen.Select(s_block.Array[1, 12], Gen.Int[0, 10], Gen.Int[0, 3]).Sample((drawn, budget, which) =>
        {
            PlacementBlock[] blocks = [.. drawn.Select((block, index) => block with { Range = new GpuRange((ulong)index * Block, Block) })];
            PlacementPolicy inner = which switch
            {
                0 => new FirstTouch(),
                1 => new PreferDevice(),
                2 => new PreferSystem(),
                _ => new HotRanges(),
            };

            PlacementDecision[] decisions = Decide(new Budget((ulong)budget * Block, inner), 100, blocks);

            int inUse = blocks.Count(block => block.IsOnDevice && block.InUse);
            int there = 0;
            for (int index = 0; index < blocks.Length; index++)
            {
                bool mayCome = !(decisions[index].Advice ?? blocks[index].Advised).IsSystem || decisions[index].Move is { IsDevice: true };
                bool stays = blocks[index].IsOnDevice && decisions[index].Move is not { IsSystem: true };
                there += stays || (!blocks[index].IsOnDevice && mayCome) ? 1 : 0;
                Assert.False(blocks[index] is { IsOnDevice: true, InUse: true } && decisions[index].Move is { IsSystem: true });
            }

            Assert.True(there <= Math.Max(budget, inUse), $"{there} blocks for a budget of {budget}, {inUse} in use");
        });

    [Theory]
    [InlineData(0.5, 0.5, 1)]
    [InlineData(-0.1, 0.5, 1)]
    [InlineData(0.5, 1.1, 1)]
    [InlineData(double.NaN, 0.5, 1)]
    [InlineData(0.1, 0.5, 0)]
    public void Watermarks_and_heat_that_make_no_sense_are_refused(double low, double high, float heat) =>
        Assert.ThrowsAny<ArgumentException>(() => new HotRanges(low, high, heat));

    [Fact]
    public void Without_vram_nothing_is_moved_to_it()
    {
        foreach (PlacementPolicy policy in (PlacementPolicy[])[new PreferDevice(), new HotRanges(), new Budget(1, new PreferDevice())])
        {
            PlacementBlock[] blocks = [.. Blocks(3).Select(block => block with { Heat = 9, Hint = SvmHint.WillUseOnDevice })];
            PlacementDecision[] decisions = new PlacementDecision[3];
            policy.Place(new PlacementState(s_vram, false, 0, 0, default), blocks, decisions);
            Assert.DoesNotContain(decisions, decision => decision.Move is { IsDevice: true });
        }
    }

    private static PlacementBlock[] Blocks(int count) =>
        [.. Enumerable.Range(0, count).Select(index => new PlacementBlock(
            new GpuRange((ulong)index * Block, Block), MemoryLocation.Default, MemoryLocation.Default, SvmHint.None, 0, false))];

    private static PlacementDecision[] Decide(PlacementPolicy policy, int vramBlocks, PlacementBlock[] blocks, SvmActivity activity = default)
    {
        PlacementDecision[] decisions = new PlacementDecision[blocks.Length];
        ulong managed = (ulong)blocks.Count(block => block.IsOnDevice) * Block;
        policy.Place(new PlacementState(s_vram, true, (ulong)vramBlocks * Block, managed, activity), blocks, decisions);
        return decisions;
    }
}
