using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using XeSvm.Hosting.Statistics;

namespace XeSvm.Hosting;

/// <summary>Adds XeSvm to a host's services.</summary>
public static class XeSvmServiceCollectionExtensions
{
    /// <summary>The name of the health check.</summary>
    public const string HealthCheckName = "xesvm";

    /// <summary>
    /// Adds an <see cref="XeDevice"/>, its <see cref="XeSvmBackend"/>, metrics of meter <see cref="XeSvmMetrics.MeterName"/>, and the health
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
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, XeSvmStartup>());
        if (!services.Any(descriptor => descriptor.ServiceType == typeof(HealthCheckMark)))
        {
            services.AddSingleton<HealthCheckMark>();
            services.AddHealthChecks().AddCheck<XeDeviceHealthCheck>(HealthCheckName);
        }

        return new XeSvmBuilder(services);
    }

    /// <summary>Stands in the collection once the health check has been added: adding one of the same name twice is an error at run time.</summary>
    private sealed class HealthCheckMark;
}
