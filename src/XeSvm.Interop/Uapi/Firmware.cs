using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

public static partial class DrmXe
{
    // Values of drm_xe_query_uc_fw_version.uc_type.

    /// <summary>Version of the GuC firmware's submission interface.</summary>
    public const ushort XE_QUERY_UC_TYPE_GUC_SUBMISSION = 0;

    /// <summary>Version of the HuC firmware; ENODEV when it does not run.</summary>
    public const ushort XE_QUERY_UC_TYPE_HUC = 1;

    // enum drm_xe_pxp_session_type, the values of the PXP_TYPE properties of buffer objects and queues; and the session that serves
    // them.

    /// <summary>No protected content.</summary>
    public const ulong DRM_XE_PXP_TYPE_NONE = 0;

    /// <summary>Content protected by hardware DRM.</summary>
    public const ulong DRM_XE_PXP_TYPE_HWDRM = 1;

    /// <summary>Number of the PXP session that hardware DRM uses.</summary>
    public const uint DRM_XE_PXP_HWDRM_DEFAULT_SESSION = 15;
}

/// <summary>In and out block of <c>DRM_XE_DEVICE_QUERY_UC_FW_VERSION</c>.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_DEVICE_QUERY</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_query_uc_fw_version
{
    /// <summary>In: one of <c>XE_QUERY_UC_TYPE_*</c>.</summary>
    public ushort uc_type;

    /// <summary>Must be 0.</summary>
    public ushort pad;

    /// <summary>Out: branch of the version; always 0 today.</summary>
    public uint branch_ver;

    /// <summary>Out: major version.</summary>
    public uint major_ver;

    /// <summary>Out: minor version.</summary>
    public uint minor_ver;

    /// <summary>Out: patch level.</summary>
    public uint patch_ver;

    /// <summary>Must be 0.</summary>
    public uint pad2;

    /// <summary>Must be 0.</summary>
    public ulong reserved;
}

/// <summary>Answer of <c>DRM_XE_DEVICE_QUERY_PXP_STATUS</c>.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_DEVICE_QUERY</c>: nodes, permission, blocking and faults are those of that ioctl.
/// ENODEV without support for protected content, EIO when its initialisation failed.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_query_pxp_status
{
    /// <summary>0 while the initialisation runs, 1 when protected content can be used.</summary>
    public uint status;

    /// <summary>Mask of <c>1 &lt;&lt; DRM_XE_PXP_TYPE_*</c>.</summary>
    public uint supported_session_types;
}
