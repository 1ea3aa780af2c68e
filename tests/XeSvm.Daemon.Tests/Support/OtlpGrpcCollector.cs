using System.Buffers.Binary;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace XeSvm.Daemon.Tests.Support;

/// <summary>Takes exports by OTLP over gRPC on a loopback port: HTTP/2, a message behind a prefix of five bytes, the status in the trailer.</summary>
internal sealed class OtlpGrpcCollector : IAsyncDisposable
{
    private const int PrefixBytes = 5;

    private readonly WebApplication _application;
    private readonly Channel<(string Path, string Type, byte[] Message)> _exports = Channel.CreateUnbounded<(string, string, byte[])>();

    private OtlpGrpcCollector(string status)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        _application = builder.Build();
        _application.Run(async context =>
        {
            using MemoryStream body = new();
            await context.Request.Body.CopyToAsync(body);
            _exports.Writer.TryWrite((context.Request.Path.Value!, context.Request.ContentType!, body.ToArray()));
            context.Response.ContentType = "application/grpc";
            await context.Response.Body.WriteAsync(new byte[PrefixBytes]); // an empty message
            context.Response.AppendTrailer("grpc-status", status);
        });
    }

    internal string Endpoint => _application.Urls.Single();

    /// <summary>Starts one.</summary>
    /// <param name="status">What it answers: 0 is success.</param>
    internal static async Task<OtlpGrpcCollector> StartAsync(string status = "0")
    {
        OtlpGrpcCollector collector = new(status);
        await collector._application.StartAsync();
        return collector;
    }

    /// <summary>Waits for the next export.</summary>
    internal async Task<(string Path, string Type, byte[] Message)> ReceiveAsync(CancellationToken cancellation)
    {
        (string path, string type, byte[] body) = await _exports.Reader.ReadAsync(cancellation);
        Assert.Equal(0, body[0]); // not compressed
        Assert.Equal(body.Length - PrefixBytes, BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(1)));
        return (path, type, body[PrefixBytes..]);
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();
}
