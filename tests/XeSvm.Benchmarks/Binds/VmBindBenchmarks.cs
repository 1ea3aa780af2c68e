using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation;

namespace XeSvm.Benchmarks.Binds;

/// <summary>VM_BIND among many mappings.</summary>
[Config(typeof(Configuration))]
[TableDescription(
    "One VM_BIND that maps a 4 KiB page of a system buffer object and one that unmaps it, in a VM that has other mappings of the object already; page "
    + "tables are written by the call. Backend: software. IOMMU: strict, but no access goes through it. Layout: scattered, but no page is mapped for DMA.")]
public unsafe class VmBindBenchmarks
{
    private const ulong PageSize = 4096;
    private const ulong First = 1UL << 32;
    private const ushort WriteBackPat = 2;
    private const int AllocationRepetitions = 100;

    private SoftwareBackend? _backend;
    private DrmFile? _file;
    private uint _vm;
    private uint _object;
    private ulong _hole;

    /// <summary>How many mappings the VM has.</summary>
    [Params(1, 1_000, 1_000_000)]
    public int Mappings { get; set; }

    /// <summary>Makes the VM with its mappings: every second page, so that none joins another.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _backend = new SoftwareBackend(new SoftwareBackendOptions { VramBytes = 64UL << 20, CpuFaults = "coherent" });
        Check(_backend.Open(_backend.Enumerate()[0], out _file));
        var vm = new drm_xe_vm_create();
        Check(_file!.Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE, &vm));
        _vm = vm.vm_id;
        var create = new drm_xe_gem_create { size = PageSize, placement = 1, cpu_caching = DrmXe.DRM_XE_GEM_CPU_CACHING_WB };
        Check(_file.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, &create));
        _object = create.handle;
        for (ulong i = 0; i < (ulong)Mappings; i++)
        {
            Map(First + (i * 2 * PageSize));
        }

        _hole = First + ((ulong)Mappings / 2 * 2 * PageSize) + PageSize;
        WarmUp.Run(MapAndUnmap);
    }

    /// <summary>Counts what a call allocates, and closes.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        AllocationProbe.Record(typeof(VmBindBenchmarks), nameof(MapAndUnmap), [Mappings], MapAndUnmap, AllocationRepetitions);
        _file!.Dispose();
        _backend!.Dispose();
    }

    /// <summary>One page, in and out: two calls.</summary>
    [Benchmark(OperationsPerInvoke = 2)]
    public void MapAndUnmap()
    {
        Map(_hole);
        var bind = new drm_xe_vm_bind { vm_id = _vm, num_binds = 1 };
        bind.bind.op = DrmXe.DRM_XE_VM_BIND_OP_UNMAP;
        bind.bind.addr = _hole;
        bind.bind.range = PageSize;
        Check(_file!.Ioctl(DrmXe.DRM_IOCTL_XE_VM_BIND, &bind));
    }

    private void Map(ulong address)
    {
        var bind = new drm_xe_vm_bind { vm_id = _vm, num_binds = 1 };
        bind.bind.op = DrmXe.DRM_XE_VM_BIND_OP_MAP;
        bind.bind.obj = _object;
        bind.bind.addr = address;
        bind.bind.range = PageSize;
        bind.bind.pat_index = WriteBackPat;
        Check(_file!.Ioctl(DrmXe.DRM_IOCTL_XE_VM_BIND, &bind));
    }

    private static void Check(int result)
    {
        if (result < 0)
        {
            throw new InvalidOperationException($"The figures are void: {Errno.Describe(result)}.");
        }
    }

    private sealed class Configuration : ManualConfig
    {
        public Configuration() => AddColumn(AllocationProbe.Column);
    }
}
