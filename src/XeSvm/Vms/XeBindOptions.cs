using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>What a bind asks for besides the mapping; the values are the kernel's.</summary>
[Flags]
public enum XeBindOptions
{
    /// <summary>Nothing. In a fault VM the page tables are filled by GPU faults.</summary>
    None = 0,

    /// <summary>The GPU may only read: a write fails, and bans the queue.</summary>
    ReadOnly = (int)DrmXe.DRM_XE_VM_BIND_FLAG_READONLY,

    /// <summary>Page tables are written by the bind, also in a fault VM.</summary>
    Immediate = (int)DrmXe.DRM_XE_VM_BIND_FLAG_IMMEDIATE,

    /// <summary>The content goes into a device core dump.</summary>
    Dumpable = (int)DrmXe.DRM_XE_VM_BIND_FLAG_DUMPABLE,

    /// <summary>Refuses the bind (ENOEXEC) when the buffer's protected content is stale.</summary>
    CheckProtectedContent = (int)DrmXe.DRM_XE_VM_BIND_FLAG_CHECK_PXP,

    /// <summary>For mirrors: attributes go back to their defaults where the CPU unmaps memory; Linux 6.18.</summary>
    AdviceAutoReset = (int)DrmXe.DRM_XE_VM_BIND_FLAG_MADVISE_AUTORESET,

    /// <summary>Decompresses a buffer in VRAM in place before it is mapped; Xe2 and later discrete GPUs.</summary>
    Decompress = (int)DrmXe.DRM_XE_VM_BIND_FLAG_DECOMPRESS,
}
