// PrefetchAndAdvise: telling the driver where memory should be, and moving it before it is needed.
//
// What you learn here:
//   - that a prefetch takes the GPU's page faults away, and what the GT statistics say with and without it;
//   - that advice moves nothing now, but decides where a fault brings memory: with "prefer the system" the GPU works on system memory over the
//     bus, and nothing migrates;
//   - how to read the advice back, and that it can differ inside one buffer;
//   - how to ask what a driver can be told at all, and why not: cudaMemAdviseSetReadMostly has no counterpart in xe, and is not imitated;
//   - how to prefetch several ranges without waiting, with a token to cancel it.
//
// Run it with: dotnet run --project samples/PrefetchAndAdvise
// XESVM_BACKEND=software or kernel decides which backend is taken.
using XeSvm;
using XeSvm.Statistics;

const int Words = 1 << 20; // 4 MiB: two ranges of 2 MiB
TimeSpan timeout = TimeSpan.FromSeconds(60);

using XeDevice device = XeDevice.Open();
using XeVm vm = device.CreateMirrorVm();
using XeQueue queue = vm.CreateQueue(device.FindEngine(XeEngineClass.Copy));
using GpuBatch batch = vm.CreateBatch(4096);
using SvmBuffer<uint> buffer = vm.Allocate<uint>(Words);
Console.WriteLine($"Device      {device.Node.Path} on the {device.BackendName} backend, because {device.BackendReason}");

// 1. By fault: the GPU stores into each half, faults on each, and the driver migrates both.
buffer.Span.Fill(1);
bool right = Store("By fault", 10, faults: 2, migrations: 2);

// 2. By prefetch: the same stores, but the memory is in VRAM before the batch is submitted.
buffer.Span.Fill(2); // the CPU writes, so the memory comes home first
vm.Prefetch(buffer.Range, MemoryLocation.Device());
right &= Store("Prefetched", 20, faults: 0, migrations: 0);

// 3. Several ranges at once, without waiting for them.
buffer.Span.Fill(3);
using (CancellationTokenSource cancel = new(timeout))
{
    await vm.PrefetchAsync(
        [buffer.Slice(0, Words / 2), buffer.Slice(Words / 2, Words / 2)], MemoryLocation.Device(), cancel.Token);
}

right &= Store("In parts", 30, faults: 0, migrations: 0);

// 4. Advice: from now on, faults on the first half leave it in system memory.
if (vm.Supports(AdviceKind.PreferredLocation, out string? reason))
{
    buffer.Span.Fill(4);
    buffer.Slice(0, Words / 2).PreferredLocation = MemoryLocation.System;
    right &= Store("Advised", 40, faults: 2, migrations: 1);
    foreach (SvmRangeAttributes attributes in buffer.GetAttributes())
    {
        Console.WriteLine($"Attributes  {attributes.Range}: preferred location {attributes.PreferredLocation}");
    }

    buffer.PreferredLocation = MemoryLocation.Default; // takes it back
}
else
{
    Console.WriteLine($"Advice      cannot be given: {reason}");
}

// 5. What the driver cannot be told, it says so.
foreach (AdviceKind kind in Enum.GetValues<AdviceKind>())
{
    Console.WriteLine(vm.Supports(kind, out string? why) ? $"Supported   {kind}" : $"Unsupported {kind}: {why}");
}

Console.WriteLine(right ? "All values are right." : "A value is wrong.");
return right ? 0 : 1;

// Has the GPU store into both halves, prints what that cost, and reads both values back.
bool Store(string what, uint value, ulong faults, ulong migrations)
{
    batch.Reset();
    batch.StoreDword(buffer.GpuAddressOf(5), value);
    batch.StoreDword(buffer.GpuAddressOf(Words / 2 + 5), value + 1);
    batch.End();
    GtStatistics? before = Read();
    queue.Submit(batch).Wait(timeout);
    GtStatistics? after = Read();
    if (before is not null && after is not null)
    {
        CounterDelta delta = GtStatisticsDelta.Between(before, after).Counters;
        delta.TryGet("svm_pagefault_count", out ulong faulted);
        delta.TryGet("svm_2M_migrate_count", out ulong migrated);
        Console.WriteLine($"{what,-11} {faulted} GPU faults (expected {faults}), {migrated} migrations of 2 MiB (expected {migrations})");
    }
    else
    {
        Console.WriteLine($"{what,-11} {faults} GPU faults and {migrations} migrations are expected; the statistics cannot be read");
    }

    uint untouched = buffer[4];
    return buffer[5] == value && buffer[Words / 2 + 5] == value + 1 && untouched == value / 10;
}

GtStatistics? Read() => device.TryReadGtStatistics(0, out GtStatistics? statistics, out _) ? statistics : null;
