using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>The id of a queue for batches or for binds.</summary>
internal sealed class QueueHandle : XeHandle
{
    private readonly VmHandle? _vm;

    /// <summary>Takes a queue over.</summary>
    /// <param name="vm">
    /// A VM that must not be destroyed before the queue, already borrowed: VM_DESTROY answers EBUSY while a VM in preempt mode has queues
    /// (xe_vm.c). <see langword="null"/> for all others.
    /// </param>
    /// <param name="file">The open file.</param>
    /// <param name="id">The queue.</param>
    internal QueueHandle(DeviceFile file, uint id, VmHandle? vm)
        : base(file, id) => _vm = vm;

    /// <inheritdoc/>
    protected override void Destroy(uint id)
    {
        drm_xe_exec_queue_destroy request = new() { exec_queue_id = id };
        _ = File.Ioctl(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_DESTROY, ref request);
        _vm?.DangerousRelease();
    }
}
