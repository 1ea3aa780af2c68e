using XeSvm.Simulation.Server;

namespace XeSvm.Cli.Execution;

/// <summary>Runs <c>serve</c>.</summary>
internal static class ServeExecution
{
    /// <summary>Serves the software device until it is interrupted.</summary>
    internal static int Run(string socket, string? cpuFaults, CliConsole console, CancellationToken cancellation)
    {
        using DeviceServer server = ServerStart.At(Path.GetFullPath(socket), cpuFaults);
        console.Output.WriteLine($"XESVM_SERVER={server.SocketPath}");
        console.Output.WriteLine($"LD_PRELOAD={PreloadLibrary.Find()}");
        console.Output.Flush();
        cancellation.WaitHandle.WaitOne();
        return ExitCode.Success;
    }
}
