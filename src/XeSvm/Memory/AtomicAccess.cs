using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>Who does atomic operations on memory; the values are the kernel's.</summary>
public enum AtomicAccess
{
    /// <summary>The driver's default: on a discrete GPU, an atomic of the GPU moves the page to VRAM.</summary>
    Default = (int)DrmXe.DRM_XE_ATOMIC_UNDEFINED,

    /// <summary>The device only.</summary>
    Device = (int)DrmXe.DRM_XE_ATOMIC_DEVICE,

    /// <summary>CPU and device: the page moves to the one that does the atomic.</summary>
    Global = (int)DrmXe.DRM_XE_ATOMIC_GLOBAL,

    /// <summary>The CPU only: an atomic of the GPU fails, and bans the queue.</summary>
    Cpu = (int)DrmXe.DRM_XE_ATOMIC_CPU,
}
