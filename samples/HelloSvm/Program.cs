// HelloSvm: the smallest program in which a GPU and a CPU share memory.
//
// What you learn here:
//   - how to open a device (an Intel GPU where there is one, else the software backend) and to see which it is and why;
//   - that in a mirror VM a CPU address is a GPU address: nothing is copied or mapped by hand;
//   - how to write a batch, submit it, and wait for it;
//   - that the memory really moves: the GPU's store migrates the touched range to VRAM, the CPU's read brings it back, and the
//     driver's own statistics count both.
//
// Run it with: dotnet run --project samples/HelloSvm
// XESVM_BACKEND=software or kernel decides which backend is taken.
using XeSvm;
using XeSvm.Statistics;

using XeDevice device = XeDevice.Open();
Console.WriteLine($"Device     {device.Node.Path} on the {device.BackendName} backend, because {device.BackendReason}");

// Every address of this process becomes an address of the GPU.
using XeVm vm = device.CreateMirrorVm();
using XeQueue queue = vm.CreateQueue(device.FindEngine(XeEngineClass.Copy));

// 2 MiB of ordinary memory. The CPU writes all of it first, so all its pages exist in system memory.
using SvmBuffer<uint> buffer = vm.Allocate<uint>(2 * 1024 * 1024 / sizeof(uint));
buffer.Span.Fill(1);
Console.WriteLine($"Memory     {buffer.ByteLength} bytes at 0x{buffer.GpuAddress:x}, for CPU and GPU alike");

// One GPU command: store 42 in element 1000. The GPU has no mapping for the address yet. It faults, the driver migrates the range to
// VRAM, and the store is repeated.
using GpuBatch batch = vm.CreateBatch(4096);
batch.StoreDword(buffer.GpuAddressOf(1000), 42);
batch.End();

GtStatistics? before = ReadStatistics(device);
queue.Submit(batch).Wait(TimeSpan.FromSeconds(10));
GtStatistics? stored = ReadStatistics(device);

// The CPU just reads. If the page is in VRAM, that is a CPU fault, and the driver brings it back.
uint value = buffer[1000];
uint neighbour = buffer[1001];
GtStatistics? read = ReadStatistics(device);
Console.WriteLine($"Values     element 1000 is {value} (the GPU's), element 1001 is {neighbour} (the CPU's)");

PrintDifference("GPU store", before, stored);
PrintDifference("CPU read", stored, read);
return value == 42 && neighbour == 1 ? 0 : 1;

static GtStatistics? ReadStatistics(XeDevice device)
{
    if (device.TryReadGtStatistics(0, out GtStatistics? statistics, out string? reason))
    {
        return statistics;
    }

    Console.WriteLine($"Statistics cannot be read: {reason}");
    return null;
}

static void PrintDifference(string what, GtStatistics? before, GtStatistics? after)
{
    if (before is null || after is null)
    {
        return;
    }

    Counter[] moved = [.. GtStatisticsDelta.Between(before, after).Counters.Counters.Where(counter => counter.Value != 0)];
    Console.WriteLine(moved.Length == 0 ? $"{what}: no counter moved" : $"{what}, counters that moved:");
    foreach (Counter counter in moved)
    {
        Console.WriteLine($"    {counter.Name}: {counter.Value}");
    }
}
