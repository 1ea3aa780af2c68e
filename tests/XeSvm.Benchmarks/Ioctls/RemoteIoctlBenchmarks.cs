using System.Globalization;
using BenchmarkDotNet.Attributes;
using XeSvm.Benchmarks.Reporting;

namespace XeSvm.Benchmarks.Ioctls;

/// <summary>What an ioctl costs an unmodified program: through the preload library to the device server and back.</summary>
[TableDescription(
    "One DRM_IOCTL_XE_DEVICE_QUERY (the configuration's size) of a C program (native/bench/ioctl_client.c) with the preload library, answered by a device "
    + "server in the benchmark's process: two messages over a Unix socket, each looked for by a thread that is awake, and the argument read and written by process_vm_readv and "
    + "process_vm_writev. Measured time of this host. Software device, no IOMMU and no page layout are involved.")]
public class RemoteIoctlBenchmarks
{
    private const int Calls = 2000;

    private RemoteProgram? _program;

    /// <summary>Starts the server and the program.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _program = new RemoteProgram(64 << 20, "ioctl_client");
        WarmUp.Run(() => _ = RoundTrip());
    }

    /// <summary>Ends both.</summary>
    [GlobalCleanup]
    public void Cleanup() => _program!.Dispose();

    /// <summary>One call and its answer; the program is asked once for 2000 of them.</summary>
    [Benchmark(OperationsPerInvoke = Calls)]
    public int RoundTrip()
    {
        string? answered = _program!.Ask(Calls.ToString(CultureInfo.InvariantCulture));
        return int.TryParse(answered, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count == Calls
            ? count
            : throw new InvalidOperationException($"The device answered {answered ?? "none"} of {Calls} calls.");
    }
}
