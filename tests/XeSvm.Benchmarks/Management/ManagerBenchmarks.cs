using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Interop.Uapi;
using XeSvm.Management;
using XeSvm.Simulation;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Benchmarks.Management;

/// <summary>What a manager adds to a prefetch.</summary>
[Config(typeof(Configuration))]
[TableDescription(
    "One prefetch: raw, VM_BIND PREFETCH with a user fence and WAIT_USER_FENCE; of a VM; of a manager, with its account and its care for room. Resident: the memory is in "
    + "VRAM already. Moving: to VRAM and back to the system in turns, one prefetch each. Backend: software. IOMMU: strict, coherent walker. Layout: scattered.")]
public unsafe class ManagerBenchmarks
{
    private const int AllocationRepetitions = 100;
    private const ulong VramBytes = 256UL << 20;
    private XeDevice? _device;
    private SvmManager? _manager;
    private SvmBuffer<byte>? _buffer;
    private AnonymousMemory? _fence;
    private GpuRange _range;
    private ulong _value;

    /// <summary>Bytes of one prefetch.</summary>
    [Params(4UL << 10, 64UL << 10, 2UL << 20)]
    public ulong Bytes { get; set; }

    /// <summary>Makes the memory; it is in VRAM.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _device = SoftwareMachine.Open(new SoftwareBackendOptions { Iommu = IommuMode.Strict, VramBytes = VramBytes });
        _manager = new SvmManager(_device);
        _buffer = _manager.Allocate<byte>((nuint)Bytes);
        _buffer.Span.Fill(1);
        _range = _buffer.Range;
        _fence = AnonymousMemory.Map(sizeof(ulong));
        WarmUp.Run(() =>
        {
            MovingRaw();
            MovingVm();
            MovingManager();
        });
        ResidentManager();
    }

    /// <summary>Checks the content, and what is allocated.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        Probe(nameof(ResidentRaw), ResidentRaw, 1);
        Probe(nameof(ResidentVm), ResidentVm, 1);
        Probe(nameof(ResidentManager), ResidentManager, 1);
        Probe(nameof(MovingRaw), MovingRaw, 2);
        Probe(nameof(MovingVm), MovingVm, 2);
        Probe(nameof(MovingManager), MovingManager, 2);
        bool right = _buffer!.Span.IndexOfAnyExcept((byte)1) < 0;
        _buffer.Dispose();
        _manager!.Dispose();
        _device!.Dispose();
        _fence!.Dispose();
        if (!right)
        {
            throw new InvalidOperationException("Content has changed: the figures are void.");
        }
    }

    /// <summary>The two ioctls, of memory that is there.</summary>
    [Benchmark]
    public void ResidentRaw() => Raw(region: 1);

    /// <summary>A VM's prefetch, of memory that is there.</summary>
    [Benchmark]
    public void ResidentVm() => _manager!.Vm.Prefetch(_range, MemoryLocation.Device());

    /// <summary>A manager's prefetch, of memory that is there.</summary>
    [Benchmark]
    public void ResidentManager() => _manager!.Prefetch(_range, MemoryLocation.Device());

    /// <summary>The two ioctls, to and fro.</summary>
    [Benchmark(OperationsPerInvoke = 2)]
    public void MovingRaw()
    {
        Raw(region: 0);
        Raw(region: 1);
    }

    /// <summary>A VM's prefetches, to and fro.</summary>
    [Benchmark(OperationsPerInvoke = 2)]
    public void MovingVm()
    {
        _manager!.Vm.Prefetch(_range, MemoryLocation.System);
        _manager.Vm.Prefetch(_range, MemoryLocation.Device());
    }

    /// <summary>A manager's prefetches, to and fro.</summary>
    [Benchmark(OperationsPerInvoke = 2)]
    public void MovingManager()
    {
        _manager!.Prefetch(_range, MemoryLocation.System);
        _manager.Prefetch(_range, MemoryLocation.Device());
    }

    private void Raw(uint region)
    {
        drm_xe_sync sync = new()
        {
            type = DrmXe.DRM_XE_SYNC_TYPE_USER_FENCE,
            flags = DrmXe.DRM_XE_SYNC_FLAG_SIGNAL,
            addr = (ulong)_fence!.Address,
            timeline_value = ++_value,
        };
        drm_xe_vm_bind bind = new()
        {
            vm_id = _manager!.Vm.Id,
            num_binds = 1,
            num_syncs = 1,
            syncs = (ulong)&sync,
            bind = new drm_xe_vm_bind_op
            {
                op = DrmXe.DRM_XE_VM_BIND_OP_PREFETCH,
                addr = _range.Address,
                range = _range.Length,
                pat_index = _device!.WriteBackPatIndex,
                prefetch_mem_region_instance = region,
            },
        };
        drm_xe_wait_user_fence wait = new()
        {
            addr = (ulong)_fence.Address,
            op = DrmXe.DRM_XE_UFENCE_WAIT_OP_GTE,
            value = _value,
            mask = ulong.MaxValue,
            timeout = 60_000_000_000,
        };
        XeResult result = _manager.Vm.File.Ioctl(DrmXe.DRM_IOCTL_XE_VM_BIND, ref bind);
        if (result.IsSuccess)
        {
            result = _manager.Vm.File.Ioctl(DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE, ref wait);
        }

        if (!result.IsSuccess)
        {
            throw new InvalidOperationException($"A prefetch ended with {result}.");
        }
    }

    private void Probe(string method, Action operation, int perRun) =>
        AllocationProbe.Record(typeof(ManagerBenchmarks), method, [Bytes], operation, AllocationRepetitions, perRun);

    private sealed class Configuration : ManualConfig
    {
        public Configuration() => AddColumn(
            new MultipleColumn("x resident raw", nameof(ResidentRaw)), new MultipleColumn("x moving raw", nameof(MovingRaw)), AllocationProbe.Column);
    }
}
