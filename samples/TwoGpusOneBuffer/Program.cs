// TwoGpusOneBuffer: two GPUs and the CPU share one buffer.
//
// What you learn here:
//   - one allocation has the same address for the CPU and for every GPU whose VM mirrors the process: nothing is imported or exported;
//   - how to say in whose VRAM it should live, and that a GPU uses memory in the other's VRAM where it is, over the way that leads there;
//   - that atomics of both GPUs and of the CPU on one word add up;
//   - how to move the buffer from one GPU to the other without a stay in system memory, also ahead of its use and from either side;
//   - what went which way: the backend counts migrations and accesses for each route.
//
// Run it with two Intel GPUs, or with the software backend:
//   XESVM_BACKEND=software XESVM_DEVICE=dual-bmg dotnet run --project samples/TwoGpusOneBuffer
// XESVM_DEVICE=quad-fabric-virtual, pair-isolated or a topology file of your own give other ways between the GPUs.
using XeSvm;
using XeSvm.Interop;
using XeSvm.Peers;

const int Elements = 2 * 1024 * 1024 / sizeof(uint);
const int Rounds = 8;

using BackendSelection selection = XeBackends.Select();
IReadOnlyList<DrmNode> nodes = selection.Backend.Enumerate();
if (nodes.Count < 2)
{
    Console.Error.WriteLine($"This needs two GPUs; the {selection.Backend.Name} backend has {nodes.Count}. Try XESVM_BACKEND=software XESVM_DEVICE=dual-bmg.");
    return 3;
}

using XeDevice first = XeDevice.Open(selection.Backend, nodes[0]);
using XeDevice second = XeDevice.Open(selection.Backend, nodes[1]);
Console.WriteLine($"GPUs       {first.Node.Path} and {second.Node.Path} on the {first.BackendName} backend");
Console.WriteLine(MachinePlace.TryFind(second, out MachinePlace? place, out string? reason)
    ? $"Way        {place.LinkTo(0).RouteName}, distance {place.LinkTo(0).Distance}, from the second GPU to the first"
    : $"Way        not known: {reason}");

// Each GPU has an address space of its own, and both mirror the process's.
using XeVm firstVm = first.CreateMirrorVm();
using XeVm secondVm = second.CreateMirrorVm();
using XeQueue firstQueue = firstVm.CreateQueue(first.FindEngine(XeEngineClass.Copy));
using XeQueue secondQueue = secondVm.CreateQueue(second.FindEngine(XeEngineClass.Copy));
using SvmBuffer<uint> buffer = firstVm.Allocate<uint>(Elements);
buffer.Span.Clear();

// It should live in the first GPU's VRAM, whoever touches it; and atomics may be done from outside, where it is. A prefetch to the other GPU brings it
// there before anybody has touched it, and stays as advice, so that the GPU that asked does not pull it over afterwards.
firstVm.Advise(buffer.Range, MemoryLocation.Device(first));
XeResult prefetched = secondVm.TryPrefetch(buffer.Range, MemoryLocation.Device(first));
bool shared = prefetched.IsSuccess;
Console.WriteLine(shared
    ? "Prefetch   the second GPU has sent the buffer into the first one's VRAM"
    : $"Prefetch   {prefetched}: without a way between the GPUs the buffer goes to and fro by system memory");
firstVm.Advise(buffer.Range, Advice.AtomicAccess(AtomicAccess.Device));
secondVm.Advise(buffer.Range, Advice.AtomicAccess(AtomicAccess.Device));

// Element 0 is counted up by all three, element 1 and 2 are written by one GPU each.
using GpuBatch firstBatch = CountAndStore(firstVm, 1, 100);
using GpuBatch secondBatch = CountAndStore(secondVm, 2, 200);
for (int round = 0; round < Rounds; round++)
{
    firstQueue.Submit(firstBatch).Wait(TimeSpan.FromSeconds(10));
    secondQueue.Submit(secondBatch).Wait(TimeSpan.FromSeconds(10));
}

Interlocked.Increment(ref buffer[0]);
Console.WriteLine($"Values     counted {buffer[0]} times, {buffer[1]} by the first GPU, {buffer[2]} by the second");
bool right = buffer[0] == (2 * Rounds) + 1 && buffer[1] == 100 && buffer[2] == 200;

// From one VRAM to the other, asked for by the GPU that has it: the source's copy engine writes over the way between them. The CPU's touch has brought the
// buffer home, so it goes into the first GPU's VRAM before.
firstVm.Prefetch(buffer.Range, MemoryLocation.Device());
if (shared)
{
    firstVm.Prefetch(buffer.Range, MemoryLocation.Device(second));
}

secondVm.Advise(buffer.Range, MemoryLocation.Device());
secondVm.Prefetch(buffer.Range, MemoryLocation.Device());
secondQueue.Submit(secondBatch).Wait(TimeSpan.FromSeconds(10));
Print(first, "migrations: ", "migrated_bytes: ", "accessed_bytes: ");
right &= buffer[0] == (2 * Rounds) + 2;
Console.WriteLine(right ? $"Result     every update is there{(shared ? "" : ", by way of system memory")}" : "Result     an update is lost");
return right ? 0 : 1;

GpuBatch CountAndStore(XeVm vm, nuint element, uint value)
{
    GpuBatch batch = vm.CreateBatch(4096);
    batch.AtomicDword(buffer.GpuAddressOf(0), GpuAtomic.Increment);
    batch.StoreDword(buffer.GpuAddressOf(element), value);
    batch.End();
    return batch;
}

// What went which way, as far as the backend counts it.
static void Print(XeDevice device, params string[] names)
{
    if (device.ReadDebugFile("peers") is { IsAvailable: true } peers)
    {
        string[] lines = Array.FindAll(
            peers.Text.Split('\n'), line => Array.Exists(names, line.Contains) && !line.EndsWith(" 0", StringComparison.Ordinal));
        Console.WriteLine(lines.Length == 0 ? "Routes     nothing has gone straight from one to the other" : "Routes     what has gone which way:");
        foreach (string line in lines)
        {
            Console.WriteLine($"    {line}");
        }
    }
}
