using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Benchmarks.Svm;

/// <summary>A software device, a VM that mirrors this process, and memory: SVM below the ioctls.</summary>
internal sealed unsafe class SvmMachine : IDisposable
{
    private const ulong Alignment = 2UL << 20;

    private readonly SoftwareBackend _backend;
    private readonly SoftwareFile _file;
    private readonly uint _vm;

    public SvmMachine(ulong bytes)
    {
        _backend = new SoftwareBackend(SoftwareBackendOptions.FromEnvironment() with { Iommu = IommuMode.Strict, Layout = "scattered", VramBytes = 2UL << 30 });
        Check(_backend.Open(_backend.Enumerate()[0], out DrmFile? file), "Open");
        _file = (SoftwareFile)file!;
        var create = new drm_xe_vm_create { flags = DrmXe.DRM_XE_VM_CREATE_FLAG_LR_MODE | DrmXe.DRM_XE_VM_CREATE_FLAG_FAULT_MODE };
        Check(_file.Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE, &create), "VM_CREATE");
        _vm = create.vm_id;
        Bind(new drm_xe_vm_bind_op { op = DrmXe.DRM_XE_VM_BIND_OP_MAP, range = 1UL << 47, flags = DrmXe.DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR });
        Bytes = bytes;
        Check(SystemCalls.MapAnonymous((nuint)bytes, MemoryProtection.ReadWrite, (nuint)Alignment, out nint address), "mmap");
        Address = (ulong)address;

        // EINVAL: the kernel has no huge pages to keep out.
        _ = SystemCalls.Advise(address, (nuint)bytes, MemoryAdvice.NoHugePage);
        new Span<byte>((void*)address, checked((int)bytes)).Fill(0x5a);
        if (!_file.Vms.TryGet(_vm, out Vm? vm))
        {
            throw new InvalidOperationException("The VM is not there.");
        }

        Vm = vm;
    }

    public ulong Address { get; }

    public ulong Bytes { get; }

    public Vm Vm { get; }

    /// <summary>Moves all memory by one VM_BIND.</summary>
    /// <param name="region">0: system memory; 1: VRAM.</param>
    public void Prefetch(uint region) =>
        Bind(new drm_xe_vm_bind_op { op = DrmXe.DRM_XE_VM_BIND_OP_PREFETCH, addr = Address, range = Bytes, prefetch_mem_region_instance = region });

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        _backend.Dispose();
        _ = SystemCalls.Unmap((nint)Address, (nuint)Bytes);
    }

    private void Bind(drm_xe_vm_bind_op op)
    {
        var bind = new drm_xe_vm_bind { vm_id = _vm, num_binds = 1, bind = op };
        Check(_file.Ioctl(DrmXe.DRM_IOCTL_XE_VM_BIND, &bind), "VM_BIND");
    }

    private static void Check(int result, string operation)
    {
        if (result < 0)
        {
            throw new InvalidOperationException($"{operation}: {Errno.Describe(result)}.");
        }
    }
}
