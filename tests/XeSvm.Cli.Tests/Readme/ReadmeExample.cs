// begin README
using XeSvm;
using XeSvm.Statistics;

// end README
namespace XeSvm.Cli.Tests.Readme;

/// <summary>The README's example. What stands between the marks is what the README shows, and what runs here.</summary>
internal static class ReadmeExample
{
    public static (uint Value, ulong? Migrations) Run()
    {
        // begin README
        using XeDevice device = XeDevice.Open();                     // an Intel GPU, else the software backend
        using XeVm vm = device.CreateMirrorVm();                     // every CPU address is a GPU address
        using XeQueue queue = vm.CreateQueue(device.FindEngine(XeEngineClass.Copy));

        using SvmBuffer<uint> numbers = vm.Allocate<uint>(1 << 20);  // ordinary memory, 4 MiB
        numbers.Span.Fill(1);                                        // the CPU writes all of it

        using GpuBatch batch = vm.CreateBatch(4096);
        batch.StoreDword(numbers.GpuAddressOf(1000), 42);            // the GPU faults, 2 MiB migrate to VRAM, the store happens
        batch.Copy(numbers.GpuAddressOf(2000), numbers.GpuAddressOf(1000), sizeof(uint));
        batch.End();

        GtStatistics before = device.ReadGtStatistics();
        queue.Submit(batch).Wait(TimeSpan.FromSeconds(10));
        GtStatisticsDelta moved = GtStatisticsDelta.Between(before, device.ReadGtStatistics());

        Console.WriteLine($"{numbers[2000]}");                        // 42: a CPU touch brings the page home
        MigrationTimes? times = moved.TimesOf(SvmSizeClass.Size2M);
        Console.WriteLine($"{times?.Count} migrations of 2 MiB, {times?.CpuAverage} us of CPU time each");

        vm.Advise(numbers.Range, MemoryLocation.System);             // advice, then an explicit move
        vm.Prefetch(numbers.Range, MemoryLocation.Device());
        // end README
        return (numbers[1000], times?.Count);
    }
}
