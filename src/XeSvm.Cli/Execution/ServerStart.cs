using XeSvm.Simulation;
using XeSvm.Simulation.Server;

namespace XeSvm.Cli.Execution;

/// <summary>Starts the server of <c>run</c> and <c>serve</c>.</summary>
internal static class ServerStart
{
    /// <summary>A server of the machine that the environment describes.</summary>
    /// <exception cref="BackendChoiceException">A variable has a value that is not valid, or cannot be had for other processes.</exception>
    internal static DeviceServer At(string socket)
    {
        try
        {
            return DeviceServer.Start(SoftwareBackendOptions.FromEnvironment(), socket);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            throw new BackendChoiceException($"The software device cannot be set up: {exception.Message}", exception);
        }
    }
}
