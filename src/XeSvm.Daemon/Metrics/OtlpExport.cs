using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using XeSvm.Daemon.Logs;
using XeSvm.Daemon.Settings;
using XeSvm.Hosting;

namespace XeSvm.Daemon.Metrics;

/// <summary>Sends the metrics by OTLP, when the settings name an endpoint. Nothing is loaded otherwise.</summary>
internal sealed class OtlpExport(FaultLog faults) : IDisposable
{
    private const string Subject = "otlp";
    private const int LastExportMilliseconds = 1000; // of the five seconds in which the daemon has to stop

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
            .AddReader(new PeriodicExportingMetricReader(new Exporter(settings, faults), (int)settings.OtlpInterval.TotalMilliseconds))
            .Build();
    }

    public void Dispose()
    {
        _provider?.Shutdown(LastExportMilliseconds);
        _provider?.Dispose();
    }

    /// <summary>Tells when an export failed, which the base class keeps to itself.</summary>
    private sealed class Exporter(DaemonSettings settings, FaultLog faults) : OtlpMetricExporter(OptionsOf(settings))
    {
        /// <inheritdoc/>
        public override ExportResult Export(in Batch<Metric> metrics)
        {
            ExportResult result = base.Export(metrics);
            if (result == ExportResult.Success)
            {
                faults.Clear(Subject);
            }
            else
            {
                faults.Report(Subject, $"{settings.OtlpEndpoint} ({settings.OtlpProtocol}) has not taken the metrics.");
            }

            return result;
        }

        private static OtlpExporterOptions OptionsOf(DaemonSettings settings) => new()
        {
            Endpoint = new Uri(settings.OtlpEndpoint),
            Protocol = settings.OtlpProtocol == "grpc" ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf,
        };
    }
}
