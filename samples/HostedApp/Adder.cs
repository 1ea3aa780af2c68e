using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using XeSvm;

namespace HostedApp;

/// <summary>Lets the GPU write into memory of the CPU once, and ends the program.</summary>
/// <param name="device">The device that AddXeSvm opened.</param>
/// <param name="lifetime">Ends the program.</param>
/// <param name="logger">Is told the result.</param>
public sealed partial class Adder(XeDevice device, IHostApplicationLifetime lifetime, ILogger<Adder> logger) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using XeVm vm = device.CreateMirrorVm();
        using XeQueue queue = vm.CreateQueue(device.FindEngine(XeEngineClass.Copy));
        using SvmBuffer<uint> numbers = vm.Allocate<uint>(1 << 20);
        using GpuBatch batch = vm.CreateBatch(4096);
        batch.StoreDword(numbers.GpuAddressOf(1000), 42);
        batch.End();
        await Task.Run(() => queue.Submit(batch).Wait(TimeSpan.FromSeconds(10)), stoppingToken);
        Stored(logger, numbers[1000]);
        lifetime.StopApplication();
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The GPU stored {Value}")]
    private static partial void Stored(ILogger logger, uint value);
}
