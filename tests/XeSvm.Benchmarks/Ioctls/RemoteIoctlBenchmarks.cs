using System.Diagnostics;
using System.Globalization;
using BenchmarkDotNet.Attributes;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Simulation;
using XeSvm.Simulation.Server;

namespace XeSvm.Benchmarks.Ioctls;

/// <summary>What an ioctl costs an unmodified program: through the preload library to the device server and back.</summary>
[TableDescription(
    "One DRM_IOCTL_XE_DEVICE_QUERY (the configuration's size) of a C program (native/bench/ioctl_client.c) with the preload library, answered by a device "
    + "server in the benchmark's process: two messages over a Unix socket, two thread switches, and the argument read and written by process_vm_readv and "
    + "process_vm_writev. Measured time of this host. Software device, no IOMMU and no page layout are involved.")]
public class RemoteIoctlBenchmarks
{
    private const int Calls = 2000;

    private DirectoryInfo? _folder;
    private DeviceServer? _server;
    private Process? _client;

    /// <summary>Starts the server and the program.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _folder = Directory.CreateTempSubdirectory("xesvm-bench-");
        _server = DeviceServer.Start(new SoftwareBackendOptions { VramBytes = 64 << 20 }, Path.Combine(_folder.FullName, "device"));
        ProcessStartInfo start = new(Path.Combine(AppContext.BaseDirectory, "ioctl_client"), ["/dev/dri/renderD128"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment["XESVM_SERVER"] = _server.SocketPath;
        start.Environment["LD_PRELOAD"] = Path.Combine(AppContext.BaseDirectory, "libxesvm_preload.so");
        _client = Process.Start(start)!;
        WarmUp.Run(() => _ = RoundTrip());
    }

    /// <summary>Ends both.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        _client!.StandardInput.Close();
        _client.WaitForExit();
        _client.Dispose();
        _server!.Dispose();
        _folder!.Delete(recursive: true);
    }

    /// <summary>One call and its answer; the program is asked once for 2000 of them.</summary>
    [Benchmark(OperationsPerInvoke = Calls)]
    public int RoundTrip()
    {
        _client!.StandardInput.WriteLine(Calls.ToString(CultureInfo.InvariantCulture));
        _client.StandardInput.Flush();
        string? answered = _client.StandardOutput.ReadLine();
        return int.TryParse(answered, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count == Calls
            ? count
            : throw new InvalidOperationException($"The device answered {answered ?? "none"} of {Calls} calls.");
    }
}
