using XeSvm.Simulation;

namespace XeSvm.Hosting;

/// <summary>Where a host's backend comes from. Registered by <c>AddXeSvm</c>; a program or a test may put another in its place.</summary>
public interface IXeBackendSource
{
    /// <summary>Chooses a backend.</summary>
    /// <param name="options">The options, which have been checked.</param>
    /// <returns>The selection; the caller disposes it.</returns>
    /// <exception cref="XeDeviceNotFoundException">There is no device that can be used.</exception>
    /// <exception cref="BackendChoiceException">The environment or an option has a value that is not valid.</exception>
    BackendSelection Choose(XeSvmOptions options);
}

/// <summary>Chooses as <see cref="XeBackends"/> does.</summary>
internal sealed class DefaultBackendSource : IXeBackendSource
{
    /// <inheritdoc/>
    public BackendSelection Choose(XeSvmOptions options) => options.Software is { } software
        ? XeBackends.Select(options.Backend, software)
        : XeBackends.Select(options.Backend);
}
