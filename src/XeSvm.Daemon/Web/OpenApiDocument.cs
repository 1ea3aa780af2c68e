using System.Text.Json;

namespace XeSvm.Daemon.Web;

/// <summary>The OpenAPI document, made of the same table that requests are answered by.</summary>
internal static class OpenApiDocument
{
    internal static byte[] Write(IReadOnlyList<ApiRoute> routes) => JsonText.Of(json =>
    {
        json.WriteString("openapi", "3.1.0");
        json.WriteStartObject("info");
        json.WriteString("title", "xesvmd");
        json.WriteString("description", "SVM migrations of Intel GPUs. Reads are open on loopback and Unix sockets; what changes something, and everything beyond loopback, needs the token.");
        json.WriteString("version", DaemonVersion.Text);
        json.WriteEndObject();
        json.WriteStartObject("components");
        json.WriteStartObject("securitySchemes");
        json.WriteStartObject("token");
        json.WriteString("type", "http");
        json.WriteString("scheme", "bearer");
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteStartObject("paths");
        foreach (IGrouping<string, ApiRoute> path in routes.GroupBy(route => route.Path))
        {
            json.WriteStartObject(path.Key);
            foreach (ApiRoute route in path)
            {
                json.WriteStartObject(route.Method.ToLowerInvariant());
                Operation(json, route);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
    }).ToArray();

    private static void Operation(Utf8JsonWriter json, ApiRoute route)
    {
        json.WriteString("summary", route.Summary);
        if (route.Changes)
        {
            json.WriteStartArray("security");
            json.WriteStartObject();
            json.WriteStartArray("token");
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
        }

        if (route.Changes && route.Parameters.Count > 0)
        {
            json.WriteStartObject("requestBody");
            json.WriteBoolean("required", false);
            Content(json, "application/json", [.. route.Parameters.Select(parameter => (parameter.Name, parameter.Type))], closed: true);
            json.WriteEndObject();
        }
        else if (route.Parameters.Count > 0)
        {
            json.WriteList("parameters", route.Parameters, parameter =>
            {
                json.WriteString("name", parameter.Name);
                json.WriteString("in", "query");
                json.WriteString("description", parameter.Description);
                json.WriteStartObject("schema");
                json.WriteString("type", parameter.Type);
                json.WriteEndObject();
            });
        }

        json.WriteStartObject("responses");
        json.WriteStartObject(route.Status.ToString(System.Globalization.CultureInfo.InvariantCulture));
        json.WriteString("description", route.Summary);
        Content(json, route.ContentType.Split(';')[0], route.Properties, closed: false);
        json.WriteEndObject();
        json.WriteStartObject("default");
        json.WriteString("description", "Refused; the body says why.");
        Content(json, "application/json", [("error", "string")], closed: false);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Content(Utf8JsonWriter json, string type, IReadOnlyList<(string Name, string Type)> properties, bool closed)
    {
        json.WriteStartObject("content");
        json.WriteStartObject(type);
        json.WriteStartObject("schema");
        if (properties.Count == 0)
        {
            json.WriteString("type", "string");
        }
        else
        {
            json.WriteString("type", "object");
            json.WriteStartObject("properties");
            foreach ((string name, string propertyType) in properties)
            {
                json.WriteStartObject(name);
                json.WriteString("type", propertyType);
                json.WriteEndObject();
            }

            json.WriteEndObject();
            if (closed)
            {
                json.WriteBoolean("additionalProperties", false);
            }
        }

        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
