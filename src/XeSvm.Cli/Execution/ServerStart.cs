using XeSvm.Simulation;
using XeSvm.Simulation.Server;

namespace XeSvm.Cli.Execution;

/// <summary>Starts the server of <c>run</c> and <c>serve</c>.</summary>
internal static class ServerStart
{
    /// <summary>A server of the machine that the environment describes.</summary>
    /// <param name="socket">Where it listens.</param>
    /// <param name="cpuFaults">How CPU faults are noticed, in place of what the environment says, or null.</param>
    /// <exception cref="BackendChoiceException">A variable or the option has a value that is not valid, or cannot be had for other processes.</exception>
    internal static DeviceServer At(string socket, string? cpuFaults)
    {
        try
        {
            SoftwareBackendOptions options = SoftwareBackendOptions.FromEnvironment();
            return DeviceServer.Start(cpuFaults is null ? options : options with { CpuFaults = cpuFaults }, socket);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            throw new BackendChoiceException($"The software device cannot be set up: {exception.Message}", exception);
        }
    }
}
