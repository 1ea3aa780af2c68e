using System.Text.Json;
using XeSvm.Daemon.History;
using XeSvm.Daemon.Logs;
using XeSvm.Daemon.Probes;
using XeSvm.Daemon.Sampling;
using XeSvm.Daemon.Settings;
using XeSvm.Daemon.State;
using XeSvm.Daemon.Systemd;
using XeSvm.Hosting.Statistics;

namespace XeSvm.Daemon.Web;

/// <summary>The bodies of the JSON answers.</summary>
internal sealed class ApiAnswers(
    DaemonState state, AlarmBook alarms, ProbeService probes, HistoryStore history, SettingsHolder settings, FaultLog faults, TimeProvider time)
{
    private const int BadRequest = 400;
    private const int NotFound = 404;
    private const int Unavailable = 503;
    private const int MostPoints = 2000;
    private const int DefaultPoints = 300;
    private const int MostRows = 1000;
    private const int DefaultRows = 100;

    internal ReadOnlyMemory<byte> State(ApiRequest request) => JsonText.Of(json =>
    {
        StateSnapshot snapshot = state.Snapshot;
        json.WriteString("version", DaemonVersion.Text);
        json.WriteString("backend", snapshot.Backend);
        json.WriteString("reason", snapshot.Reason);
        json.WriteNumber("samples", snapshot.Samples);
        json.WriteNumberOrNull("sample_age_seconds", state.SampleAge?.TotalSeconds);
        json.WriteString("sampling_interval", SettingValue.Text(settings.Current.SamplingInterval));
        json.WriteList("devices", snapshot.Devices, device => Device(json, device));
        json.WriteStartArray("alarms");
        foreach (string alarm in alarms.Alarms)
        {
            json.WriteStringValue(alarm);
        }

        json.WriteEndArray();
        json.WriteList("faults", faults.Ongoing, fault =>
        {
            json.WriteString("subject", fault.Subject);
            json.WriteString("reason", fault.Reason);
            json.WriteNumber("count", fault.Count);
        });
    });

    /// <summary>Whether the daemon works: unavailable when sampling has stopped. No device and an alarm are told, but do not make it sick.</summary>
    internal ReadOnlyMemory<byte> Health(ApiRequest request)
    {
        bool sampling = state.SampleAge is { } age && age <= HeartbeatService.Limit(settings.Current);
        StateSnapshot snapshot = state.Snapshot;
        string status = !sampling ? "unhealthy" : snapshot.Devices.Count == 0 || alarms.Alarms.Count > 0 ? "degraded" : "healthy";
        request.Status = sampling ? null : Unavailable;
        return JsonText.Of(json =>
        {
            json.WriteString("status", status);
            json.WriteNumber("devices", snapshot.Devices.Count);
            json.WriteNumber("alarms", alarms.Alarms.Count);
            json.WriteString("reason", sampling ? snapshot.Reason : "no sample was taken for too long");
        });
    }

    /// <summary>Whether the daemon has begun to sample.</summary>
    internal ReadOnlyMemory<byte> Readiness(ApiRequest request)
    {
        bool ready = state.SampleAge is not null;
        request.Status = ready ? null : Unavailable;
        return JsonText.Of(json =>
        {
            json.WriteString("status", ready ? "ready" : "starting");
            json.WriteNumber("devices", state.Snapshot.Devices.Count);
        });
    }

    internal ReadOnlyMemory<byte> History(ApiRequest request)
    {
        TimeSpan last = Parse(request, "last", "1h", text => SettingValue.Duration(text, TimeSpan.FromSeconds(1), TimeSpan.FromDays(365)));
        int points = Parse(request, "points", $"{DefaultPoints}", text => SettingValue.Count(text, 2, MostPoints));
        int? gt = request.Find("gt") is null ? null : Parse(request, "gt", "0", text => SettingValue.Count(text, 0, 255));
        DateTimeOffset until = time.GetUtcNow();
        TimeSpan step = StepOf(last, points, settings.Current);
        IReadOnlyList<(SeriesRow Series, IReadOnlyList<HistoryPoint> Points)> answer = history.Query<IReadOnlyList<(SeriesRow, IReadOnlyList<HistoryPoint>)>>(
            connection =>
            [
                .. HistoryQueries.Series(connection)
                    .Where(series => request.Find("device") is not { } device || series.Device == device)
                    .Where(series => gt is null || series.Gt == gt)
                    .Select(series => (series, HistoryQueries.Points(connection, series.Id, until - last, until, step))),
            ],
            []);
        return JsonText.Of(json =>
        {
            json.WriteNumber("until", until.ToUnixTimeMilliseconds());
            json.WriteNumber("step_seconds", step.TotalSeconds);
            json.WriteList("series", answer, series =>
            {
                json.WriteString("device", series.Series.Device);
                json.WriteNumber("gt", series.Series.Gt);
                json.WriteString("backend", series.Series.Backend);
                json.WriteList("points", series.Points, point =>
                {
                    json.WriteNumber("time", point.Time.ToUnixTimeMilliseconds());
                    Figures(json, point.Figures);
                });
            });
        });
    }

    internal ReadOnlyMemory<byte> Probes(ApiRequest request)
    {
        int limit = Parse(request, "limit", $"{DefaultRows}", text => SettingValue.Count(text, 1, MostRows));
        IReadOnlyList<ProbeRow> rows = history.Query(connection => HistoryQueries.Probes(connection, request.Find("device"), limit), []);
        return JsonText.Of(json =>
        {
            json.WriteList("latest", alarms.Statuses, status =>
            {
                Probe(json, status.Last);
                json.WriteNumberOrNull("baseline_us", status.Baseline?.Cpu);
                json.WriteNumberOrNull("baseline_noise_us", status.Baseline?.Noise);
                json.WriteString("verdict", status.Comparison?.ToString() ?? "no comparison yet");
                json.WriteBoolean("alarm", status.Alarm is not null);
            });
            json.WriteList("probes", rows, row =>
            {
                json.WriteNumber("time", row.Time.ToUnixTimeMilliseconds());
                json.WriteString("device", row.Device);
                json.WriteString("size", row.Size);
                json.WriteString("time_face", row.Face);
                json.WriteNumberOrNull("cpu_us", row.Cpu);
                json.WriteNumberOrNull("noise_us", row.Noise);
                json.WriteNumberOrNull("share", row.Share);
                json.WriteNumber("migrations", row.Migrations);
                json.WriteString("context", row.Context);
                json.WriteString("verdict", row.Verdict);
            });
        });
    }

    internal ReadOnlyMemory<byte> Events(ApiRequest request)
    {
        int limit = Parse(request, "limit", $"{DefaultRows}", text => SettingValue.Count(text, 1, MostRows));
        IReadOnlyList<EventRow> rows = history.Query(connection => HistoryQueries.Events(connection, limit), []);
        return JsonText.Of(json => json.WriteList("events", rows, row =>
        {
            json.WriteNumber("time", row.Time.ToUnixTimeMilliseconds());
            json.WriteString("kind", row.Kind);
            json.WriteString("text", row.Text);
        }));
    }

    internal ReadOnlyMemory<byte> Configuration(ApiRequest request) => JsonText.Of(json =>
    {
        LoadedSettings loaded = settings.Loaded;
        json.WriteList("settings", SettingTable.All, setting =>
        {
            json.WriteString("key", setting.Key);
            json.WriteString("value", loaded.ValueOf(setting));
            json.WriteString("origin", loaded.Origins.GetValueOrDefault(setting.Key, "default"));
        });
    });

    internal ReadOnlyMemory<byte> ProbeNow(ApiRequest request)
    {
        if (state.Snapshot.Devices.Count == 0)
        {
            throw new ApiException(Unavailable, $"There is no device to probe: {state.Snapshot.Reason}");
        }

        probes.RequestNow();
        return JsonText.Of(json => json.WriteString("status", "accepted"));
    }

    internal ReadOnlyMemory<byte> SetBaseline(ApiRequest request)
    {
        int count = alarms.SetBaselines(request.Find("device"));
        return count > 0
            ? JsonText.Of(json => json.WriteNumber("baselines", count))
            : throw new ApiException(NotFound, "There is no probe to make a baseline of; probe first, and name a device as /api/v1/state does.");
    }

    /// <summary>The length of a point: whole minutes where single samples are not kept for long enough, and whole blocks from ten minutes on.</summary>
    internal static TimeSpan StepOf(TimeSpan last, int points, DaemonSettings settings)
    {
        TimeSpan minute = TimeSpan.FromMinutes(1);
        TimeSpan step = TimeSpan.FromMilliseconds(Math.Ceiling(last.TotalMilliseconds / points));
        if (last <= settings.HistoryRawAge && step < minute)
        {
            return step < settings.SamplingInterval ? settings.SamplingInterval : step;
        }

        TimeSpan block = TimeSpan.FromMilliseconds(HistoryMaintenance.BlockMilliseconds);
        TimeSpan whole = step < block - minute ? minute : block;
        return Math.Max(1, Math.Ceiling(step / whole)) * whole;
    }

    private static T Parse<T>(ApiRequest request, string name, string fallback, Func<string, T> parse)
    {
        try
        {
            return parse(request.Find(name) ?? fallback);
        }
        catch (FormatException exception)
        {
            throw new ApiException(BadRequest, $"{name}: {exception.Message}.");
        }
    }

    private static void Device(Utf8JsonWriter json, DeviceState device)
    {
        XeDeviceReading reading = device.Reading;
        json.WriteString("id", reading.HardwareId);
        json.WriteString("name", reading.Name);
        json.WriteString("node", device.Node);
        json.WriteString("backend", reading.Backend);
        json.WriteString("strategy", reading.Strategy);
        json.WriteString("iommu", reading.Iommu);
        json.WriteString("kernel", reading.KernelRelease);
        json.WriteList("memory", reading.Memory.Where(region => region.MemoryClass == XeMemoryClass.Vram), region =>
        {
            json.WriteNumber("region", region.Instance);
            json.WriteNumber("used", region.UsedSize);
            json.WriteNumber("total", region.TotalSize);
        });
        json.WriteList("gts", device.Gts, gt =>
        {
            json.WriteNumber("id", gt.Id);
            if (gt.Unavailable is not null)
            {
                json.WriteString("unavailable", gt.Unavailable);
            }

            if (gt.Window is { } window)
            {
                json.WriteStartObject("last_minute");
                Figures(json, window);
                json.WriteEndObject();
            }
        });
    }

    private static void Figures(Utf8JsonWriter json, WindowFigures figures)
    {
        json.WriteNumberOrNull("seconds", figures.Seconds);
        json.WriteNumber("to_device_bytes", figures.ToDeviceKilobytes * 1024);
        json.WriteNumber("to_system_bytes", figures.ToSystemKilobytes * 1024);
        json.WriteStartObject("sizes");
        for (int index = 0; index < figures.Sizes.Count; index++)
        {
            SizeFigures size = figures.Sizes[index];
            if (size == default)
            {
                continue;
            }

            json.WriteStartObject(SvmCounters.Sizes[index].Name);
            json.WriteNumber("migrations", size.Migrations);
            json.WriteNumber("faults", size.Faults);
            json.WriteNumberOrNull("cpu_us", size.CpuMicroseconds);
            json.WriteNumberOrNull("share", size.Share);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void Probe(Utf8JsonWriter json, ProbeResult probe)
    {
        json.WriteNumber("time", probe.Time.ToUnixTimeMilliseconds());
        json.WriteString("device", probe.Device);
        json.WriteString("size", probe.Size);
        json.WriteString("time_face", probe.Face);
        json.WriteNumberOrNull("cpu_us", probe.Cpu);
        json.WriteNumberOrNull("noise_us", probe.Noise);
        json.WriteNumberOrNull("share", probe.Share);
        json.WriteNumber("migrations", probe.Migrations);
        json.WriteString("context", probe.Context);
    }
}
