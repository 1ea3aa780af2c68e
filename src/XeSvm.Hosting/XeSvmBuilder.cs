using Microsoft.Extensions.DependencyInjection;
using XeSvm.Simulation;

namespace XeSvm.Hosting;

/// <summary>Goes on with what <c>AddXeSvm</c> began.</summary>
public sealed class XeSvmBuilder
{
    internal XeSvmBuilder(IServiceCollection services) => Services = services;

    /// <summary>The host's services.</summary>
    public IServiceCollection Services { get; }

    /// <summary>Takes the software backend, whatever devices the machine has.</summary>
    /// <param name="change">Changes its options, which are else the defaults and what the environment says.</param>
    public XeSvmBuilder UseSoftwareBackend(Func<SoftwareBackendOptions, SoftwareBackendOptions>? change = null)
    {
        Services.Configure<XeSvmOptions>(options =>
        {
            options.Backend = BackendChoice.Software;
            if (change is not null)
            {
                options.Software = change(options.Software ?? SoftwareBackendOptions.FromEnvironment());
            }
        });
        return this;
    }

    /// <summary>Takes the kernel's driver; the host does not start without a device.</summary>
    public XeSvmBuilder UseKernelBackend()
    {
        Services.Configure<XeSvmOptions>(options => options.Backend = BackendChoice.Kernel);
        return this;
    }

    /// <summary>Adds a device of its own under a key, and a manager on it: <c>[FromKeyedServices(key)] XeDevice</c>, <c>SvmManager</c>.</summary>
    /// <param name="key">The key.</param>
    /// <param name="pathOrBusAddress">The node, such as <c>/dev/dri/renderD129</c>, <c>software:1</c> or <c>0000:04:00.0</c>.</param>
    public XeSvmBuilder AddDevice(string key, string pathOrBusAddress)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        ArgumentException.ThrowIfNullOrEmpty(pathOrBusAddress);
        Services.AddSingleton(new NamedDevice(key, pathOrBusAddress));
        Services.AddKeyedSingleton(key, (services, _) => services.GetRequiredService<XeDeviceRegistry>().Open(pathOrBusAddress));
        Services.AddKeyedSingleton(
            key, (services, _) => XeSvmServiceCollectionExtensions.CreateManager(services, services.GetRequiredKeyedService<XeDevice>(key)));
        return this;
    }
}

/// <summary>A device that has been asked for under a key.</summary>
internal sealed record NamedDevice(string Key, string PathOrBusAddress);
