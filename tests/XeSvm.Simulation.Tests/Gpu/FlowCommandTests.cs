using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Tests.Gpu.Support;

namespace XeSvm.Simulation.Tests.Gpu;

/// <summary>Batch levels, semaphores, long stores, flushes and the fast copy.</summary>
[Collection(ConcurrencyCollection.Name)]
public sealed unsafe class FlowCommandTests : IDisposable
{
    private const ulong Batch = GpuMachine.VramVa + 0x10000;
    private const ulong Second = Batch + 0x1000;
    private const ulong Data = GpuMachine.HostVa + 0x20000;

    private readonly GpuMachine _machine = new GpuMachine().MapEverything();

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void A_second_level_batch_comes_back_to_behind_its_start()
    {
        new BatchBuilder().AtomicIncrement(Data).Raw(0x18c00101, Lo(Batch + 0x2000), Hi(Batch)).PlaceAt(_machine, Second);
        new BatchBuilder().AtomicIncrement(Data + 4).End().PlaceAt(_machine, Batch + 0x2000);
        new BatchBuilder().Raw(0x18c00101, Lo(Second), Hi(Second)).Raw(0x18c00101, Lo(Second), Hi(Second)).StoreDword(Data + 8, 1).End()
            .RunOk(_machine, Batch);
        Assert.Equal([2U, 2U, 1U], new Span<uint>(_machine.Backing(Data), 3).ToArray());
    }

    [Theory]
    [InlineData(0x1b204002u, 0u)]
    [InlineData(0x1b244002u, 1u)]
    public void A_condition_that_fails_in_a_second_level_batch_ends_all_or_that_level(uint header, uint after)
    {
        new BatchBuilder().Raw(header, 1, Lo(Data), Hi(Data)).StoreDword(Data + 4, 1).End().PlaceAt(_machine, Second);
        new BatchBuilder().Raw(0x18c00101, Lo(Second), Hi(Second)).StoreDword(Data + 8, 1).End().RunOk(_machine, Batch);
        Assert.Equal(0U, Dword(Data + 4));
        Assert.Equal(after, Dword(Data + 8));
    }

    [Theory]
    [InlineData(0, 6)]
    [InlineData(1, 5)]
    [InlineData(2, 4)]
    [InlineData(3, 5)]
    [InlineData(4, 5)]
    [InlineData(5, 4)]
    public void A_semaphore_waits_until_the_comparison_holds(uint comparison, uint memory)
    {
        *(uint*)_machine.Backing(Data) = comparison == 5 ? 5U : comparison is 2 or 3 ? 9U : 0U;
        new BatchBuilder().StoreDword(Data + 8, 1).Raw(0x0e008002 | comparison << 12, 5, Lo(Data), Hi(Data)).StoreDword(Data + 4, 1).End()
            .PlaceAt(_machine, Batch);
        var streamer = new CommandStreamer(_machine.CreateView(), EngineClass.Copy, _machine.Stop);
        int result = 1;
        var engine = new Thread(() => result = streamer.Run(Batch));
        engine.Start();
        SpinWait.SpinUntil(() => Volatile.Read(ref *(uint*)_machine.Backing(Data + 8)) == 1);
        Assert.Equal(0U, Dword(Data + 4));
        Volatile.Write(ref *(uint*)_machine.Backing(Data), memory);
        engine.Join();
        Assert.Equal(0, result);
        Assert.Equal(1U, Dword(Data + 4));
    }

    [Fact]
    public void A_semaphore_that_never_comes_uses_little_of_a_processor_and_ends_with_a_stop_request()
    {
        new BatchBuilder().Raw(0x0e00c003, 5, Lo(Data), Hi(Data), 0).End().PlaceAt(_machine, Batch);
        var streamer = new CommandStreamer(_machine.CreateView(), EngineClass.Copy, _machine.Stop);
        int result = 1;
        long used = 0;
        var engine = new Thread(() =>
        {
            long before = XeSvm.Interop.Native.NativeMethods.xesvm_clock_thread_cpu_ns();
            result = streamer.Run(Batch);
            used = XeSvm.Interop.Native.NativeMethods.xesvm_clock_thread_cpu_ns() - before;
        });
        engine.Start();
        Assert.False(engine.Join(300));
        _machine.Stop.Request();
        engine.Join();
        Assert.Equal(-Errno.ECANCELED, result);
        Assert.InRange(used, 0, 100_000_000);
    }

    [Fact]
    public void A_waiting_queue_is_killed_at_once_and_blocks_no_other()
    {
        var waiters = new UserFenceWaiters();
        var waiting = new ExecQueue("waiting", _machine.CreateEngine(), 1, _machine.Space, waiters, null);
        var working = new ExecQueue("working", _machine.CreateEngine(), 1, _machine.Space, waiters, null);
        new BatchBuilder().Raw(0x0e00c002, 5, Lo(Data), Hi(Data)).End().PlaceAt(_machine, Batch);
        new BatchBuilder().AtomicIncrement(Data + 4).End().PlaceAt(_machine, Second);
        Assert.Equal(0, waiting.Submit([Batch], null, out _));
        for (int job = 0; job < 100; job++)
        {
            Assert.Equal(0, working.Submit([Second], null, out _));
        }

        Assert.True(working.WaitIdle(EventCount.Infinite));
        Assert.Equal(100U, Dword(Data + 4));
        Assert.False(waiting.IsIdle);
        waiting.Kill();
        working.Kill();
        Assert.True(waiting.IsIdle);
    }

    [Fact]
    public void A_store_may_have_as_many_values_as_its_length_field_allows()
    {
        uint[] dwords = [.. Enumerable.Range(1, 1022).Select(value => (uint)value)];
        new BatchBuilder().Noop().Raw([0x100003ff, Lo(Data), Hi(Data), .. dwords]).Raw([0x102003ff, Lo(Data + 0x2000), Hi(Data), .. dwords])
            .StoreDword(Data + 0x4000, 1).End().RunOk(_machine, Batch);
        Assert.Equal(dwords, new Span<uint>(_machine.Backing(Data), 1022).ToArray());
        Assert.Equal(dwords, new Span<uint>(_machine.Backing(Data + 0x2000), 1022).ToArray());
        Assert.Equal(1U, Dword(Data + 0x4000));
    }

    [Fact]
    public void A_store_over_its_own_batch_executes_what_it_wrote()
    {
        // Six dwords of store; what follows is turned into the end of the batch.
        new BatchBuilder().Raw(0x10000004, Lo(Batch + 24), Hi(Batch), 0x05000000, 0, 0).Raw(0xffff_ffff, 0xffff_ffff).RunOk(_machine, Batch);
    }

    [Fact]
    public void Dwords_are_copied_flushes_post_and_arbitration_is_accepted()
    {
        *(uint*)_machine.Backing(GpuMachine.BusVa + 64) = 0xabcd;
        new BatchBuilder().Raw(0x04000001).Raw(0x04000000).Raw(0x01000000).Raw(0x05800000).Raw(0x06800000).Raw(0x07000000)
            .Raw(0x17000003, Lo(Data), Hi(Data), Lo(GpuMachine.BusVa + 64), Hi(GpuMachine.BusVa))
            .Raw(0x7a000004, 1u << 20, 0, 0, 0, 0)
            .Raw(0x7a000004, 1u << 14, Lo(Data + 8), Hi(Data), 3, 4)
            .Raw(0x7a000004, 3u << 14, Lo(Data + 16), Hi(Data), 0, 0)
            .End().RunOk(_machine, Batch, EngineClass.Render);
        Assert.Equal(0xabcdU, Dword(Data));
        Assert.Equal(3UL | 4UL << 32, *(ulong*)_machine.Backing(Data + 8));
        Assert.InRange(*(ulong*)_machine.Backing(Data + 16), 1UL, GpuClock.Ticks);
        Assert.Equal(-Errno.EINVAL, new BatchBuilder().Raw(0x7a000004, 2u << 14, Lo(Data), Hi(Data), 0, 0).Run(_machine, Batch, EngineClass.Compute));
    }

    [Fact]
    public void A_user_interrupt_wakes_the_waiters()
    {
        var waiters = new UserFenceWaiters();
        long generation = waiters.Generation;
        new BatchBuilder().Raw(0x01000000).End().PlaceAt(_machine, Batch);
        Assert.Equal(0, new CommandStreamer(_machine.CreateView(), EngineClass.Copy, _machine.Stop, waiters).Run(Batch));
        Assert.Equal(generation + 1, waiters.Generation);
    }

    [Theory]
    [InlineData(0x03000080u)]
    [InlineData(0xc3000080u)] // with the layout of tiled surfaces, of which these are none
    public void XY_FAST_COPY_BLT_copies_a_rectangle_between_linear_surfaces(uint destination)
    {
        // 3 x 2 pixels of 32 bits from (1, 1) of a surface of 64 bytes a row to (2, 3) of one of 128.
        var source = new Span<uint>(_machine.Backing(GpuMachine.BusVa), 64);
        for (int index = 0; index < source.Length; index++)
        {
            source[index] = (uint)index + 1;
        }

        new BatchBuilder().Raw(0x50800008, destination, 2 | 3 << 16, 5 | 5 << 16, Lo(Data), Hi(Data), 1 | 1 << 16, 64, Lo(GpuMachine.BusVa), Hi(GpuMachine.BusVa))
            .Raw(0x50800008, 0x03000080, 5 | 5 << 16, 5 | 9 << 16, Lo(Data), Hi(Data), 0, 64, Lo(GpuMachine.BusVa), Hi(GpuMachine.BusVa))
            .End().RunOk(_machine, Batch);
        var rows = new Span<uint>(_machine.Backing(Data), 32 * 8);
        Assert.Equal([18U, 19U, 20U], rows.Slice((32 * 3) + 2, 3).ToArray());
        Assert.Equal([34U, 35U, 36U], rows.Slice((32 * 4) + 2, 3).ToArray());
        Assert.Equal(6, rows.Length - rows.Count(0U));
    }

    public static TheoryData<uint, uint, uint, int> PlacesInTiles => new()
    {
        // tiling, x in dwords, y, dword of the surface; rows of 2 KiB
        { 1, 0, 1, 0x200 / 4 }, { 1, 127, 7, 0xffc / 4 }, { 1, 128, 0, 0x1000 / 4 }, { 1, 3, 8, 0x400c / 4 },
        { 2, 3, 0, 3 }, { 2, 0, 1, 0x10 / 4 }, { 2, 4, 0, 0x40 / 4 }, { 2, 8, 0, 0x80 / 4 }, { 2, 0, 4, 0x100 / 4 }, { 2, 16, 0, 0x200 / 4 },
        { 2, 0, 8, 0x400 / 4 }, { 2, 0, 16, 0x800 / 4 }, { 2, 31, 31, 0xffc / 4 }, { 2, 32, 0, 0x1000 / 4 },
    };

    [Theory]
    [MemberData(nameof(PlacesInTiles))]
    public void XY_FAST_COPY_BLT_knows_the_place_of_each_pixel_in_a_tile(uint tiling, uint x, uint y, int dword)
    {
        const uint pitch = 2048;
        var surface = new Span<uint>(_machine.Backing(GpuMachine.BusVa), 0x10000 / 4);
        *(uint*)_machine.Backing(Data) = 0xabcd;
        uint corner = x | y << 16;
        new BatchBuilder()
            .Raw(0x50800008 | tiling << 13, 0xc3000000 | pitch / 4, corner, corner + 0x10001, Lo(GpuMachine.BusVa), Hi(GpuMachine.BusVa), 0, 64, Lo(Data), Hi(Data))
            .Raw(0x50800008 | tiling << 20, 0xc3000040, 0, 0x10001, Lo(Data + 8), Hi(Data), corner, pitch / 4, Lo(GpuMachine.BusVa), Hi(GpuMachine.BusVa))
            .End().RunOk(_machine, Batch);
        Assert.Equal(0xabcdU, surface[dword]);
        Assert.Equal(1, surface.Length - surface.Count(0U));
        Assert.Equal(0xabcdU, Dword(Data + 8));
    }

    [Theory]
    [InlineData(1u)]
    [InlineData(2u)]
    public void XY_FAST_COPY_BLT_to_tiles_and_back_gives_the_same_rows(uint tiling)
    {
        // 100 x 30 pixels of 32 bits at (5, 3) of a surface of 512 bytes a row.
        var rows = new Span<uint>(_machine.Backing(Data), 100 * 30);
        for (int index = 0; index < rows.Length; index++)
        {
            rows[index] = (uint)index * 2654435761;
        }

        uint[] before = rows.ToArray();
        new BatchBuilder()
            .Raw(0x50800008 | tiling << 13, 0xc3000080, 5 | 3 << 16, 105 | 33 << 16, Lo(GpuMachine.BusVa), Hi(GpuMachine.BusVa), 0, 400, Lo(Data), Hi(Data))
            .Raw(0x56c00005, (uint)(rows.Length * 4) - 1, 0, 0, Lo(Data), Hi(Data), 0)
            .Raw(0x50800008 | tiling << 20, 0xc3000190, 0, 100 | 30 << 16, Lo(Data), Hi(Data), 5 | 3 << 16, 128, Lo(GpuMachine.BusVa), Hi(GpuMachine.BusVa))
            .End().RunOk(_machine, Batch);
        Assert.Equal(before, rows.ToArray());
    }

    [Fact]
    public void The_new_commands_allocate_nothing()
    {
        new BatchBuilder().Raw(0x11080003, 0x600, 1, 0x604, 2).Raw(0x150c0001, 0x600, 0x608).Raw(0x12080002, 0x358, Lo(Data), Hi(Data))
            .Raw(0x0d000003, 0x08008000, 0x08008401, 0x10000000, 0x18000831)
            .Raw(0x17842709 | 1 << 19, Lo(Data + 8), Hi(Data), 1, 0, 1, 0, 0, 0, 0, 0)
            .Raw(0x0e00d002, 5, Lo(Data + 64), Hi(Data)).Raw(0x18c00101, Lo(Second), Hi(Second))
            .Raw(0x50800008, 0x03000080, 0, 5 | 5 << 16, Lo(Data), Hi(Data), 0, 64, Lo(GpuMachine.BusVa), Hi(GpuMachine.BusVa))
            .Raw(0x50804008, 0x03000080, 0, 5 | 5 << 16, Lo(Data), Hi(Data), 0, 64, Lo(GpuMachine.BusVa), Hi(GpuMachine.BusVa))
            .End().PlaceAt(_machine, Batch);
        new BatchBuilder().Raw(0x10000004, Lo(Data), Hi(Data), 1, 2, 3).End().PlaceAt(_machine, Second);
        var streamer = new CommandStreamer(_machine.CreateView(), EngineClass.Copy, _machine.Stop);
        Allocations.AssertNone(() => streamer.Run(Batch));
        Assert.Null(streamer.LastError.Command);
    }

    private uint Dword(ulong va) => *(uint*)_machine.Backing(va);

    private static uint Lo(ulong address) => (uint)address;

    private static uint Hi(ulong address) => (uint)(address >> 32);
}
