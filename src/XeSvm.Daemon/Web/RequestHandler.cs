using System.Collections.Frozen;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace XeSvm.Daemon.Web;

/// <summary>Answers requests: exact paths of one table, nothing else.</summary>
internal sealed class RequestHandler
{
    private const string JsonType = "application/json";

    private readonly FrozenDictionary<string, ApiRoute[]> _routes;
    private readonly AccessGuard _guard;

    internal RequestHandler(IReadOnlyList<ApiRoute> routes, AccessGuard guard)
    {
        _routes = routes.GroupBy(route => route.Path).ToFrozenDictionary(group => group.Key, group => group.ToArray(), StringComparer.Ordinal);
        _guard = guard;
    }

    /// <summary>Answers one request.</summary>
    internal async Task HandleAsync(HttpContext context)
    {
        HttpResponse response = context.Response;
        response.Headers[HeaderNames.CacheControl] = "no-store";
        response.Headers[HeaderNames.XContentTypeOptions] = "nosniff";
        response.Headers[HeaderNames.ContentSecurityPolicy] =
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        response.Headers["Referrer-Policy"] = "no-referrer";
        try
        {
            await AnswerAsync(context).ConfigureAwait(false);
        }
        catch (ApiException exception)
        {
            await FailAsync(response, exception.Status, exception.Message).ConfigureAwait(false);
        }
        catch (BadHttpRequestException exception)
        {
            await FailAsync(response, exception.StatusCode, exception.Message).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone; there is nobody to answer.
        }
    }

    private async Task AnswerAsync(HttpContext context)
    {
        HttpRequest request = context.Request;
        string path = request.Path.Value ?? "";
        if (!_routes.TryGetValue(path, out ApiRoute[]? routes))
        {
            if (_guard.Check(context, changes: false) is { } hidden)
            {
                Refuse(context, hidden);
            }

            throw new ApiException(StatusCodes.Status404NotFound, "There is nothing at this path; /openapi.json lists what there is.");
        }

        string method = HttpMethods.IsHead(request.Method) ? HttpMethods.Get : request.Method;
        ApiRoute? route = Array.Find(routes, route => route.Method == method);
        if (_guard.Check(context, route?.Changes ?? false) is { } refusal)
        {
            Refuse(context, refusal);
        }

        if (route is null)
        {
            context.Response.Headers[HeaderNames.Allow] = string.Join(", ", routes.Select(candidate => candidate.Method));
            throw new ApiException(StatusCodes.Status405MethodNotAllowed, $"{path} takes {string.Join(", ", routes.Select(candidate => candidate.Method))}.");
        }

        ApiRequest asked = new(route.Changes ? await BodyAsync(context, route).ConfigureAwait(false) : Query(request, route));
        ReadOnlyMemory<byte> body = route.Answer(asked);
        context.Response.StatusCode = asked.Status ?? route.Status;
        context.Response.ContentType = route.ContentType;
        context.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(request.Method))
        {
            await context.Response.Body.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
        }
    }

    private static void Refuse(HttpContext context, Refusal refusal)
    {
        if (refusal.Status == StatusCodes.Status401Unauthorized)
        {
            context.Response.Headers[HeaderNames.WWWAuthenticate] = "Bearer";
        }

        throw new ApiException(refusal.Status, refusal.Reason);
    }

    private static Dictionary<string, string> Query(HttpRequest request, ApiRoute route)
    {
        Dictionary<string, string> values = [];
        foreach ((string name, Microsoft.Extensions.Primitives.StringValues given) in request.Query)
        {
            if (!route.Parameters.Any(parameter => parameter.Name == name))
            {
                throw new ApiException(StatusCodes.Status400BadRequest, $"There is no parameter of that name; {Valid(route)}.");
            }

            if (given.Count != 1)
            {
                throw new ApiException(StatusCodes.Status400BadRequest, $"'{name}' is given {given.Count} times.");
            }

            values[name] = given.ToString();
        }

        return values;
    }

    private static async Task<Dictionary<string, string>> BodyAsync(HttpContext context, ApiRoute route)
    {
        using MemoryStream stream = new();
        await context.Request.Body.CopyToAsync(stream, context.RequestAborted).ConfigureAwait(false);
        Dictionary<string, string> values = [];
        if (stream.Length == 0)
        {
            return values;
        }

        if (!(context.Request.ContentType ?? "").StartsWith(JsonType, StringComparison.OrdinalIgnoreCase))
        {
            throw new ApiException(StatusCodes.Status415UnsupportedMediaType, $"The body must be {JsonType}.");
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(
                stream.GetBuffer().AsMemory(0, (int)stream.Length), new JsonDocumentOptions { MaxDepth = 4, AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new ApiException(StatusCodes.Status400BadRequest, "The body must be a JSON object.");
            }

            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                if (property.Value.ValueKind != JsonValueKind.String || !route.Parameters.Any(parameter => parameter.Name == property.Name))
                {
                    throw new ApiException(StatusCodes.Status400BadRequest, $"The body has a property that is not valid; {Valid(route)}, each a text.");
                }

                values[property.Name] = property.Value.GetString()!;
            }
        }
        catch (JsonException)
        {
            throw new ApiException(StatusCodes.Status400BadRequest, "The body is not valid JSON.");
        }

        return values;
    }

    private static string Valid(ApiRoute route) => route.Parameters.Count == 0
        ? "none is valid here"
        : $"{string.Join(", ", route.Parameters.Select(parameter => parameter.Name))} are valid here";

    private static async Task FailAsync(HttpResponse response, int status, string message)
    {
        if (response.HasStarted)
        {
            return;
        }

        response.StatusCode = status;
        response.ContentType = JsonType;
        byte[] body = JsonText.Of(json => json.WriteString("error", message)).ToArray();
        response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(response.HttpContext.Request.Method))
        {
            await response.Body.WriteAsync(body, response.HttpContext.RequestAborted).ConfigureAwait(false);
        }
    }
}
