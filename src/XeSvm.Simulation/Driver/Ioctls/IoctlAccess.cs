namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>Which files may make an ioctl (drm_ioctl_flags, drm_ioctl_permit).</summary>
internal enum IoctlAccess : byte
{
    /// <summary>All (DRM_RENDER_ALLOW).</summary>
    All,

    /// <summary>Those of a primary node.</summary>
    Primary,

    /// <summary>Those of a primary node that were let in (DRM_AUTH).</summary>
    Authenticated,

    /// <summary>The master (DRM_MASTER).</summary>
    Master,
}
