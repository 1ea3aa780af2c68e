using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using XeSvm.Daemon.Settings;
using XeSvm.Hosting;

namespace XeSvm.Daemon.Metrics;

/// <summary>Sends the metrics by OTLP, when the settings name an endpoint. Nothing is loaded otherwise.</summary>
internal sealed class OtlpExport : IDisposable
{
    private MeterProvider? _provider;

    /// <summary>Begins to send.</summary>
    internal void Start(DaemonSettings settings)
    {
        if (settings.OtlpEndpoint.Length == 0)
        {
            return;
        }

        _provider = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(resource => resource.AddService("xesvmd", serviceVersion: DaemonVersion.Text)
                .AddAttributes([new KeyValuePair<string, object>("host.name", Environment.MachineName)]))
            .AddMeter(XeSvmMetrics.MeterName, DaemonMetrics.MeterName)
            .AddOtlpExporter((exporter, reader) =>
            {
                exporter.Endpoint = new Uri(settings.OtlpEndpoint);
                exporter.Protocol = settings.OtlpProtocol == "grpc" ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;
                reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = (int)settings.OtlpInterval.TotalMilliseconds;
            })
            .Build();
    }

    public void Dispose() => _provider?.Dispose();
}
