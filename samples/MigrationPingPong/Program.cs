// MigrationPingPong: the worst thing that can be done to memory that migrates.
//
// What you learn here:
//   - what it costs when CPU and GPU write to the same 2 MiB in turns: each turn moves all of it, there and back;
//   - that the same turns on memory that prefers the system move nothing;
//   - how to see it: the times as a plot in the terminal, or as an SVG image, and the driver's own counts beside it.
//
// Run it with: dotnet run --project samples/MigrationPingPong [-- ROUNDS] [--svg FILE]
// XESVM_BACKEND=software or kernel decides which backend is taken. Times of the software backend are those of this host's processor.
using System.Diagnostics;
using System.Globalization;
using MigrationPingPong;
using XeSvm;
using XeSvm.Statistics;

if (!Arguments.TryParse(args, out Arguments arguments))
{
    Console.Error.WriteLine("usage: MigrationPingPong [ROUNDS] [--svg FILE]   (ROUNDS from 1 to 1000, by default 24)");
    return 2;
}

using XeDevice device = XeDevice.Open();
using XeVm vm = device.CreateMirrorVm();
using XeQueue queue = vm.CreateQueue(device.FindEngine(XeEngineClass.Copy));
using GpuBatch batch = vm.CreateBatch(4096);
Console.WriteLine($"Device      {device.Node.Path} on the {device.BackendName} backend, because {device.BackendReason}");

Turns moving = Play(MemoryLocation.Default);
Console.WriteLine(Plot.Text("Memory that migrates: us a turn", moving));
Turns? staying = null;
if (device.Supports(XeFeature.MemoryAdvice))
{
    staying = Play(MemoryLocation.System);
    Console.WriteLine(Plot.Text("Memory that prefers the system: us a turn", staying));
}

if (arguments.SvgFile is { } file)
{
    File.WriteAllText(file, Plot.Svg(device.BackendName, moving, staying));
    Console.WriteLine($"Plot        {file}");
}

bool right = moving.IsRight && staying is null or { IsRight: true };
Console.WriteLine(right ? "All values are right." : "A value is wrong.");
return right ? 0 : 1;

// In each round the GPU stores a word, and the CPU reads it and adds 1 to it.
Turns Play(MemoryLocation location)
{
    using SvmBuffer<uint> buffer = vm.Allocate<uint>(2 * 1024 * 1024 / sizeof(uint));
    buffer.Span.Clear();
    if (!location.IsDefault)
    {
        buffer.PreferredLocation = location;
    }

    double[] gpu = new double[arguments.Rounds];
    double[] cpu = new double[arguments.Rounds];
    bool isRight = true;
    GtStatistics? before = null;
    for (int number = -1; number < arguments.Rounds; number++)
    {
        // The first round is not counted: code is compiled in it, and pages are made.
        if (number == 0)
        {
            before = Read();
        }

        int round = Math.Max(number, 0);
        batch.Reset();
        batch.StoreDword(buffer.GpuAddressOf(512), (uint)((2 * round) + 1));
        batch.End();
        long start = Stopwatch.GetTimestamp();
        queue.Submit(batch).Wait(TimeSpan.FromSeconds(60));
        gpu[round] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;

        start = Stopwatch.GetTimestamp();
        uint found = buffer[512]++;
        cpu[round] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        isRight &= found == 2 * round + 1 && buffer[512] == 2 * round + 2;
    }

    string counts = "the statistics cannot be read";
    if (before is not null && Read() is { } after)
    {
        CounterDelta delta = GtStatisticsDelta.Between(before, after).Counters;
        delta.TryGet("svm_2M_migrate_count", out ulong migrations);
        delta.TryGet("svm_cpu_copy_kb", out ulong kilobytes);
        counts = string.Create(
            CultureInfo.InvariantCulture, $"{migrations} migrations of 2 MiB to VRAM, {kilobytes / 1024.0:0.###} MiB copied home");
    }

    return new Turns(gpu, cpu, counts, isRight);
}

GtStatistics? Read() => device.TryReadGtStatistics(0, out GtStatistics? statistics, out _) ? statistics : null;
