using System.Diagnostics.CodeAnalysis;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>
/// A queue for binds of one VM: binds on it are done in order, and in no order with those of other queues unless their addresses
/// overlap (xe_vm.c).
/// </summary>
[SuppressMessage("Naming", "CA1711", Justification = "Queue is the kernel's word: EXEC_QUEUE_CREATE.")]
public sealed unsafe class XeBindQueue : IDisposable
{
    private readonly QueueHandle _handle;

    private XeBindQueue(XeVm vm, QueueHandle handle)
    {
        Vm = vm;
        _handle = handle;
    }

    /// <summary>The VM whose mappings it changes.</summary>
    public XeVm Vm { get; }

    /// <summary>The kernel's id; not 0.</summary>
    public uint Id => _handle.Id;

    /// <summary>Destroys the queue; binds that were queued are done all the same.</summary>
    public void Dispose() => _handle.Dispose();

    /// <summary>Makes a queue.</summary>
    internal static XeResult TryCreate(XeVm vm, out XeBindQueue? queue)
    {
        using HandleUse use = vm.Borrow();
        drm_xe_engine_class_instance instance = new() { engine_class = DrmXe.DRM_XE_ENGINE_CLASS_VM_BIND };
        drm_xe_exec_queue_create request = new()
        {
            width = 1,
            num_placements = 1,
            vm_id = use.Id,
            instances = (ulong)&instance,
        };
        XeResult result = use.File.Ioctl(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref request);
        queue = result.IsSuccess ? new XeBindQueue(vm, new QueueHandle(use.File, request.exec_queue_id, vm: null)) : null;
        return result;
    }

    /// <summary>Keeps the queue for a request of its VM.</summary>
    internal HandleUse Borrow(XeVm vm)
    {
        if (!ReferenceEquals(vm, Vm))
        {
            throw new ArgumentException($"The bind queue was made for VM {Vm.Id}, the bind is for VM {vm.Id}.");
        }

        return _handle.Borrow(this);
    }
}
