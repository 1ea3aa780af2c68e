using System.Diagnostics;
using System.Globalization;

using XeSvm.Interop.LibC;
using XeSvm.Simulation;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Tests.Driver;
using XeSvm.Simulation.Tests.Svm.Torture;

namespace XeSvm.Benchmarks.Torture;

/// <summary>
/// Very many migrations, one after the other, over four times the VRAM: each fault brings 64 KiB to VRAM and evicts 64 KiB that came long ago,
/// every seventh is followed by a CPU touch. What it looks for is growth: of resident memory, and of the number of mappings.
/// </summary>
internal static unsafe class EnduranceProgram
{
    public const string Verb = "endurance";

    private const ulong Vram = 16 << 20;
    private const ulong Block = 2 << 20;
    private const ulong Chunk = 64 << 10;
    private const int Blocks = 64;
    private const int ChunksOfBlock = 16;
    private const int Samples = 10;
    private const long MostMapsMore = 100;
    private const long MostResidentMore = 64 << 20;

    /// <summary>Runs it.</summary>
    public static int Run(ReadOnlySpan<string> args)
    {
        long migrations = 1_000_000;
        if (args.Length != 0 && (args.Length != 2 || args[0] != "--migrations"
            || !long.TryParse(args[1], NumberStyles.None, CultureInfo.InvariantCulture, out migrations) || migrations < Samples))
        {
            Console.Error.WriteLine($"endurance: '{string.Join(' ', args)}' is not valid.\nendurance [--migrations N]   (default 1000000, at least {Samples})");
            return 2;
        }

        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = Vram });
        ulong memory = DrmClient.Map(Blocks * Block, Block);
        for (ulong block = 0; block < Blocks; block++)
        {
            // Half of each block cannot be used, so that no range of 2 MiB fits.
            SystemCalls.Protect((nint)(memory + (block * Block) + (Block / 2)), (nuint)(Block / 2), MemoryProtection.None);
        }

        int wrong = Migrate(gpu, memory, migrations);
        DrmClient.Unmap(memory, Blocks * Block);
        Console.WriteLine(wrong == 0 ? "nothing wrong" : $"{wrong} findings");
        return wrong == 0 ? 0 : 1;
    }

    private static int Migrate(GpuClient gpu, ulong memory, long migrations)
    {
        Vm vm = gpu.Inspect(gpu.Vm);
        Gt gt = gpu.Device.PrimaryGt;
        int wrong = 0;
        long begin = Stopwatch.GetTimestamp();
        TortureSample first = default;
        for (long i = 0; i < migrations && wrong < 10; i++)
        {
            long index = i % (Blocks * ChunksOfBlock);
            ulong address = memory + ((ulong)(index / ChunksOfBlock) * Block) + ((ulong)(index % ChunksOfBlock) * Chunk);
            long round = i / (Blocks * ChunksOfBlock);
            if (round == 0)
            {
                // Only memory of which every page exists makes a range of 64 KiB.
                DrmClient.Touch(address, Chunk);
            }

            if (i % 7 == 0 || round == 0)
            {
                wrong += Check(*(long*)(address + 0x3008), round == 0 ? 0 : LastWritten(i), address);
                *(long*)(address + 0x3008) = i + 1;
            }

            int result = vm.HandleFault(address, GpuAccess.Write, gt);
            if (result < 0)
            {
                Console.WriteLine($"WRONG: the fault at 0x{address:x} answers {result}");
                wrong++;
            }

            // The first lap touches what is used for ever.
            if ((i + 1) % (migrations / Samples) == 0)
            {
                TortureSample sample = TortureSample.Take(begin, gpu.Counter("svm_64K_migrate_count"));
                Console.WriteLine(sample.ToString());
                first = first == default ? sample : first;
                if (sample.Maps - first.Maps >= MostMapsMore || sample.ResidentBytes - first.ResidentBytes >= MostResidentMore)
                {
                    Console.WriteLine("WRONG: mappings or resident memory grow");
                    wrong++;
                }
            }
        }

        Console.WriteLine($"{gpu.Counter("svm_device_copy_kb") >> 10} MiB to VRAM, {gpu.Counter("svm_cpu_copy_kb") >> 10} MiB home, "
            + $"{gpu.Counter("device_allocations", "backend")} allocations left");
        return wrong;
    }

    /// <summary>What the chunk of step i was given when it was last touched: in a lap before, at a step that seven divides, or in the first lap.</summary>
    private static long LastWritten(long i)
    {
        const long Lap = Blocks * ChunksOfBlock;
        long step = i - Lap;
        while (step >= Lap && step % 7 != 0)
        {
            step -= Lap;
        }

        return step + 1;
    }

    private static int Check(long found, long expected, ulong address)
    {
        if (found == expected)
        {
            return 0;
        }

        Console.WriteLine($"WRONG: 0x{address:x} holds {found}, not {expected}");
        return 1;
    }
}
