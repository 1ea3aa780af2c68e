using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using XeSvm.Simulation;

namespace XeSvm.Hosting.Tests;

/// <summary>A host on the software backend in coherent mode, which every machine can do.</summary>
internal static class TestHost
{
    /// <summary>Small, and with no need of privileges.</summary>
    internal static SoftwareBackendOptions Small(SoftwareBackendOptions options) =>
        options with { CpuFaults = "coherent", VramBytes = 64 * 1024 * 1024 };

    /// <summary>Builds a host, not started.</summary>
    internal static IHost Build(Action<XeSvmBuilder> configure, ILoggerProvider? log = null)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        if (log is not null)
        {
            builder.Logging.AddProvider(log);
        }

        configure(builder.Services.AddXeSvm());
        return builder.Build();
    }

    /// <summary>Makes the GPU fault once on a range of 2 MiB.</summary>
    internal static void MigrateOnce(XeDevice device)
    {
        using XeVm vm = device.CreateMirrorVm();
        using XeQueue queue = vm.CreateQueue(device.FindEngine(XeEngineClass.Copy));
        using SvmBuffer<uint> numbers = vm.Allocate<uint>(1 << 20);
        numbers.Span.Fill(1);
        using GpuBatch batch = vm.CreateBatch(4096);
        batch.StoreDword(numbers.GpuAddressOf(0), 42);
        batch.End();
        queue.Submit(batch).Wait(TimeSpan.FromSeconds(30));
        Assert.Equal(42u, numbers[0]);
    }
}

/// <summary>Keeps what is logged.</summary>
internal sealed class LogList : ILoggerProvider, ILogger
{
    private readonly List<string> _lines = [];

    /// <summary>The lines so far.</summary>
    internal IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_lines)
        {
            _lines.Add($"{logLevel} {eventId.Name}: {formatter(state, exception)}");
        }
    }

    public void Dispose()
    {
    }
}
