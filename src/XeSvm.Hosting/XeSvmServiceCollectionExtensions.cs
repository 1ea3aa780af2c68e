using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using XeSvm.Hosting.Metering;
using XeSvm.Hosting.Statistics;
using XeSvm.Management;

namespace XeSvm.Hosting;

/// <summary>Adds XeSvm to a host's services.</summary>
public static class XeSvmServiceCollectionExtensions
{
    /// <summary>The name of the health check.</summary>
    public const string HealthCheckName = "xesvm";

    /// <summary>
    /// Adds an <see cref="XeDevice"/>, an <see cref="SvmManager"/> on it (made when it is first asked for, with the <see cref="SvmManagerOptions"/>
    /// that are registered, if any), its <see cref="XeSvmBackend"/>, metrics of meter <see cref="XeSvmMetrics.MeterName"/>, and the health
    /// check <see cref="HealthCheckName"/>. Options are checked and devices opened when the host starts, so a host that runs has its devices.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">Sets the options.</param>
    public static XeSvmBuilder AddXeSvm(this IServiceCollection services, Action<XeSvmOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        OptionsBuilder<XeSvmOptions> options = services.AddOptions<XeSvmOptions>();
        if (configure is not null)
        {
            options.Configure(configure);
        }

        options.ValidateOnStart();
        services.AddMetrics();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<XeSvmOptions>, XeSvmOptionsValidator>());
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IXeBackendSource, DefaultBackendSource>();
        services.TryAddSingleton<XeSvmMetrics>();
        services.TryAddSingleton<XeSvmBackend>();
        services.TryAddSingleton<XeDeviceRegistry>();
        services.TryAddSingleton<IXeStatisticsSource, DeviceStatisticsSource>();
        services.TryAddSingleton(provider => provider.GetRequiredService<XeDeviceRegistry>().Open(pathOrBusAddress: null));
        services.TryAddSingleton(provider => CreateManager(provider, provider.GetRequiredService<XeDevice>()));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, XeSvmStartup>());
        if (!services.Any(descriptor => descriptor.ServiceType == typeof(HealthCheckMark)))
        {
            services.AddSingleton<HealthCheckMark>();
            services.AddHealthChecks().AddCheck<XeDeviceHealthCheck>(HealthCheckName);
        }

        return new XeSvmBuilder(services);
    }

    /// <summary>Makes a manager whose instruments go to the host's meters.</summary>
    internal static SvmManager CreateManager(IServiceProvider provider, XeDevice device)
    {
        SvmManagerOptions options = provider.GetService<SvmManagerOptions>() ?? new SvmManagerOptions();
        return new SvmManager(
            device, options.MeterFactory is null ? options with { MeterFactory = new ManagerMeterFactory(provider.GetRequiredService<IMeterFactory>()) } : options);
    }

    /// <summary>Stands in the collection once the health check has been added: adding one of the same name twice is an error at run time.</summary>
    private sealed class HealthCheckMark;
}
