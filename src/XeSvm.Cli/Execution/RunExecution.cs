using System.ComponentModel;
using System.Diagnostics;
using XeSvm.Simulation.Server;

namespace XeSvm.Cli.Execution;

/// <summary>Runs <c>run</c>.</summary>
internal static class RunExecution
{
    /// <summary>Runs a program with a software device of its own; the result is the program's exit code, or 128 + the signal that ended it.</summary>
    internal static int Run(string[] program, string? cpuFaults, CliConsole console)
    {
        string preload = PreloadLibrary.Find();

        // Only its owner may enter it.
        DirectoryInfo folder = Directory.CreateTempSubdirectory("xesvm-");
        try
        {
            using DeviceServer server = ServerStart.At(Path.Combine(folder.FullName, "device"), cpuFaults);
            return Run(program, server.SocketPath, preload, console);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static int Run(string[] program, string socket, string preload, CliConsole console)
    {
        var start = new ProcessStartInfo(program[0], program[1..]) { UseShellExecute = false };
        string? others = Environment.GetEnvironmentVariable("LD_PRELOAD");
        start.Environment["XESVM_SERVER"] = socket;
        start.Environment["LD_PRELOAD"] = string.IsNullOrEmpty(others) ? preload : $"{preload}:{others}";
        try
        {
            using Process process = Process.Start(start)!;
            // An interrupt from the terminal goes to the program as well: what it makes of it is its own business.
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (Win32Exception exception)
        {
            console.Error.WriteLine($"xesvm: '{program[0]}' cannot be run: {exception.Message}");
            return ExitCode.CannotRun;
        }
    }
}
