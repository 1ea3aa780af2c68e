using System.Net.Sockets;
using System.Text;

namespace XeSvm.Daemon.Tests.Web;

/// <summary>Sends bytes as they are.</summary>
internal static class RawClient
{
    /// <summary>The status of the answer.</summary>
    internal static async Task<int> StatusAsync(Uri address, string request)
    {
        using TcpClient client = new();
        await client.ConnectAsync(address.Host, address.Port);
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(request));
        byte[] buffer = new byte[64];
        int length = await client.GetStream().ReadAtLeastAsync(buffer, 12, throwOnEndOfStream: false);
        string answer = Encoding.Latin1.GetString(buffer, 0, length);
        Assert.StartsWith("HTTP/1.1 ", answer, StringComparison.Ordinal);
        return int.Parse(answer.AsSpan(9, 3), System.Globalization.CultureInfo.InvariantCulture);
    }
}
