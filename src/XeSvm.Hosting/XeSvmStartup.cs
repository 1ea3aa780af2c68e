using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using XeSvm.Hosting.Statistics;

namespace XeSvm.Hosting;

/// <summary>Opens the devices when the host starts, so that what is wrong with them is said then, and lets the metrics see them.</summary>
internal sealed class XeSvmStartup(IServiceProvider services, XeSvmMetrics metrics) : IHostedService
{
    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        services.GetRequiredService<XeDevice>();
        foreach (NamedDevice named in services.GetServices<NamedDevice>())
        {
            cancellationToken.ThrowIfCancellationRequested();
            services.GetRequiredKeyedService<XeDevice>(named.Key);
        }

        metrics.Observe(services.GetRequiredService<IXeStatisticsSource>());
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
