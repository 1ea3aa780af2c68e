using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Interop;
using XeSvm.Interop.Kernel;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Native;
using XeSvm.Interop.Uapi;

namespace XeSvm.Benchmarks.Ioctls;

/// <summary>The kernel backend's ioctl call beside the same call in a loop of C, in one process.</summary>
[Config(typeof(Configuration))]
[TableDescription(
    "One DRM_IOCTL_XE_DEVICE_QUERY on the kernel backend's path, against the same xesvm_ioctl called in a loop of C in the same process with the "
    + "same threads. File: the first xe render node, or /dev/null (which answers ENOTTY) where there is none. No IOMMU and no page layout are involved.")]
public unsafe class IoctlBenchmarks
{
    private const int Calls = 1000;
    private const string NoDevice = "/dev/null";

    private KernelFile? _file;
    private FileDescriptorHandle? _descriptor;
    private int _descriptorNumber;
    private drm_xe_device_query* _query;

    /// <summary>The files that can be asked here.</summary>
    public static IEnumerable<string> Files
    {
        get
        {
            using KernelBackend backend = new();
            IReadOnlyList<DrmNode> nodes = backend.Enumerate();
            return [nodes.Count > 0 ? nodes[0].Path : NoDevice];
        }
    }

    /// <summary>The file that is asked.</summary>
    [ParamsSource(nameof(Files))]
    public string File { get; set; } = NoDevice;

    /// <summary>Opens the file twice, once for each side.</summary>
    [GlobalSetup]
    public void Setup()
    {
        Require(KernelFile.Open(new KernelPaths(), new DrmNode(File, "", "", -1), out _file), $"Opening {File}");
        Require(SystemCalls.OpenForReadingAndWriting(File, out _descriptor), $"Opening {File}");
        Require(_descriptor!.Acquire(out _descriptorNumber), "Using the descriptor");
        _query = (drm_xe_device_query*)NativeMemory.AllocZeroed((nuint)sizeof(drm_xe_device_query));
        _query->query = DrmXe.DRM_XE_DEVICE_QUERY_MEM_REGIONS;
        int expected = NativeMethods.xesvm_ioctl(_descriptorNumber, DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, _query);
        int answer = _file!.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, _query);
        if (answer != expected)
        {
            throw new InvalidOperationException($"The kernel backend answers {answer} where the shim answers {expected}.");
        }

        WarmUp.Run(() => _ = ShimFromCSharp() + KernelBackendFile());
    }

    /// <summary>Closes all.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        RecordAllocation(nameof(LoopOfC), () => LoopOfC());
        RecordAllocation(nameof(ShimFromCSharp), () => ShimFromCSharp());
        RecordAllocation(nameof(KernelBackendFile), () => KernelBackendFile());
        NativeMemory.Free(_query);
        _descriptor!.Release();
        _descriptor.Dispose();
        _file!.Dispose();
    }

    /// <summary>The shim called from C.</summary>
    [Benchmark(OperationsPerInvoke = Calls)]
    public long LoopOfC() => BenchLibrary.IoctlLoop(_descriptorNumber, DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, _query, Calls);

    /// <summary>The shim called from C#, without the object that owns the descriptor.</summary>
    [Benchmark(OperationsPerInvoke = Calls)]
    public long ShimFromCSharp()
    {
        long sum = 0;
        for (int i = 0; i < Calls; i++)
        {
            sum += NativeMethods.xesvm_ioctl(_descriptorNumber, DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, _query);
        }

        return sum;
    }

    /// <summary>The kernel backend's call.</summary>
    [Benchmark(OperationsPerInvoke = Calls)]
    public long KernelBackendFile()
    {
        long sum = 0;
        for (int i = 0; i < Calls; i++)
        {
            sum += _file!.Ioctl(DrmXe.DRM_IOCTL_XE_DEVICE_QUERY, _query);
        }

        return sum;
    }

    private void RecordAllocation(string method, Action operation) =>
        AllocationProbe.Record(typeof(IoctlBenchmarks), method, [File], operation, repetitions: 1, perRun: Calls);

    private static void Require(int result, string what)
    {
        if (result < 0)
        {
            throw new InvalidOperationException($"{what} failed: {Errno.Describe(result)}.");
        }
    }

    private sealed class Configuration : ManualConfig
    {
        public Configuration() => AddColumn(new MultipleColumn("x C", nameof(LoopOfC)), AllocationProbe.Column);
    }
}
