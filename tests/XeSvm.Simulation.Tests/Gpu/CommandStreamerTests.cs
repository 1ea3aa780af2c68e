using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Tests.Gpu.Support;

namespace XeSvm.Simulation.Tests.Gpu;

public sealed unsafe class CommandStreamerTests : IDisposable
{
    private const ulong Page = 4096;
    private const ulong Batch = GpuMachine.VramVa + 0x10000;
    private const ulong Data = GpuMachine.HostVa + 0x20000;

    private readonly GpuMachine _machine = new GpuMachine().MapEverything();

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void Stores_write_dwords_and_qwords()
    {
        new BatchBuilder().StoreDword(Data, 0xc0ffee).StoreQword(Data + 8, 0x1122_3344_5566_7788).Noop().End().RunOk(_machine, Batch);
        Assert.Equal(0xc0ffeeU, Dword(Data));
        Assert.Equal(0U, Dword(Data + 4));
        Assert.Equal(0x1122_3344_5566_7788UL, Qword(Data + 8));
    }

    [Theory]
    [InlineData(GpuMachine.VramVa)]
    [InlineData(GpuMachine.HostVa)]
    [InlineData(GpuMachine.BusVa)]
    public void A_batch_may_be_in_any_memory_and_every_engine_has_the_MI_commands(ulong place)
    {
        foreach (EngineClass engine in (EngineClass[])[EngineClass.Render, EngineClass.Copy, EngineClass.Compute])
        {
            *(uint*)_machine.Backing(Data) = 0;
            new BatchBuilder().StoreDword(Data, 5).End().RunOk(_machine, place + 0x3000, engine);
            Assert.Equal(5U, Dword(Data));
        }
    }

    [Fact]
    public void A_long_batch_runs_across_pages_and_command_boundaries()
    {
        var batch = new BatchBuilder().Noop();
        for (uint i = 0; i < 1000; i++)
        {
            batch.StoreDword(Data + (i * 4), i + 1);
            batch.Noop((int)(i % 3));
        }

        batch.End().RunOk(_machine, Batch + 4);
        for (uint i = 0; i < 1000; i++)
        {
            Assert.Equal(i + 1, Dword(Data + (i * 4)));
        }
    }

    [Fact]
    public void Atomics_increment_decrement_add_and_subtract()
    {
        *(ulong*)_machine.Backing(Data) = uint.MaxValue;
        *(ulong*)_machine.Backing(Data + 16) = uint.MaxValue;
        new BatchBuilder().AtomicIncrement(Data).AtomicIncrement(Data).AtomicDecrement(Data + 8)
            .Raw(0x17882501, Lo(Data + 16), Hi(Data + 16))
            .Raw(0x17840709, Lo(Data + 24), Hi(Data + 24), 40, 0, 0, 0, 0, 0, 0, 0)
            .Raw(0x17840809, Lo(Data + 24), Hi(Data + 24), 41, 0, 0, 0, 0, 0, 0, 0)
            .Raw(0x178c2709, Lo(Data + 32), Hi(Data + 32), 2, 99, 1, 99, 0, 0, 0, 0)
            .End().RunOk(_machine, Batch);
        Assert.Equal(1UL, Qword(Data));
        Assert.Equal(uint.MaxValue, Dword(Data + 8));
        Assert.Equal(0U, Dword(Data + 12));
        Assert.Equal(1UL << 32, Qword(Data + 16));
        Assert.Equal(uint.MaxValue, Dword(Data + 24));
        Assert.Equal((1UL << 32) + 2, Qword(Data + 32));
    }

    [Theory]
    [InlineData(0, 5, 4, true)]
    [InlineData(0, 5, 5, false)]
    [InlineData(1, 5, 5, true)]
    [InlineData(1, 4, 5, false)]
    [InlineData(2, 4, 5, true)]
    [InlineData(2, 5, 5, false)]
    [InlineData(3, 5, 5, true)]
    [InlineData(3, 6, 5, false)]
    [InlineData(4, 5, 5, true)]
    [InlineData(4, 4, 5, false)]
    [InlineData(5, 4, 5, true)]
    [InlineData(5, 5, 5, false)]
    [InlineData(0, 0x8000_0000, 1, true)]
    public void A_conditional_end_goes_on_while_memory_compares_to_the_immediate(uint comparison, uint memory, uint immediate, bool goesOn)
    {
        *(uint*)_machine.Backing(Data) = memory;
        new BatchBuilder().EndUnless(Data, comparison, immediate).StoreDword(Data + 4, 1).End().RunOk(_machine, Batch);
        Assert.Equal(goesOn ? 1U : 0U, Dword(Data + 4));
    }

    [Fact]
    public void A_batch_that_counts_down_by_jumping_back_ends()
    {
        *(uint*)_machine.Backing(Data) = 1000;
        new BatchBuilder().AtomicDecrement(Data).AtomicIncrement(Data + 4).EndUnless(Data, 0, 0).Jump(Batch).RunOk(_machine, Batch);
        Assert.Equal(1000U, Dword(Data + 4));
    }

    [Fact]
    public void A_batch_that_writes_to_commands_ahead_executes_what_it_wrote()
    {
        // The store turns the dword right behind it from an unknown command into the end.
        new BatchBuilder().StoreDword(Batch + 16, 0x05000000).Raw(0xffff_ffff).RunOk(_machine, Batch);
    }

    [Fact]
    public void A_flush_writes_its_immediate()
    {
        new BatchBuilder()
            .Raw(0x13000001, 0, 0)
            .Raw(0x13004002, Lo(Data), Hi(Data), 7)
            .Raw(0x13004003, Lo(Data + 8), Hi(Data + 8), 8, 9)
            .Raw(0x04800003)
            .Raw(0x02800000)
            .End().RunOk(_machine, Batch);
        Assert.Equal(7UL, Qword(Data));
        Assert.Equal(8UL | 9UL << 32, Qword(Data + 8));
    }

    [Fact]
    public void MEM_COPY_counts_bytes_pages_or_rows()
    {
        var random = new Random(2);
        var source = new byte[20_000];
        random.NextBytes(source);
        source.CopyTo(new Span<byte>(_machine.Backing(GpuMachine.BusVa), source.Length));
        new BatchBuilder()
            .MemCopy(Data + 1, GpuMachine.BusVa + 3, 10_001)
            .Raw(0x56880008, 19, 0, 0, 0, 0, Hi(GpuMachine.BusVa), Lo(Data + 0x10000), Hi(Data), 0)
            .Raw(0x56820008, 9, 3, 99, 49, 0, Hi(GpuMachine.BusVa), Lo(Data + 0x20000), Hi(Data), 0)
            .End().RunOk(_machine, Batch);
        Assert.True(new Span<byte>(_machine.Backing(Data + 1), 10_001).SequenceEqual(source.AsSpan(3, 10_001)));
        Assert.Equal(0, *_machine.Backing(Data + 10_002));
        Assert.True(new Span<byte>(_machine.Backing(Data + 0x10000), 5120).SequenceEqual(source.AsSpan(0, 5120)));
        Assert.Equal(0, *_machine.Backing(Data + 0x10000 + 5120));
        for (int row = 0; row < 4; row++)
        {
            var copied = new Span<byte>(_machine.Backing(Data + 0x20000 + ((ulong)row * 50)), 50);
            Assert.True(copied[..10].SequenceEqual(source.AsSpan(row * 100, 10)));
            Assert.Equal(-1, copied[10..].IndexOfAnyExcept((byte)0));
        }
    }

    [Fact]
    public void MEM_SET_fills_bytes_or_rows()
    {
        new BatchBuilder()
            .MemSet(Data + 3, 0xab, 9000)
            .Raw(0x56c20005, 9, 2, 19, Lo(Data + 0x10000), Hi(Data), 0xcd00_0000)
            .End().RunOk(_machine, Batch);
        Assert.Equal(9000, new Span<byte>(_machine.Backing(Data), 12_000).Count((byte)0xab));
        var rows = new Span<byte>(_machine.Backing(Data + 0x10000), 100);
        Assert.Equal(30, rows.Count((byte)0xcd));
        Assert.Equal(0xcd, rows[49]);
        Assert.Equal(0, rows[50]);
    }

    public static TheoryData<string, uint[]> Malformed => new()
    {
        { "PIPE_CONTROL", [0x7a000004, 0, 0, 0, 0, 0] },
        { "unknown command", [0xffffffff] },
        { "unknown command", [0x20000000] },
        { "unknown command", [0x0b000000] },
        { "unknown command", [0x51000008] },
        { "unknown command", [0x7a010004] },
        { "XY_FAST_COPY_BLT", [0x50800007, 0, 0, 0, 0, 0, 0, 0, 0] },
        { "XY_FAST_COPY_BLT", [0x50806008, 0x03001000, 0, 0x00010001, 0, 2, 0, 64, 0, 2] },
        { "XY_FAST_COPY_BLT", [0x50804008, 0x03000020, 0, 0x00010001, 16, 2, 0, 64, 0, 2] },
        { "XY_FAST_COPY_BLT", [0x50802008, 0x03000040, 0, 0x00010001, 0, 2, 0, 64, 0, 2] },
        { "XY_FAST_COPY_BLT", [0x50900008, 0x03000040, 0, 0x00010001, 0, 2, 0, 64, 0, 2] },
        { "XY_FAST_COPY_BLT", [0x50800008, 0x02000040, 0, 0x00010001, 0, 2, 0, 64, 0, 2] },
        { "XY_FAST_COPY_BLT", [0x50800008, 0x0300003f, 0, 0x00020010, 0, 2, 0, 64, 0, 2] },
        { "XY_FAST_COPY_BLT", [0x50800008, 0x03000040, 0, 0x00020010, 0, 2, 0, 63, 0, 2] },
        { "MI_SEMAPHORE_WAIT", [0x0e008001, 0, 0] },
        { "MI_SEMAPHORE_WAIT", [0x0e40c002, 0, 0, 2] },
        { "MI_SEMAPHORE_WAIT", [0x0e01c002, 0, 0, 2] },
        { "MI_SEMAPHORE_WAIT", [0x0e00e002, 0, 0, 2] },
        { "MI_SEMAPHORE_WAIT", [0x0e00c002, 0, 2, 2] },
        { "MI_LOAD_REGISTER_IMM", [0x11080002, 0x600, 0, 0x604] },
        { "MI_LOAD_REGISTER_IMM", [0x11080003, 0x600, 1, 0x602, 1] },
        { "MI_LOAD_REGISTER_REG", [0x150c0001, 0x600, 0x800600] },
        { "MI_LOAD_REGISTER_REG", [0x150c0002, 0x600, 0x604, 0] },
        { "MI_STORE_REGISTER_MEM", [0x12480002, 0x600, 0, 2] },
        { "MI_STORE_REGISTER_MEM", [0x12080002, 0x600, 2, 2] },
        { "MI_STORE_REGISTER_MEM", [0x12080002, 0x601, 0, 2] },
        { "MI_LOAD_REGISTER_MEM", [0x14c80002, 0x600, 0, 2] },
        { "MI_LOAD_REGISTER_MEM", [0x14880002, 0x600, 1, 2] },
        { "MI_COPY_MEM_MEM", [0x17400003, 0, 2, 4, 2] },
        { "MI_COPY_MEM_MEM", [0x17200003, 0, 2, 4, 2] },
        { "MI_COPY_MEM_MEM", [0x17000003, 0, 2, 2, 2] },
        { "MI_COPY_MEM_MEM", [0x17000002, 0, 2, 4] },
        { "MI_MATH", [0x0d000000, 0xfff00000] },
        { "MI_MATH", [0x0d000001, 0x08008000, 0x08008010] },
        { "MI_MATH", [0x0d000000, 0x18000020] },
        { "MI_PREDICATE", [0x06000040] },
        { "MI_PREDICATE", [0x06000083] },
        { "MI_STORE_DATA_IMM", [0x10000001, 0, 0, 0] },
        { "MI_STORE_DATA_IMM", [0x10200002, 0, 2, 0, 0] },
        { "MI_STORE_DATA_IMM", [0x10200004, 0, 2, 0, 0, 0] },
        { "MI_STORE_DATA_IMM", [0x10400002, 0, 2, 0, 0] },
        { "MI_STORE_DATA_IMM", [0x10000002, 2, 2, 0, 0] },
        { "MI_ATOMIC", [0x17800501 | 1 << 22, 0, 2] },
        { "MI_ATOMIC", [0x17800501 | 1 << 16, 0, 2] },
        { "MI_ATOMIC", [0x17800502, 0, 2, 0] },
        { "MI_ATOMIC", [0x17800701, 0, 2] },
        { "MI_ATOMIC", [0x17802501, 0, 2] },
        { "MI_ATOMIC", [0x17880501, 0, 2] },
        { "MI_ATOMIC", [0x17800501, 2, 2] },
        { "MI_ATOMIC", [0x17882501, 4, 2] },
        { "MI_ATOMIC", [0x17800e01, 0, 2] },
        { "MI_ATOMIC", [0x17840f09, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0] },
        { "MI_ATOMIC", [0x17844e09, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0] },
        { "MI_ATOMIC", [0x17800001, 0, 2] },
        { "MI_BATCH_BUFFER_START", [0x18800100, 0] },
        { "MI_BATCH_BUFFER_START", [0x18800101, 2, 2] },
        { "MI_CONDITIONAL_BATCH_BUFFER_END", [0x1b000002, 0, 0, 2] },
        { "MI_CONDITIONAL_BATCH_BUFFER_END", [0x1b206002, 0, 0, 2] },
        { "MI_CONDITIONAL_BATCH_BUFFER_END", [0x1b280002, 0, 0, 2] },
        { "MI_CONDITIONAL_BATCH_BUFFER_END", [0x1b200002, 0, 1, 2] },
        { "MI_FLUSH_DW", [0x13000000, 0] },
        { "MI_FLUSH_DW", [0x13004001, 0, 2] },
        { "MI_FLUSH_DW", [0x13008002, 0, 2, 0] },
        { "MI_FLUSH_DW", [0x1300c001, 0, 2] },
        { "MI_FLUSH_DW", [0x13204002, 0, 2, 0] },
        { "MI_FLUSH_DW", [0x13004002, 4, 2, 0] },
        { "MEM_COPY", [0x56800007, 0, 0, 0, 0, 0, 2, 0, 2] },
        { "MEM_COPY", [0x568a0008, 0, 0, 0, 0, 0, 2, 0, 2, 0] },
        { "MEM_COPY", [0x56820008, 9, 1, 8, 9, 0, 2, 0, 2, 0] },
        { "MEM_COPY", [0x56820008, 9, 1, 9, 8, 0, 2, 0, 2, 0] },
        { "MEM_SET", [0x56c00006, 0, 0, 0, 0, 2, 0, 0] },
        { "MEM_SET", [0x56c20005, 9, 1, 8, 0, 2, 0] },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void An_unknown_or_malformed_command_ends_the_batch_with_an_error_and_does_nothing(string name, uint[] dwords)
    {
        byte[] before = Memory();
        new BatchBuilder().Noop(3).Raw(dwords).StoreDword(Data, 1).End().PlaceAt(_machine, Batch);
        byte[] placed = Memory();
        var streamer = new CommandStreamer(_machine.CreateView(), EngineClass.Copy, _machine.Stop);
        Assert.Equal(-Errno.EINVAL, streamer.Run(Batch));
        Assert.Equal(new BatchError(-Errno.EINVAL, Batch + 12, dwords[0], name), streamer.LastError with { Reason = null });
        Assert.Equal(name == "unknown command", streamer.LastError.Reason is null);
        Assert.Contains(name, streamer.LastError.ToString(), StringComparison.Ordinal);
        Assert.True(placed.AsSpan().SequenceEqual(Memory()));
        Assert.False(before.AsSpan().SequenceEqual(placed));
        Assert.Empty(_machine.Faults.Seen);
    }

    [Theory]
    [InlineData(EngineClass.Render)]
    [InlineData(EngineClass.Compute)]
    public void Blitter_commands_are_the_copy_engines(object engine)
    {
        Assert.Equal(-Errno.EINVAL, new BatchBuilder().MemCopy(Data, Data + Page, 4).End().Run(_machine, Batch, (EngineClass)engine));
        Assert.Equal(-Errno.EINVAL, new BatchBuilder().MemSet(Data, 1, 4).End().Run(_machine, Batch, (EngineClass)engine));
    }

    [Fact]
    public void A_batch_address_must_be_dword_aligned() =>
        Assert.Equal(-Errno.EINVAL, new CommandStreamer(_machine.CreateView(), EngineClass.Copy, _machine.Stop).Run(Batch + 2));

    [Fact]
    public void A_command_cut_off_by_the_end_of_the_mapping_fails_and_is_not_executed()
    {
        ulong end = GpuMachine.VramVa + GpuMachine.MemorySize;
        var batch = new BatchBuilder().StoreDword(Data, 1).Raw(0x10000002, Lo(Data), Hi(Data));
        int result = batch.Run(_machine, end - (ulong)batch.Length, out CommandStreamer streamer);
        Assert.Equal(-Errno.EINVAL, result);
        Assert.Equal((end, GpuAccess.Read), Assert.Single(_machine.Faults.Seen));
        Assert.Equal(end - 12, streamer.LastError.Address);
        Assert.Equal(1U, Dword(Data));
    }

    [Fact]
    public void A_batch_without_end_runs_through_zeroed_pages_until_it_leaves_the_mapping()
    {
        int result = new BatchBuilder().StoreDword(Data, 1).Run(_machine, GpuMachine.VramVa + GpuMachine.MemorySize - (3 * Page), out CommandStreamer streamer);
        Assert.Equal(-Errno.EINVAL, result);
        Assert.Equal("command fetch", streamer.LastError.Command);
        Assert.Equal(GpuMachine.VramVa + GpuMachine.MemorySize, streamer.LastError.Address);
        Assert.Equal(1 + (3 * 1024) - 4, streamer.CommandCount);
    }

    [Fact]
    public void The_page_behind_the_end_of_a_batch_is_not_touched()
    {
        ulong end = GpuMachine.VramVa + GpuMachine.MemorySize;
        var batch = new BatchBuilder().Noop(100).StoreDword(Data, 1).End();
        batch.RunOk(_machine, end - (ulong)batch.Length);
        Assert.Empty(_machine.Faults.Seen);
    }

    [Fact]
    public void A_store_that_faults_names_the_command()
    {
        int result = new BatchBuilder().Noop().StoreDword(GpuMachine.UnmappedVa, 1).End().Run(_machine, Batch, out CommandStreamer streamer);
        Assert.Equal(-Errno.EINVAL, result);
        Assert.Equal(new BatchError(-Errno.EINVAL, Batch + 4, 0x10000002, "MI_STORE_DATA_IMM"), streamer.LastError);
        Assert.Equal((GpuMachine.UnmappedVa, GpuAccess.Write), Assert.Single(_machine.Faults.Seen));
    }

    [Fact]
    public void Executing_commands_allocates_nothing()
    {
        new BatchBuilder().StoreDword(Data, 1).StoreQword(Data, 1).AtomicIncrement(Data).EndUnless(Data, 0, 0).Noop(300)
            .MemCopy(Data, GpuMachine.BusVa, 9000).MemSet(Data, 1, 9000).Jump(Batch + 0x4000).PlaceAt(_machine, Batch);
        new BatchBuilder().End().PlaceAt(_machine, Batch + 0x4000);
        var streamer = new CommandStreamer(_machine.CreateView(), EngineClass.Copy, _machine.Stop);
        Allocations.AssertNone(() => streamer.Run(Batch));
    }

    /// <summary>What the malformed commands would touch if they were executed, and the batch.</summary>
    private byte[] Memory() => [.. new Span<byte>(_machine.Vram, 0x20000), .. new Span<byte>(_machine.HostMemory, 0x40000)];

    private uint Dword(ulong va) => *(uint*)_machine.Backing(va);

    private ulong Qword(ulong va) => *(ulong*)_machine.Backing(va);

    private static uint Lo(ulong address) => (uint)address;

    private static uint Hi(ulong address) => (uint)(address >> 32);
}
