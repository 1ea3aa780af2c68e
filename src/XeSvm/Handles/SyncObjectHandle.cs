using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>The handle of a DRM syncobj.</summary>
internal sealed class SyncObjectHandle(DeviceFile file, uint id) : XeHandle(file, id)
{
    /// <inheritdoc/>
    protected override void Destroy(uint id)
    {
        drm_syncobj_destroy request = new() { handle = id };
        _ = File.Ioctl(Drm.DRM_IOCTL_SYNCOBJ_DESTROY, ref request);
    }
}
