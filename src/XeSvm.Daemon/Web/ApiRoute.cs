using Microsoft.AspNetCore.Http;

namespace XeSvm.Daemon.Web;

/// <summary>One path of the server: what it answers, and its place in the OpenAPI document.</summary>
/// <param name="Method"><c>GET</c> or <c>POST</c>.</param>
/// <param name="Path">The exact path.</param>
/// <param name="Summary">One sentence.</param>
/// <param name="ContentType">Of the answer.</param>
/// <param name="Answer">Makes the answer's body.</param>
internal sealed record ApiRoute(string Method, string Path, string Summary, string ContentType, Func<ApiRequest, ReadOnlyMemory<byte>> Answer)
{
    /// <summary>The parameters, for GET in the query and for POST in the JSON body.</summary>
    internal IReadOnlyList<ApiParameter> Parameters { get; init; } = [];

    /// <summary>Names and JSON types of the answer's properties.</summary>
    internal IReadOnlyList<(string Name, string Type)> Properties { get; init; } = [];

    /// <summary>Whether it changes something, and so needs the token always.</summary>
    internal bool Changes => Method == HttpMethods.Post;

    /// <summary>The status of a good answer.</summary>
    internal int Status { get; init; } = StatusCodes.Status200OK;
}

/// <summary>A parameter of a route.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its JSON type.</param>
/// <param name="Description">What it means and what is valid.</param>
internal sealed record ApiParameter(string Name, string Type, string Description);

/// <summary>A request after it was checked.</summary>
/// <param name="Values">The parameters by name; only such as the route has.</param>
internal sealed record ApiRequest(IReadOnlyDictionary<string, string> Values)
{
    /// <summary>Sets another status than the route's.</summary>
    internal int? Status { get; set; }

    internal string? Find(string name) => Values.GetValueOrDefault(name);
}
