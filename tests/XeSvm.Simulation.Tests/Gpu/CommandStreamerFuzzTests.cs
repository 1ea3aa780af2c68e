using CsCheck;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Tests.Gpu.Support;

namespace XeSvm.Simulation.Tests.Gpu;

/// <summary>Whatever dwords a batch holds: no crash, nothing outside its memory, and an end, if need be by a stop request.</summary>
[Collection(ConcurrencyCollection.Name)]
public sealed unsafe class CommandStreamerFuzzTests
{
    private const ulong Page = 4096;
    private const int BatchDwords = 256;

    // Memory that batches may use. The pages around it belong to nobody and must stay as they are.
    private const ulong Base = GpuMachine.VramVa + (64 * Page);
    private const ulong Length = 16 * Page;

    private static readonly uint[] s_headers =
    [
        0x00000000, 0x05000000, 0x02800000, 0x04800003, 0x10000002, 0x10200003, 0x17800501, 0x17800601, 0x17882501, 0x17840709, 0x18800101,
        0x1b200002, 0x1b204002, 0x1b205002, 0x13004002, 0x13004003, 0x56800008, 0x56820008, 0x56880008, 0x56c00005, 0x56c20005,
    ];

    private static readonly Gen<ulong> s_address = Gen.Select(Gen.Int[0, 9], Gen.ULong, Gen.UInt[0, (uint)Length + 64])
        .Select((kind, wild, offset) => kind == 0 ? wild : Base + offset);

    private static readonly Gen<uint[]> s_noise = Gen.UInt.Array[1, 12];

    private static readonly Gen<uint[]> s_almostRight = Gen.Select(
        Gen.Int[0, s_headers.Length - 1].Select(index => s_headers[index]),
        Gen.Int[0, 40],
        s_address.Array[1, 4],
        Gen.UInt[0, 300].Array[12]).Select(BuildAlmostRight);

    [Fact]
    public void Random_batches_never_crash_never_leave_their_memory_and_always_end() =>
        Gen.Frequency((1, s_noise), (6, s_almostRight)).Array[1, 40].Sample(commands =>
        {
            using var machine = new GpuMachine();
            machine.Map(Base, Length, GpuMachine.Entry(GpuPteKind.Vram, 64 * Page));
            var memory = new Span<byte>(machine.Vram, (int)(128 * Page));
            memory.Fill(0xee);
            memory.Slice((int)(64 * Page), (int)Length).Clear();
            uint* batch = (uint*)(machine.Vram + (64 * Page));
            int index = 0;
            foreach (uint dword in commands.SelectMany(command => command).Take(BatchDwords))
            {
                batch[index++] = dword;
            }

            // The handler helps a few times, so that replays are met, then refuses.
            int faults = 0;
            machine.Faults.Service = (_, _) => ++faults < 3 ? 0 : -Errno.ENOENT;
            var streamer = new CommandStreamer(machine.CreateView(), EngineClass.Copy, machine.Stop);
            using var done = new ManualResetEventSlim();
            int result = 0;
            var engine = new Thread(() =>
            {
                result = streamer.Run(Base);
                done.Set();
            });
            engine.Start();
            bool endedAlone = done.Wait(10);
            machine.Stop.Request();
            Assert.True(done.Wait(120_000), "The batch goes on after a stop request.");
            engine.Join();

            Assert.InRange(result, -Errno.ECANCELED, 0);
            Assert.True(endedAlone || result == -Errno.ECANCELED);
            Assert.Equal(-1, memory[..(int)(64 * Page)].IndexOfAnyExcept((byte)0xee));
            Assert.Equal(-1, memory[(int)((64 * Page) + Length)..].IndexOfAnyExcept((byte)0xee));
        }, iter: 150, threads: 1);

    [Fact]
    public void With_a_stop_request_not_one_command_is_executed() =>
        s_noise.Sample(dwords =>
        {
            using GpuMachine machine = new GpuMachine().MapEverything();
            machine.Stop.Request();
            Assert.Equal(-Errno.ECANCELED, new BatchBuilder().Raw(dwords).Run(machine, GpuMachine.VramVa, out CommandStreamer streamer));
            Assert.Equal(0, streamer.CommandCount);
        }, iter: 20, threads: 1);

    /// <summary>A command with plausible operands, of which one dword may be damaged.</summary>
    private static uint[] BuildAlmostRight(uint header, int damage, ulong[] addresses, uint[] small)
    {
        Command command = CommandTable.Find(header)!;
        uint[] dwords = new uint[Math.Max(command.Length(header), 1)];
        dwords[0] = header;
        int at = 1;
        while (at < dwords.Length)
        {
            bool wantsAddress = header >> 29 == 0 ? at == (header >> 23 == 0x36 ? 2 : 1) : at is 4 or 5 or 7 && at + 1 < dwords.Length;
            if (wantsAddress)
            {
                ulong address = addresses[at % addresses.Length];
                dwords[at++] = (uint)address & ~(damage % 2 == 0 ? 7u : 0);
                dwords[at++] = (uint)(address >> 32);
            }
            else
            {
                dwords[at] = small[at];
                at++;
            }
        }

        if (damage < dwords.Length)
        {
            dwords[damage] ^= 1u << (int)(small[0] % 32);
        }

        return dwords;
    }
}
