// OutOfCore: work on three times as much memory as fits into VRAM.
//
// What you learn here:
//   - how an SvmManager keeps account of VRAM: while the GPU works on one tile, the next is prefetched, and what was used longest ago leaves;
//   - how Use() keeps a tile in place while the GPU works on it, and how a prefetch waits for room instead of turning the device's memory over;
//   - that all of this is hints: without the manager the result is the same, only the GPU faults are more.
//
// Run it with: dotnet run --project samples/OutOfCore
// XESVM_BACKEND=software or kernel decides which backend is taken. The software device gets 64 MiB of VRAM; on hardware the manager fills no more
// than that, so that the sample does not take the machine's memory.
using XeSvm;
using XeSvm.Management;
using XeSvm.Simulation;
using XeSvm.Statistics;

const ulong VramBytes = 64 << 20;
const nuint TileWords = 8 * 1024 * 1024 / sizeof(uint);
const int Tiles = (int)(3 * VramBytes / (8 << 20));
const int Passes = 2;
TimeSpan timeout = TimeSpan.FromSeconds(60);

using XeDevice device = XeDevice.Open(
    XeBackends.Select(choice: null, SoftwareBackendOptions.FromEnvironment() with { VramBytes = VramBytes }));
Console.WriteLine($"Device      {device.Node.Path} on the {device.BackendName} backend, because {device.BackendReason}");

ulong without = Run(managed: false, out bool firstIsRight);
ulong with = Run(managed: true, out bool secondIsRight);
Console.WriteLine($"GPU faults  {without} by faults alone, {with} with the manager");
bool right = firstIsRight && secondIsRight;
Console.WriteLine(right ? "All values are right." : "A value is wrong.");
return right ? 0 : 1;

// In each pass the CPU changes a word of each tile's first half, and the GPU copies the first half to the second.
ulong Run(bool managed, out bool isRight)
{
    using SvmManager manager = new(device, new SvmManagerOptions { BlockBytes = 8 << 20, VramLimit = VramBytes / 4 * 3 });
    using SvmBuffer<uint> data = manager.Allocate<uint>(TileWords * Tiles);
    using XeQueue queue = manager.Vm.CreateQueue(device.FindEngine(XeEngineClass.Copy));
    using GpuBatch batch = manager.Vm.CreateBatch(4096);
    for (int tile = 0; tile < Tiles; tile++)
    {
        data.AsSpan((nuint)tile * TileWords, (int)TileWords / 2).Fill((uint)tile);
    }

    SvmPrefetchOutcome total = default;
    manager.Prefetched += (_, prefetched) => total = Add(total, prefetched.Outcome);
    GtStatistics? before = Read();
    for (uint pass = 1; pass <= Passes; pass++)
    {
        Task next = Prepare(pass, 0);
        for (int tile = 0; tile < Tiles; tile++)
        {
            next.Wait();
            using SvmUse use = manager.Use(Tile(data, tile));
            next = Prepare(pass, tile + 1);

            batch.Reset();
            ulong start = data.GpuAddressOf((nuint)tile * TileWords);
            batch.Copy(start + TileWords / 2 * sizeof(uint), start, TileWords / 2 * sizeof(uint));
            batch.End();
            queue.Submit(batch).Wait(timeout);
        }

    }

    ulong faults = 0;
    if (before is not null && Read() is { } after)
    {
        GtStatisticsDelta.Between(before, after).Counters.TryGet("svm_pagefault_count", out faults);
    }

    Console.WriteLine(
        $"{(managed ? "Managed" : "By faults"),-11} {Tiles} tiles of 8 MiB, {data.ByteLength >> 20} MiB in all, {Passes} passes; " +
        $"prefetched {total.PrefetchedBytes >> 20} MiB, moved out {total.MovedOutBytes >> 20} MiB, left out {total.LeftOutBytes >> 20} MiB");
    isRight = Check(data);
    return faults;

    // The CPU's part of a tile comes before its prefetch: after it, the touch would bring the memory home again.
    Task Prepare(uint pass, int tile)
    {
        if (tile == Tiles)
        {
            return Task.CompletedTask;
        }

        data[(nuint)tile * TileWords] = pass * 1000 + (uint)tile;
        return managed ? manager.PrefetchAsync(Tile(data, tile), MemoryLocation.Device()) : Task.CompletedTask;
    }
}

static bool Check(SvmBuffer<uint> data)
{
    for (int tile = 0; tile < Tiles; tile++)
    {
        Span<uint> half = data.AsSpan((nuint)tile * TileWords + TileWords / 2, (int)TileWords / 2);
        if (half[0] != Passes * 1000 + tile || half[1..].IndexOfAnyExcept((uint)tile) >= 0)
        {
            return false;
        }
    }

    return true;
}

static GpuRange Tile(SvmBuffer<uint> data, int tile) => data.Slice((nuint)tile * TileWords, TileWords).Range;

static SvmPrefetchOutcome Add(SvmPrefetchOutcome left, SvmPrefetchOutcome right) => new(
    left.RequestedBytes + right.RequestedBytes,
    left.PrefetchedBytes + right.PrefetchedBytes,
    left.MovedOutBytes + right.MovedOutBytes,
    left.LeftOutBytes + right.LeftOutBytes);

GtStatistics? Read() => device.TryReadGtStatistics(0, out GtStatistics? statistics, out _) ? statistics : null;
