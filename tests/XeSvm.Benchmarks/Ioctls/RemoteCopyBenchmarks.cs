using System.Globalization;
using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Interop.Native;

namespace XeSvm.Benchmarks.Ioctls;

/// <summary>How fast a GPU copies memory of an unmodified program, beside the kernel's own way into that memory.</summary>
[TableDescription(
    "GpuCopy: a C program (native/bench/copy_client.c) with the preload library has the device copy 64 MiB of its memory to other memory of it, by EXEC of "
    + "MEM_COPY in a VM that mirrors its addresses, and waits for the user fence; every byte is read and written through process_vm_readv and process_vm_writev. "
    + "ProcessVmReadv: process_vm_readv of the same 64 MiB, which is half of that work. GB/s are 0.0671 divided by the time in seconds. Measured time of this "
    + "host. Software device, CPU faults: coherent. No IOMMU and no page layout are involved.")]
public unsafe class RemoteCopyBenchmarks
{
    private const int Bytes = 64 << 20;

    private RemoteProgram? _program;
    private void* _buffer;
    private ulong _source;

    /// <summary>Starts the server and the program, and copies until nothing faults any more.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _buffer = NativeMemory.AllocZeroed(Bytes);
        _program = new RemoteProgram(256 << 20, "copy_client", Bytes.ToString(CultureInfo.InvariantCulture));
        string addresses = _program.Read() ?? throw new InvalidOperationException("The program has ended at once.");
        _source = ulong.Parse(addresses.Split(' ')[0], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        WarmUp.Run(GpuCopy);
    }

    /// <summary>Ends both.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        _program!.Dispose();
        NativeMemory.Free(_buffer);
    }

    /// <summary>64 MiB, copied by the GPU.</summary>
    [Benchmark]
    public void GpuCopy()
    {
        if (_program!.Ask("1") is not "0")
        {
            throw new InvalidOperationException("The copy differs from its source: the figures are void.");
        }
    }

    /// <summary>64 MiB, read by the kernel's call.</summary>
    [Benchmark]
    public int ProcessVmReadv()
    {
        int result = NativeMethods.xesvm_process_read(_program!.Id, _source, _buffer, Bytes);
        return result == 0 ? result : throw new InvalidOperationException($"process_vm_readv answered {result}.");
    }
}
