// SharedAtomics: CPU threads and the GPU count with one counter at the same time.
//
// What you learn here:
//   - that an atomic operation of the CPU (Interlocked) and one of the GPU (MI_ATOMIC) on the same word never lose each other's work, although the
//     page moves between system memory and VRAM all the time;
//   - that neither side needs to make room for the other: memory that came to VRAM for an atomic operation stays there for 5 ms, so the GPU gets on
//     although the CPU's threads never pause;
//   - what AtomicAccess says to the driver: Global for memory where both do atomics, Device or Cpu where only one of them does;
//   - that memory whose atomics are the CPU's refuses those of the GPU: the queue is banned, and a value is never silently wrong.
//
// Run it with: dotnet run --project samples/SharedAtomics
// XESVM_BACKEND=software or kernel decides which backend is taken.
using XeSvm;

const int Batches = 40;
const int PerBatch = 50;
const int CpuThreads = 2;
TimeSpan timeout = TimeSpan.FromSeconds(60);

using XeDevice device = XeDevice.Open();
using XeVm vm = device.CreateMirrorVm();
using XeQueue queue = vm.CreateQueue(device.FindEngine(XeEngineClass.Copy));
using GpuBatch batch = vm.CreateBatch(4096);
using SvmBuffer<uint> memory = vm.Allocate<uint>(1024);
Console.WriteLine($"Device      {device.Node.Path} on the {device.BackendName} backend, because {device.BackendReason}");

bool canAdvise = device.Supports(XeFeature.MemoryAdvice);
if (canAdvise)
{
    memory.AtomicAccess = AtomicAccess.Global;
}

for (int count = 0; count < PerBatch; count++)
{
    batch.AtomicDword(memory.GpuAddress, GpuAtomic.Increment);
}

batch.End();
long cpuTotal = 0;
bool gpuIsDone = false;
Thread[] threads = [.. Enumerable.Range(0, CpuThreads).Select(_ => new Thread(Count))];
foreach (Thread thread in threads)
{
    thread.Start();
}

for (int number = 0; number < Batches; number++)
{
    queue.Submit(batch).Wait(timeout);
}

Volatile.Write(ref gpuIsDone, true);
foreach (Thread thread in threads)
{
    thread.Join();
}

uint expected = (uint)(Batches * PerBatch + cpuTotal);
bool right = memory[0] == expected;
Console.WriteLine($"Counter     {memory[0]}: {Batches * PerBatch} of the GPU and {cpuTotal} of the CPU make {expected}");

// Memory whose atomics are the CPU's alone: the GPU's atomic is refused, and nothing else happens to the word.
if (canAdvise)
{
    memory[0] = 7;
    memory.AtomicAccess = AtomicAccess.Cpu;
    XeResult refused = queue.Submit(batch).TryWait(timeout);
    Console.WriteLine($"CPU only    the GPU's atomic ends with {refused.ErrnoName}, the word is still {memory[0]}");
    right &= !refused.IsSuccess && memory[0] == 7;
}

Console.WriteLine(right ? "All values are right." : "A value is wrong.");
return right ? 0 : 1;

void Count()
{
    long count = 0;
    while (!Volatile.Read(ref gpuIsDone))
    {
        Interlocked.Increment(ref memory[0]);
        count++;
    }

    Interlocked.Add(ref cpuTotal, count);
}
