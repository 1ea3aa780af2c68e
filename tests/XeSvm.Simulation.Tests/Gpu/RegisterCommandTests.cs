using CsCheck;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Tests.Gpu.Support;

namespace XeSvm.Simulation.Tests.Gpu;

/// <summary>Registers, the ALU, the predicate and time stamps.</summary>
public sealed unsafe class RegisterCommandTests : IDisposable
{
    private const ulong Batch = GpuMachine.VramVa + 0x10000;
    private const ulong Data = GpuMachine.HostVa + 0x20000;
    private const uint R0 = 0x600;
    private const uint CopyBase = 0x22000;
    private const uint SourceA = 0x20;
    private const uint SourceB = 0x21;
    private const uint Accumulator = 0x31;
    private const uint ZeroFlag = 0x32;
    private const uint CarryFlag = 0x33;

    private readonly GpuMachine _machine = new GpuMachine().MapEverything();

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void Registers_are_loaded_copied_and_stored()
    {
        *(uint*)_machine.Backing(Data + 64) = 0x77;
        new BatchBuilder()
            .Raw(0x11080003, R0, 0x1111_1111, R0 + 4, 0x2222_2222)
            .Raw(0x150c0001, R0 + 4, R0 + 8)
            .Raw(0x14880002, R0 + 12, Lo(Data + 64), Hi(Data))
            .Raw(0x12080002, R0, Lo(Data), Hi(Data))
            .Raw(0x12080002, R0 + 4, Lo(Data + 4), Hi(Data))
            .Raw(0x12080002, R0 + 8, Lo(Data + 8), Hi(Data))
            .Raw(0x12000002, CopyBase + R0 + 12, Lo(Data + 12), Hi(Data))
            .End().RunOk(_machine, Batch);
        Assert.Equal([0x1111_1111u, 0x2222_2222u, 0x2222_2222u, 0x77u], new Span<uint>(_machine.Backing(Data), 4).ToArray());
    }

    [Fact]
    public void Registers_live_from_batch_to_batch_and_belong_to_their_engine()
    {
        var streamer = new CommandStreamer(_machine.CreateView(), EngineClass.Render, _machine.Stop);
        new BatchBuilder().Raw(0x11080001, R0, 5).Raw(0x11000001, CopyBase + R0, 6).End().PlaceAt(_machine, Batch);
        Assert.Equal(0, streamer.Run(Batch));
        new BatchBuilder().Raw(0x12000002, 0x2000 + R0, Lo(Data), Hi(Data)).Raw(0x12000002, CopyBase + R0, Lo(Data + 4), Hi(Data)).End()
            .PlaceAt(_machine, Batch);
        *(uint*)_machine.Backing(Data + 4) = 99;
        Assert.Equal(0, streamer.Run(Batch));
        Assert.Equal(5U, Dword(Data));
        Assert.Equal(0U, Dword(Data + 4));
    }

    [Fact]
    public void Unknown_and_read_only_registers_take_no_writes_and_unknown_ones_read_0()
    {
        *(uint*)_machine.Backing(Data) = 99;
        new BatchBuilder().Raw(0x11080003, 0xff0, 1, 0x74, 2)
            .Raw(0x12080002, 0xff0, Lo(Data), Hi(Data))
            .Raw(0x12080002, 0x74, Lo(Data + 4), Hi(Data))
            .End().RunOk(_machine, Batch);
        Assert.Equal(0U, Dword(Data));
        Assert.Equal(Lo(Batch + 36), Dword(Data + 4));
    }

    [Theory]
    [InlineData(0x100, 5UL, 7UL, 12UL, 0UL, 0UL)]
    [InlineData(0x100, ulong.MaxValue, 1UL, 0UL, ulong.MaxValue, ulong.MaxValue)]
    [InlineData(0x101, 5UL, 7UL, ulong.MaxValue - 1, 0UL, ulong.MaxValue)]
    [InlineData(0x101, 7UL, 7UL, 0UL, ulong.MaxValue, 0UL)]
    [InlineData(0x102, 12UL, 10UL, 8UL, 0UL, 0UL)]
    [InlineData(0x103, 12UL, 10UL, 14UL, 0UL, 0UL)]
    [InlineData(0x104, 12UL, 10UL, 6UL, 0UL, 0UL)]
    [InlineData(0x105, 3UL, 4UL, 48UL, 0UL, 0UL)]
    [InlineData(0x106, 48UL, 4UL, 3UL, 0UL, 0UL)]
    [InlineData(0x107, 0x8000_0000_0000_0000UL, 63UL, ulong.MaxValue, 0UL, 0UL)]
    public void The_ALU_computes_in_64_bits_and_stores_its_flags(uint operation, ulong a, ulong b, ulong accumulator, ulong zero, ulong carry)
    {
        LoadGprs(new BatchBuilder(), a, b)
            .Raw(0x0d000005, Alu(0x080, SourceA, 0), Alu(0x080, SourceB, 1), Alu(operation, 0, 0), Alu(0x180, 2, Accumulator),
                Alu(0x180, 3, ZeroFlag), Alu(0x180, 4, CarryFlag))
            .Raw(0x0d000003, Alu(0x480, SourceA, 0), Alu(0x481, SourceB, 0), Alu(0x102, 0, 0), Alu(0x580, 5, Accumulator))
            .Raw(StoreGpr(2, Data)).Raw(StoreGpr(3, Data + 8)).Raw(StoreGpr(4, Data + 16)).Raw(StoreGpr(5, Data + 24))
            .End().RunOk(_machine, Batch);
        Assert.Equal([accumulator, zero, carry, a], new Span<ulong>(_machine.Backing(Data), 4).ToArray());
    }

    [Fact]
    public void A_command_with_one_bad_ALU_instruction_computes_nothing()
    {
        var streamer = new CommandStreamer(_machine.CreateView(), EngineClass.Copy, _machine.Stop);
        new BatchBuilder().Raw(0x0d000002, Alu(0x481, SourceA, 0), Alu(0x180, 0, Accumulator), Alu(0x180, 16, Accumulator)).PlaceAt(_machine, Batch);
        streamer.Registers.GeneralPurpose(0) = 5;
        Assert.Equal(-Errno.EINVAL, streamer.Run(Batch));
        Assert.Equal(5UL, streamer.Registers.GeneralPurpose(0));
    }

    [Theory]
    [InlineData(1UL, 1UL, 0x82u, true)]
    [InlineData(1UL, 2UL, 0x82u, false)]
    [InlineData(1UL, 1UL, 0xc2u, false)]
    [InlineData(1UL, 2UL, 0xc2u, true)]
    [InlineData(1UL, 2UL, 0x80u, true)]
    [InlineData(1UL, 1UL, 0x81u, false)]
    public void A_predicate_decides_over_jumps_and_stores(ulong first, ulong second, uint predicate, bool holds)
    {
        new BatchBuilder()
            .Raw(0x11080007, 0x400, Lo(first), 0x404, Hi(first), 0x408, Lo(second), 0x40c, Hi(second))
            .Raw(0x06000000 | predicate)
            .Raw(0x11080001, R0, 7)
            .Raw(0x12280002, R0, Lo(Data), Hi(Data))
            .Raw(0x18808101, Lo(Batch + 0x1000), Hi(Batch))
            .StoreDword(Data + 4, 1).End().PlaceAt(_machine, Batch);
        new BatchBuilder().StoreDword(Data + 4, 2).End().PlaceAt(_machine, Batch + 0x1000);
        Assert.Equal(0, new CommandStreamer(_machine.CreateView(), EngineClass.Render, _machine.Stop).Run(Batch));
        Assert.Equal(holds ? 7U : 0, Dword(Data));
        Assert.Equal(holds ? 2U : 1, Dword(Data + 4));
    }

    [Fact]
    public void Predicates_combine_with_what_they_were()
    {
        // True, and (1 == 2) gives false; or (1 == 1) gives true; keep; xor true gives false.
        new BatchBuilder().Raw(0x06000080)
            .Raw(0x11080003, 0x400, 1, 0x408, 2).Raw(0x0600008a).Raw(0x12080002, 0x418, Lo(Data), Hi(Data))
            .Raw(0x11080001, 0x408, 1).Raw(0x06000092).Raw(0x12080002, 0x418, Lo(Data + 4), Hi(Data))
            .Raw(0x06000001).Raw(0x12080002, 0x418, Lo(Data + 8), Hi(Data))
            .Raw(0x06000098).Raw(0x12080002, 0x418, Lo(Data + 12), Hi(Data))
            .End().RunOk(_machine, Batch);
        Assert.Equal([0U, 1U, 1U, 0U], new Span<uint>(_machine.Backing(Data), 4).ToArray());
    }

    [Fact]
    public void Time_stamps_never_go_back_and_the_contexts_stands_still_between_batches()
    {
        var streamer = new CommandStreamer(_machine.CreateView(), EngineClass.Copy, _machine.Stop);
        new BatchBuilder()
            .Raw(0x12080002, 0x358, Lo(Data), Hi(Data)).Raw(0x12080002, 0x35c, Lo(Data + 4), Hi(Data))
            .Raw(0x1300c003, Lo(Data + 8), Hi(Data), 0, 0)
            .Raw(0x12080002, 0x3a8, Lo(Data + 16), Hi(Data)).Raw(0x12080002, 0x3ac, Lo(Data + 20), Hi(Data))
            .End().PlaceAt(_machine, Batch);
        ulong before = GpuClock.Ticks;
        Assert.Equal(0, streamer.Run(Batch));
        ulong first = *(ulong*)_machine.Backing(Data + 16);
        ulong between = GpuClock.Ticks;
        while (GpuClock.Ticks < between + (GpuClock.Frequency / 100))
        {
            Thread.Yield();
        }

        Assert.InRange(*(ulong*)_machine.Backing(Data), before, between);
        Assert.InRange(*(ulong*)_machine.Backing(Data + 8), before, between);
        ulong start = GpuClock.Ticks;
        Assert.Equal(0, streamer.Run(Batch));
        ulong second = *(ulong*)_machine.Backing(Data + 16);
        Assert.InRange(second, first, first + (between - before) + (GpuClock.Ticks - start));
    }

    [Theory]
    [InlineData(0x01, 0xf0f0UL, 0xff00UL, 0UL, 0xf000UL)]
    [InlineData(0x02, 0xf0f0UL, 0xff00UL, 0UL, 0xfff0UL)]
    [InlineData(0x03, 0xf0f0UL, 0xff00UL, 0UL, 0x0ff0UL)]
    [InlineData(0x04, 1UL, 0x9999_9999UL, 0UL, 0x9999_9999UL)]
    [InlineData(0x09, 1UL, 5UL, 0UL, 4UL)]
    [InlineData(0x0a, 0xffff_ffffUL, 1UL, 0UL, 1UL)]
    [InlineData(0x0b, 0xffff_ffffUL, 1UL, 0UL, 0xffff_ffffUL)]
    [InlineData(0x0c, 0xffff_ffffUL, 1UL, 0UL, 0xffff_ffffUL)]
    [InlineData(0x0d, 0xffff_ffffUL, 1UL, 0UL, 1UL)]
    [InlineData(0x0e, 5UL, 5UL, 9UL, 9UL)]
    [InlineData(0x0e, 5UL, 6UL, 9UL, 5UL)]
    [InlineData(0x2a, ulong.MaxValue, 1UL, 0UL, 1UL)]
    [InlineData(0x27, 0xffff_ffffUL, 0x1_0000_0001UL, 0UL, 0x2_0000_0000UL)]
    [InlineData(0x2e, 5UL, 5UL, 0x1_0000_0000UL, 0x1_0000_0000UL)]
    public void Atomics_of_every_operation_work_in_every_memory(uint opcode, ulong memory, ulong operand1, ulong operand2, ulong result)
    {
        foreach (ulong place in (ulong[])[GpuMachine.VramVa, GpuMachine.HostVa, GpuMachine.BusVa])
        {
            *(ulong*)_machine.Backing(place + 8) = memory;
            uint size = (opcode & 0x20) != 0 ? 1u << 19 : 0;
            new BatchBuilder().Raw(0x17840009 | size | opcode << 8, Lo(place + 8), Hi(place), Lo(operand1), Lo(operand2), Hi(operand1), Hi(operand2), 0, 0, 0, 0)
                .End().RunOk(_machine, Batch);
            Assert.Equal(result, *(ulong*)_machine.Backing(place + 8));
        }
    }

    [Fact]
    public void An_addition_is_what_its_operation_computes() =>
        Gen.Select(Gen.Int[1, 14], Gen.Bool, Gen.ULong, Gen.ULong).Sample((opcode, wide, old, operand) =>
        {
            int size = wide ? 8 : 4;
            var operation = new AtomicOperation((AtomicOpcode)opcode, size, operand, 0);
            Assert.Equal(opcode is >= 5 and <= 8, operation.IsAddition(out ulong addend));
            old = wide ? old : (uint)old;
            if (opcode is >= 5 and <= 8)
            {
                Assert.Equal(operation.Apply(old), AtomicOperation.Add(addend, size).Apply(old));
            }
        });

    private static BatchBuilder LoadGprs(BatchBuilder batch, ulong r0, ulong r1) =>
        batch.Raw(0x11080007, R0, Lo(r0), R0 + 4, Hi(r0), R0 + 8, Lo(r1), R0 + 12, Hi(r1));

    private static uint[] StoreGpr(uint index, ulong address) =>
    [
        0x12080002, R0 + (index * 8), Lo(address), Hi(address), 0x12080002, R0 + (index * 8) + 4, Lo(address + 4), Hi(address),
    ];

    private static uint Alu(uint operation, uint first, uint second) => operation << 20 | first << 10 | second;

    private uint Dword(ulong va) => *(uint*)_machine.Backing(va);

    private static uint Lo(ulong address) => (uint)address;

    private static uint Hi(ulong address) => (uint)(address >> 32);
}
