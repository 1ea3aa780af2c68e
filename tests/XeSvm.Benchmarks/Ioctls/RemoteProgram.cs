using System.Diagnostics;
using XeSvm.Simulation;
using XeSvm.Simulation.Server;

namespace XeSvm.Benchmarks.Ioctls;

/// <summary>A device server in the benchmark's process, and an unmodified program that uses it: it answers every line with a line.</summary>
internal sealed class RemoteProgram : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("xesvm-bench-");
    private readonly DeviceServer _server;
    private readonly Process _process;

    /// <summary>Starts both.</summary>
    /// <param name="vramBytes">VRAM of the device.</param>
    /// <param name="program">A program of native/bench.</param>
    /// <param name="arguments">Its arguments after the device's path.</param>
    public RemoteProgram(ulong vramBytes, string program, params string[] arguments)
    {
        _server = DeviceServer.Start(new SoftwareBackendOptions { VramBytes = vramBytes }, Path.Combine(_folder.FullName, "device"));
        ProcessStartInfo start = new(Path.Combine(AppContext.BaseDirectory, program), ["/dev/dri/renderD128", .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment["XESVM_SERVER"] = _server.SocketPath;
        start.Environment["LD_PRELOAD"] = Path.Combine(AppContext.BaseDirectory, "libxesvm_preload.so");
        _process = Process.Start(start)!;
    }

    /// <summary>Its process id.</summary>
    public int Id => _process.Id;

    /// <summary>The next line that it says; null when it has ended.</summary>
    public string? Read() => _process.StandardOutput.ReadLine();

    /// <summary>Says a line and returns the answer.</summary>
    public string? Ask(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
        return Read();
    }

    /// <summary>Ends both.</summary>
    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
        _server.Dispose();
        _folder.Delete(recursive: true);
    }
}
