using System.Text;
using Microsoft.AspNetCore.Http;
using XeSvm.Daemon.Metrics;

namespace XeSvm.Daemon.Web;

/// <summary>All paths of the server.</summary>
internal static class ApiRoutes
{
    private const string Json = "application/json";

    private static readonly ApiParameter s_device = new("device", "string", "A device's id as /api/v1/state has it; by default all.");
    private static readonly ApiParameter s_limit = new("limit", "integer", "Rows at most, 1 to 1000; by default 100.");

    internal static IReadOnlyList<ApiRoute> All(ApiAnswers answers, PrometheusExporter exporter)
    {
        List<ApiRoute> routes =
        [
            Asset("/", "dashboard.html", "text/html; charset=utf-8", "The dashboard."),
            Asset("/dashboard.js", "dashboard.js", "text/javascript; charset=utf-8", "The dashboard's program."),
            Asset("/dashboard.css", "dashboard.css", "text/css; charset=utf-8", "The dashboard's style."),
            new("GET", "/metrics", "Metrics in Prometheus' text format.", "text/plain; version=0.0.4; charset=utf-8", _ => Encoding.UTF8.GetBytes(exporter.Collect())),
            new("GET", "/healthz", "Whether samples are taken; 503 when not.", Json, answers.Health)
            {
                Properties = [("status", "string"), ("devices", "integer"), ("alarms", "integer"), ("reason", "string")],
            },
            new("GET", "/readyz", "Whether the first sample has been taken; 503 before.", Json, answers.Readiness)
            {
                Properties = [("status", "string"), ("devices", "integer")],
            },
            new("GET", "/api/v1/state", "Backend, devices, the last minute, alarms and faults.", Json, answers.State)
            {
                Properties =
                [
                    ("version", "string"), ("backend", "string"), ("reason", "string"), ("samples", "integer"), ("sample_age_seconds", "number"),
                    ("sampling_interval", "string"), ("devices", "array"), ("alarms", "array"), ("faults", "array"),
                ],
            },
            new("GET", "/api/v1/history", "Samples added up over stretches of time.", Json, answers.History)
            {
                Parameters =
                [
                    s_device,
                    new("gt", "integer", "A GT's number; by default all."),
                    new("last", "string", "How far back, such as 1h or 7d; by default 1h."),
                    new("points", "integer", "Points of a series at most, 2 to 2000; by default 300."),
                ],
                Properties = [("until", "integer"), ("step_seconds", "number"), ("series", "array")],
            },
            new("GET", "/api/v1/probes", "The last probe of each device and size beside its baseline, and earlier probes.", Json, answers.Probes)
            {
                Parameters = [s_device, s_limit],
                Properties = [("latest", "array"), ("probes", "array")],
            },
            new("GET", "/api/v1/events", "Alarms and baselines, the newest first.", Json, answers.Events)
            {
                Parameters = [s_limit],
                Properties = [("events", "array")],
            },
            new("GET", "/api/v1/configuration", "Every setting, its value and where it comes from.", Json, answers.Configuration)
            {
                Properties = [("settings", "array")],
            },
            new("POST", "/api/v1/probe", "Probes all devices now.", Json, answers.ProbeNow)
            {
                Status = StatusCodes.Status202Accepted,
                Properties = [("status", "string")],
            },
            new("POST", "/api/v1/baseline", "Makes the last probes the baseline; alarms end.", Json, answers.SetBaseline)
            {
                Parameters = [s_device],
                Properties = [("baselines", "integer")],
            },
        ];
        byte[]? document = null;
        routes.Add(new("GET", "/openapi.json", "This interface as an OpenAPI document.", Json, _ => document ??= OpenApiDocument.Write(routes)));
        return routes;
    }

    private static ApiRoute Asset(string path, string resource, string contentType, string summary)
    {
        byte[] bytes = Resources.Read("Web/" + resource);
        return new ApiRoute("GET", path, summary, contentType, _ => bytes);
    }
}
