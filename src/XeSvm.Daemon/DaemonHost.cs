using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using XeSvm.Daemon.Devices;
using XeSvm.Daemon.History;
using XeSvm.Daemon.Logs;
using XeSvm.Daemon.Metrics;
using XeSvm.Daemon.Probes;
using XeSvm.Daemon.Sampling;
using XeSvm.Daemon.Settings;
using XeSvm.Daemon.State;
using XeSvm.Daemon.Systemd;
using XeSvm.Daemon.Web;
using XeSvm.Hosting;
using XeSvm.Hosting.Statistics;
using XeSvm.Simulation;

namespace XeSvm.Daemon;

/// <summary>Puts the daemon together.</summary>
internal sealed class DaemonHost : IAsyncDisposable
{
    private const int BytesToRead = 80 * 1024; // of an answer, in the time that a client is given
    private static readonly TimeSpan s_drain = TimeSpan.FromSeconds(4);
    private readonly WebApplication _application;
    private readonly IReadOnlyList<int> _descriptors;
    private readonly SettingsHolder _settings;

    private DaemonHost(WebApplication application, SettingsHolder settings, IReadOnlyList<int> descriptors)
    {
        _application = application;
        _settings = settings;
        _descriptors = descriptors;
    }

    internal IServiceProvider Services => _application.Services;

    /// <summary>Where the server listens, once it is started.</summary>
    internal ICollection<string> Addresses => _application.Urls;

    /// <summary>Builds the daemon; nothing is opened but its sockets.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="parts">What differs from the machine's own.</param>
    /// <exception cref="SettingsException">The settings contradict each other or the machine.</exception>
    internal static DaemonHost Build(SettingsHolder settings, DaemonParts parts)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        AddLogging(builder, settings, parts);
        AddServices(builder.Services, settings, parts);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = s_drain);
        IReadOnlyList<int> descriptors = SocketActivation.Descriptors(parts.Environment);
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseSockets(sockets => sockets.CreateBoundListenSocket = endpoint => Listeners.Bind(endpoint, settings.Current));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            Limit(kestrel.Limits, settings.Current, parts.Patience);
            kestrel.AddServerHeader = false;
            Listeners.Add(kestrel, settings.Current, descriptors);
        });
        WebApplication application = builder.Build();
        IReadOnlyList<string> errors = Listeners.ErrorsOf(settings.Current, application.Services.GetRequiredService<TokenStore>().HasToken);
        if (errors.Count > 0)
        {
            throw new SettingsException(errors);
        }

        RequestHandler handler = application.Services.GetRequiredService<RequestHandler>();
        application.Run(handler.HandleAsync);
        return new DaemonHost(application, settings, descriptors);
    }

    /// <summary>Starts everything.</summary>
    internal async Task StartAsync()
    {
        Services.GetRequiredService<XeSvmMetrics>().Observe(Services.GetRequiredService<DaemonState>());
        Services.GetRequiredService<DaemonMetrics>();
        Services.GetRequiredService<OtlpExport>().Start(_settings.Current);
        string addresses = _descriptors.Count > 0 ? "sockets of the service manager" : string.Join(", ", _settings.Current.Listen);
        ILogger<DaemonHost> logger = Services.GetRequiredService<ILogger<DaemonHost>>();
        DaemonLog.Starting(logger, DaemonVersion.Text, _settings.Current.Backend, addresses);
        try
        {
            await _application.StartAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_application.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // Told to stop, or a part failed, before everything was started: WaitAsync says which.
        }
    }

    /// <summary>Waits until the daemon is told to stop, and stops it.</summary>
    /// <returns>Whether it was told to; else a part of it failed, and the service manager should start it again.</returns>
    internal async Task<bool> WaitAsync()
    {
        await _application.WaitForShutdownAsync().ConfigureAwait(false);
        Listeners.Remove(_settings.Current, _descriptors);
        return !Services.GetServices<IHostedService>().OfType<BackgroundService>().Any(service => service.ExecuteTask is { IsFaulted: true });
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();

    private static void AddLogging(WebApplicationBuilder builder, SettingsHolder settings, DaemonParts parts)
    {
        LoggingLevelSwitch level = new(LevelOf(settings.Current));
        settings.Changed += changed => level.MinimumLevel = LevelOf(changed);
        string format = settings.Current.LogFormat;
        if (format == "auto")
        {
            format = parts.Environment.ContainsKey("JOURNAL_STREAM") || parts.Environment.ContainsKey("NOTIFY_SOCKET") ? "journal" : "text";
        }

        builder.Services.AddSerilog(
            new LoggerConfiguration()
                .MinimumLevel.ControlledBy(level)
                .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
                .WriteTo.Sink(new LogSink(new LogFormatter(format), parts.LogOutput))
                .CreateLogger(),
            dispose: true);
    }

    private static LogEventLevel LevelOf(DaemonSettings settings) => Enum.Parse<LogEventLevel>(settings.LogLevel, ignoreCase: true);

    private static void AddServices(IServiceCollection services, SettingsHolder settings, DaemonParts parts)
    {
        services.AddMetrics();
        services.AddSingleton(settings);
        services.AddSingleton(parts.Time);
        services.AddSingleton<FaultLog>();
        services.AddSingleton<DaemonState>();
        services.AddSingleton(provider => new DeviceManager(
            parts.Select, settings.Current, provider.GetRequiredService<FaultLog>(), parts.Time, provider.GetRequiredService<ILogger<DeviceManager>>()));
        services.AddSingleton(provider => new HistoryStore(
            settings.Current.HistoryPath, provider.GetRequiredService<FaultLog>(), parts.Time, provider.GetRequiredService<ILogger<HistoryStore>>()));
        services.AddSingleton<Sampler>();
        services.AddSingleton<ProbeRunner>();
        services.AddSingleton<AlarmBook>();
        services.AddSingleton<ProbeService>();
        services.AddSingleton(provider => new ServiceNotifier(parts.Environment, provider.GetRequiredService<FaultLog>()));
        services.AddSingleton(provider => new TokenStore(settings, parts.Environment, provider.GetRequiredService<FaultLog>()));
        services.AddSingleton<AccessGuard>();
        services.AddSingleton<ApiAnswers>();
        services.AddSingleton<XeSvmMetrics>();
        services.AddSingleton<DaemonMetrics>();
        services.AddSingleton<OtlpExport>();
        services.AddSingleton(provider => new PrometheusExporter(
            provider.GetRequiredService<IMeterFactory>(), [.. XeSvmMetrics.Descriptions, .. DaemonMetrics.Descriptions]));
        services.AddSingleton(provider => new RequestHandler(
            ApiRoutes.All(provider.GetRequiredService<ApiAnswers>(), provider.GetRequiredService<PrometheusExporter>()),
            provider.GetRequiredService<AccessGuard>()));
        services.AddSingleton<ReloadService>();
        services.AddHostedService<SamplingService>();
        services.AddHostedService(provider => provider.GetRequiredService<ProbeService>());
        services.AddHostedService<HeartbeatService>();
        services.AddHostedService(provider => provider.GetRequiredService<ReloadService>());
    }

    /// <summary>Nothing that a client does may cost more than a little memory or time.</summary>
    private static void Limit(KestrelServerLimits limits, DaemonSettings settings, TimeSpan patience)
    {
        limits.MaxConcurrentConnections = settings.MaximumConnections;
        limits.MaxConcurrentUpgradedConnections = 0;
        limits.MaxRequestBodySize = 4096;
        limits.MaxRequestBufferSize = 32 * 1024;
        limits.MaxResponseBufferSize = 64 * 1024;
        limits.MaxRequestLineSize = 4096;
        limits.MaxRequestHeadersTotalSize = 16 * 1024;
        limits.MaxRequestHeaderCount = 64;
        limits.RequestHeadersTimeout = patience;
        limits.KeepAliveTimeout = TimeSpan.FromSeconds(30);
        limits.MinRequestBodyDataRate = new MinDataRate(bytesPerSecond: 100, gracePeriod: patience);
        // Counted from what is written, so what the kernel buffers for a client that does not read adds to its time: see Listeners.Bind.
        limits.MinResponseDataRate = new MinDataRate(BytesToRead / patience.TotalSeconds, gracePeriod: patience);
    }
}

/// <summary>What a daemon takes from its surroundings; tests give their own.</summary>
internal sealed record DaemonParts
{
    internal required IReadOnlyDictionary<string, string> Environment { get; init; }

    internal TextWriter LogOutput { get; init; } = Console.Error;

    internal TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>How long a client may take to begin what it sends and to read what it gets; more than a second.</summary>
    internal TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(5);

    internal Func<BackendChoice, SoftwareBackendOptions, BackendSelection> Select { get; init; } = (choice, options) => XeBackends.Select(choice, options);
}
