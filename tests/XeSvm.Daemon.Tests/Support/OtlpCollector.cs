using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace XeSvm.Daemon.Tests.Support;

/// <summary>Takes exports by OTLP over HTTP on a loopback port, one at a time.</summary>
internal sealed class OtlpCollector : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    internal OtlpCollector() => _listener.Start();

    internal string Endpoint => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/v1/metrics");

    public void Dispose() => _listener.Dispose();

    /// <summary>Waits for the next export, which gets no answer.</summary>
    internal async Task<IDisposable> AcceptAsync(CancellationToken cancellation) => await _listener.AcceptTcpClientAsync(cancellation);

    /// <summary>Waits for the next export and accepts it.</summary>
    internal async Task<(string Head, byte[] Body)> ReceiveAsync(CancellationToken cancellation)
    {
        using TcpClient client = await _listener.AcceptTcpClientAsync(cancellation);
        NetworkStream stream = client.GetStream();
        List<byte> head = [];
        byte[] one = new byte[1];
        while (!head.TakeLast(4).SequenceEqual("\r\n\r\n"u8.ToArray()))
        {
            await stream.ReadExactlyAsync(one, cancellation);
            head.Add(one[0]);
        }

        string text = Encoding.ASCII.GetString([.. head]);
        string length = text.Split("\r\n").Single(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
        byte[] body = new byte[int.Parse(length.AsSpan(length.IndexOf(':', StringComparison.Ordinal) + 1), CultureInfo.InvariantCulture)];
        await stream.ReadExactlyAsync(body, cancellation);
        await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray(), cancellation);
        return (text, body);
    }
}
