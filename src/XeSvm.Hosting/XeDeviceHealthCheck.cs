using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace XeSvm.Hosting;

/// <summary>Healthy when every opened device answers a query, degraded when it answers but has no statistics, else unhealthy.</summary>
internal sealed class XeDeviceHealthCheck(XeSvmBackend backend, XeDeviceRegistry registry) : IHealthCheck
{
    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        Dictionary<string, object> data = new() { ["backend"] = backend.Name, ["reason"] = backend.Reason };
        HealthStatus worst = HealthStatus.Healthy;
        List<string> findings = [];
        foreach (XeDevice device in registry.Devices)
        {
            cancellationToken.ThrowIfCancellationRequested();
            (HealthStatus status, string text) = Check(device);
            data[device.Node.Path] = text;
            worst = (HealthStatus)Math.Min((int)worst, (int)status);
            if (status != HealthStatus.Healthy)
            {
                findings.Add($"{device.Node.Path}: {text}");
            }
        }

        string description = findings.Count == 0
            ? $"{registry.Devices.Count} device(s) on the {backend.Name} backend"
            : string.Join("; ", findings);
        return Task.FromResult(new HealthCheckResult(worst, description, data: data));
    }

    private static (HealthStatus Status, string Text) Check(XeDevice device)
    {
        try
        {
            device.QueryMemoryRegions();
            return device.TryReadGtStatistics(0, out _, out string? reason) ? (HealthStatus.Healthy, "answers") : (HealthStatus.Degraded, reason);
        }
        catch (Exception exception) when (exception is XeException or ObjectDisposedException or FormatException)
        {
            return (HealthStatus.Unhealthy, exception.Message);
        }
    }
}
