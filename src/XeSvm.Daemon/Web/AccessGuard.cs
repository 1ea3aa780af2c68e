using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace XeSvm.Daemon.Web;

/// <summary>Decides who may ask what.</summary>
internal sealed class AccessGuard(TokenStore tokens)
{
    private const string Scheme = "Bearer ";

    /// <summary>The refusal, or <see langword="null"/> when the request may go on.</summary>
    /// <param name="context">The request.</param>
    /// <param name="changes">Whether it changes something.</param>
    internal Refusal? Check(HttpContext context, bool changes)
    {
        IPAddress? local = context.Connection.LocalIpAddress;
        bool loopback = local is null || IPAddress.IsLoopback(local.IsIPv4MappedToIPv6 ? local.MapToIPv4() : local);
        if (loopback && !changes)
        {
            // A page of another site whose name was made to point here would send its own name.
            return local is null || IsLoopbackName(context.Request.Host.Host)
                ? null
                : new Refusal(StatusCodes.Status421MisdirectedRequest, "The Host header must name the loopback address.");
        }

        if (!tokens.HasToken)
        {
            return new Refusal(StatusCodes.Status403Forbidden, "This needs a token, and none is configured (http.token-file).");
        }

        string header = context.Request.Headers[HeaderNames.Authorization].ToString();
        return header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) && tokens.Matches(header.AsSpan(Scheme.Length).Trim())
            ? null
            : new Refusal(StatusCodes.Status401Unauthorized, "This needs the token: Authorization: Bearer TOKEN.");
    }

    private static bool IsLoopbackName(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));
}

/// <summary>Why a request is refused.</summary>
/// <param name="Status">The status.</param>
/// <param name="Reason">One sentence.</param>
internal sealed record Refusal(int Status, string Reason);
