using XeSvm.Interop.LibC;
using XeSvm.Simulation.Driver;

namespace XeSvm.Simulation.Server;

/// <summary>An open file of a client. The client's descriptor is the other end of <paramref name="connection"/>.</summary>
internal sealed class ServerFile(ulong id, ulong secret, SoftwareFile file, FileDescriptorHandle connection) : IDisposable
{
    public ulong Id { get; } = id;

    /// <summary>What only holders of the descriptor know.</summary>
    public ulong Secret { get; } = secret;

    public SoftwareFile File { get; } = file;

    public FileDescriptorHandle Connection { get; } = connection;

    public void Dispose()
    {
        File.Dispose();
        Connection.Dispose();
    }
}
