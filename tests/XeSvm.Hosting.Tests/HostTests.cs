using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using XeSvm.Interop;
using XeSvm.Management;
using XeSvm.Simulation;

namespace XeSvm.Hosting.Tests;

public sealed class HostTests
{
    [Fact]
    public async Task A_started_host_has_an_open_device_and_says_which_backend_it_took_and_why()
    {
        LogList log = new();
        using IHost host = TestHost.Build(xesvm => xesvm.UseSoftwareBackend(TestHost.Small), log);
        await host.StartAsync();

        XeDevice device = host.Services.GetRequiredService<XeDevice>();
        TestHost.MigrateOnce(device);

        Assert.Equal("software", device.BackendName);
        Assert.Contains(log.Lines, line => line.StartsWith("Information BackendTaken: software backend, software:0: ", StringComparison.Ordinal) && line.Contains("asks for it", StringComparison.Ordinal));
        Assert.Contains(log.Lines, line => line.StartsWith("Information DeviceOpened: Opened software:0 (0000:03:00.0)", StringComparison.Ordinal));
        await host.StopAsync();
    }

    [Fact]
    public async Task Everything_that_is_wrong_with_the_options_is_said_at_once_when_the_host_starts()
    {
        using IHost host = TestHost.Build(xesvm =>
        {
            xesvm.UseSoftwareBackend(software => software with { Device = "b580", Strategy = "fast", CpuFaults = "never", VramBytes = 3 });
            xesvm.Services.Configure<XeSvmOptions>(options => options.StatisticsMaximumAge = TimeSpan.FromHours(1));
        });

        OptionsValidationException exception = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        Assert.Equal(5, exception.Failures.Count());
        foreach (string part in new[] { "StatisticsMaximumAge", "Software.Device", "Software.Strategy", "Software.CpuFaults", "Software.VramBytes" })
        {
            Assert.Contains(exception.Failures, failure => failure.StartsWith(part, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Valid_options_have_no_errors()
    {
        Assert.Empty(XeSvmOptionsValidator.ErrorsOf(new SoftwareBackendOptions { Device = "dual-bmg", Strategy = "per-page" }));
        Assert.True(new XeSvmOptionsValidator().Validate(null, new XeSvmOptions()).Succeeded);
        Assert.True(new XeSvmOptionsValidator().Validate(null, new XeSvmOptions { Backend = (BackendChoice)7 }).Failed);
    }

    [Fact]
    public async Task Devices_with_keys_are_opened_on_their_nodes_by_path_or_bus_address()
    {
        using IHost host = TestHost.Build(xesvm => xesvm
            .UseSoftwareBackend(options => TestHost.Small(options) with { Device = "dual-bmg" })
            .AddDevice("left", "software:0")
            .AddDevice("right", "0000:04:00.0"));
        await host.StartAsync();

        Assert.Equal("software:0", host.Services.GetRequiredKeyedService<XeDevice>("left").Node.Path);
        Assert.Equal("software:1", host.Services.GetRequiredKeyedService<XeDevice>("right").Node.Path);
        Assert.Equal(3, host.Services.GetRequiredService<XeDeviceRegistry>().Devices.Count);
        await host.StopAsync();
    }

    [Fact]
    public async Task A_manager_is_a_service_alone_and_by_key_and_goes_before_its_device()
    {
        using IHost host = TestHost.Build(xesvm => xesvm
            .UseSoftwareBackend(options => TestHost.Small(options) with { Device = "dual-bmg" })
            .AddDevice("right", "software:1"));
        await host.StartAsync();

        SvmManager manager = host.Services.GetRequiredService<SvmManager>();
        SvmManager right = host.Services.GetRequiredKeyedService<SvmManager>("right");
        using (SvmBuffer<uint> numbers = manager.Allocate<uint>(1 << 20))
        {
            numbers.Span.Fill(7);
            manager.Prefetch(numbers.Range, MemoryLocation.Device());
            Assert.Equal(7u, numbers[0]);
        }

        Assert.Same(host.Services.GetRequiredService<XeDevice>(), manager.Device);
        Assert.Equal("software:1", right.Device.Node.Path);
        await host.StopAsync();
    }

    [Fact]
    public async Task A_device_that_does_not_exist_stops_the_start_and_lists_those_that_do()
    {
        using IHost host = TestHost.Build(xesvm => xesvm.UseSoftwareBackend(TestHost.Small).AddDevice("other", "0000:99:00.0"));

        XeDeviceNotFoundException exception = await Assert.ThrowsAsync<XeDeviceNotFoundException>(() => host.StartAsync());

        Assert.Contains("'0000:99:00.0'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("software:0 (0000:03:00.0)", exception.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task The_kernel_backend_without_a_device_stops_the_start_and_says_what_was_searched()
    {
        using (Interop.Kernel.KernelBackend kernel = new())
        {
            Skip.If(kernel.Enumerate().Count > 0, "This machine has an xe device.");
        }

        using IHost host = TestHost.Build(xesvm => xesvm.UseKernelBackend());
        XeDeviceNotFoundException exception = await Assert.ThrowsAsync<XeDeviceNotFoundException>(() => host.StartAsync());
        Assert.Contains("/dev/dri", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_health_check_is_healthy_with_a_device_and_unhealthy_when_it_is_lost()
    {
        using SoftwareBackend backend = new(TestHost.Small(new SoftwareBackendOptions()));
        HealthReport before;
        HealthReport after;
        using (IHost host = TestHost.Build(xesvm => xesvm.Services.AddSingleton<IXeBackendSource>(new FixedSource(backend))))
        {
            await host.StartAsync();
            HealthCheckService health = host.Services.GetRequiredService<HealthCheckService>();
            before = await health.CheckHealthAsync();
            backend.DeclareWedged();
            after = await health.CheckHealthAsync();
            await host.StopAsync();
        }

        HealthReportEntry entry = before.Entries["xesvm"];
        Assert.Equal(HealthStatus.Healthy, entry.Status);
        Assert.Equal("software", entry.Data["backend"]);
        Assert.Equal(HealthStatus.Unhealthy, after.Entries["xesvm"].Status);
        Assert.Contains("software:0", after.Entries["xesvm"].Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Adding_twice_is_the_same_as_adding_once()
    {
        using IHost host = TestHost.Build(xesvm =>
        {
            xesvm.UseSoftwareBackend(TestHost.Small);
            xesvm.Services.AddXeSvm();
        });
        await host.StartAsync();

        Assert.Single((await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync()).Entries);
        Assert.Single(host.Services.GetServices<XeDevice>());
        await host.StopAsync();
    }

    /// <summary>Gives a backend that the test keeps.</summary>
    private sealed class FixedSource(DrmBackend backend) : IXeBackendSource
    {
        public BackendSelection Choose(XeSvmOptions options) =>
            new(backend, backend.Enumerate()[0], BackendChoice.Software, "the test chose it");
    }
}
