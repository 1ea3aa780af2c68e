using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>
/// A GPU address space that serves page faults, for long-running work. A mirror VM has the process's addresses: any memory of the
/// process can be used by the GPU at the address that the CPU knows.
/// </summary>
public sealed partial class XeVm : IDisposable
{
    /// <summary>A bind that takes longer than this has met a hang; the longest legitimate ones prefetch many gigabytes.</summary>
    private static readonly TimeSpan s_bindTimeout = TimeSpan.FromSeconds(60);

    private readonly DeviceFile _file;
    private readonly AnonymousMemory _bindFence;
    private readonly Lock _lock = new();
    private ulong _bindValue;
    private bool _disposed;

    private XeVm(XeDevice device, AnonymousMemory bindFence, uint id, bool mirror)
    {
        _file = device.File.Reference();
        _bindFence = bindFence;
        Device = device;
        Id = id;
        IsMirror = mirror;
    }

    /// <summary>The device that the VM is on.</summary>
    public XeDevice Device { get; }

    /// <summary>The kernel's id; not 0.</summary>
    public uint Id { get; }

    /// <summary>Whether the VM mirrors the process's addresses.</summary>
    public bool IsMirror { get; }

    /// <summary>Size of the address space in bytes: addresses from 0 to below it.</summary>
    public ulong AddressSpaceSize => 1UL << Device.Configuration.VirtualAddressBits;

    /// <summary>Allocates memory for CPU and GPU.</summary>
    /// <typeparam name="T">The elements' type.</typeparam>
    /// <param name="length">Number of elements, at least 1.</param>
    /// <exception cref="InvalidOperationException">The VM is no mirror.</exception>
    /// <exception cref="XeException">There is not enough memory.</exception>
    public SvmBuffer<T> Allocate<T>(nuint length)
        where T : unmanaged
    {
        RequireMirror("Memory of the process");
        return new SvmBuffer<T>(File, length);
    }

    /// <summary>Makes a queue on an engine.</summary>
    /// <param name="engine">One of the device's engines.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    public XeQueue CreateQueue(XeEngine engine) => XeQueue.Create(this, engine);

    /// <summary>Makes an empty batch in a buffer object that CPU and GPU see at one address; fetching it never faults.</summary>
    /// <param name="capacity">Room for commands, in bytes; rounded up to pages.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    public GpuBatch CreateBatch(nuint capacity) => new(this, SharedBuffer.Create(this, capacity));

    /// <summary>Makes an empty batch in memory of the process: the GPU fetches it by page faults.</summary>
    /// <param name="capacity">Room for commands, in bytes; rounded up to pages.</param>
    /// <exception cref="InvalidOperationException">The VM is no mirror.</exception>
    /// <exception cref="XeException">There is not enough memory.</exception>
    public GpuBatch CreateBatchInProcessMemory(nuint capacity)
    {
        ArgumentOutOfRangeException.ThrowIfZero(capacity);
        RequireMirror("A batch in memory of the process");
        return new GpuBatch(this, AnonymousMemory.Map(capacity));
    }

    /// <summary>Destroys the VM. Queues on it are stopped by that; they still have to be disposed.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            drm_xe_vm_destroy request = new() { vm_id = Id };
            _ = _file.Ioctl(DrmXe.DRM_IOCTL_XE_VM_DESTROY, ref request);

            // VM_DESTROY waits for pending binds (xe_vm.c), so none of them can write the fence from here on.
            _bindFence.Dispose();
            _file.Release();
        }
    }

    /// <summary>Makes a VM; a mirror VM mirrors all addresses that the GPU can form.</summary>
    internal static XeVm Create(XeDevice device, bool mirror)
    {
        if (mirror && !device.Capabilities.SupportsCpuAddressMirror)
        {
            throw new XeException(
                Interop.Errno.EOPNOTSUPP,
                XeOperation.VmBindMirror,
                $"a mirror VM on {device.Node.Path}",
                "The device's configuration lacks HAS_CPU_ADDR_MIRROR: it needs an Xe2 GPU or later and a kernel built with DRM_XE_GPUSVM.");
        }

        AnonymousMemory bindFence = AnonymousMemory.Map(sizeof(ulong));
        drm_xe_vm_create request = new() { flags = DrmXe.DRM_XE_VM_CREATE_FLAG_LR_MODE | DrmXe.DRM_XE_VM_CREATE_FLAG_FAULT_MODE };
        XeResult result = device.File.Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE, ref request);
        if (!result.IsSuccess)
        {
            bindFence.Dispose();
            ThrowHelper.Throw(result, XeOperation.VmCreate, "flags LR_MODE | FAULT_MODE");
        }

        XeVm vm = new(device, bindFence, request.vm_id, mirror);
        if (mirror)
        {
            result = vm.MirrorRange(new GpuRange(0, vm.AddressSpaceSize));
            if (!result.IsSuccess)
            {
                vm.Dispose();
                ThrowHelper.Throw(result, XeOperation.VmBindMirror, $"mirror of {new GpuRange(0, vm.AddressSpaceSize)}");
            }
        }

        return vm;
    }

    /// <summary>The open file; children take references of their own.</summary>
    internal DeviceFile File
    {
        get
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), this);
            return _file;
        }
    }

    /// <summary>Undoes a bind of a child that goes away; a VM that went first has nothing left to undo.</summary>
    internal void UnbindUnlessDisposed(GpuRange range)
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                _ = TryUnbind(range);
            }
        }
    }

    private void RequireMirror(string what)
    {
        if (!IsMirror)
        {
            throw new InvalidOperationException($"{what} needs a mirror VM: make it with XeDevice.CreateMirrorVm().");
        }
    }
}
