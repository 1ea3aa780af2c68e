namespace XeSvm.Interop.Uapi;

public static partial class DrmXe
{
    // enum drm_xe_ras_error_severity: the severities of the RAS error counters, which are read over generic netlink.

    /// <summary>Errors that the hardware corrected.</summary>
    public const int DRM_XE_RAS_ERR_SEV_CORRECTABLE = 0;

    /// <summary>Errors that the hardware could not correct.</summary>
    public const int DRM_XE_RAS_ERR_SEV_UNCORRECTABLE = 1;

    /// <summary>Number of severities.</summary>
    public const int DRM_XE_RAS_ERR_SEV_MAX = 2;

    // enum drm_xe_ras_error_component: where the errors were found.

    /// <summary>In the compute cores.</summary>
    public const int DRM_XE_RAS_ERR_COMP_CORE_COMPUTE = 1;

    /// <summary>In the rest of the chip.</summary>
    public const int DRM_XE_RAS_ERR_COMP_SOC_INTERNAL = 2;

    /// <summary>In the device's memory.</summary>
    public const int DRM_XE_RAS_ERR_COMP_DEVICE_MEMORY = 3;

    /// <summary>On the PCI Express link.</summary>
    public const int DRM_XE_RAS_ERR_COMP_PCIE = 4;

    /// <summary>On the fabric between devices.</summary>
    public const int DRM_XE_RAS_ERR_COMP_FABRIC = 5;

    /// <summary>One more than the last component.</summary>
    public const int DRM_XE_RAS_ERR_COMP_MAX = 6;
}
