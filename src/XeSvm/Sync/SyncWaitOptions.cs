using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>How a wait for sync objects treats fences that are not there yet; the values are the kernel's.</summary>
[Flags]
public enum SyncWaitOptions
{
    /// <summary>A fence, or a point of the timeline, that was not submitted yet is an error (EINVAL).</summary>
    None = 0,

    /// <summary>Waits also for the fence to be submitted.</summary>
    WaitForSubmit = (int)Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT,

    /// <summary>Waits only until the fence is submitted, not until it has signalled.</summary>
    WaitAvailable = (int)Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE,
}
