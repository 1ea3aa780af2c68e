using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>A VM's id, with the memory of the fence that its binds raise.</summary>
internal sealed class VmHandle(DeviceFile file, uint id, AnonymousMemory bindFence) : XeHandle(file, id)
{
    private readonly object _gate = new();
    private bool _destroyed;

    /// <summary>The fence's word.</summary>
    internal ulong BindFenceAddress => (ulong)bindFence.Address;

    /// <inheritdoc/>
    protected override void Destroy(uint id)
    {
        drm_xe_vm_destroy request = new() { vm_id = id };

        // VM_DESTROY waits for pending binds (xe_vm.c), so none of them can write the fence after it. Where it failed they may, and the
        // page is left to them.
        if (File.Ioctl(DrmXe.DRM_IOCTL_XE_VM_DESTROY, ref request).IsSuccess)
        {
            bindFence.Dispose();
        }

        lock (_gate)
        {
            _destroyed = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits for a destruction that has begun: after it the GPU reaches nothing through the VM.</summary>
    internal void WaitUntilDestroyed()
    {
        lock (_gate)
        {
            while (!_destroyed)
            {
                Monitor.Wait(_gate);
            }
        }
    }
}
