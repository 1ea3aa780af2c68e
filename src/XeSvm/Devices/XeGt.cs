using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>A GT, a group of engines with statistics of its own, from DEVICE_QUERY GT_LIST.</summary>
/// <param name="GtType">Main or media.</param>
/// <param name="TileId">The tile that it is on.</param>
/// <param name="Id">Its number; <c>gtN</c> in debugfs.</param>
/// <param name="ReferenceClock">Clock of its time stamps, in Hz.</param>
/// <param name="NearRegions">Bit mask of the memory regions next to it.</param>
/// <param name="FarRegions">Bit mask of the others.</param>
/// <param name="IpVersion">Version of the hardware block; 0.0.0 on parts that are older than the version register.</param>
public sealed record XeGt(
    XeGtType GtType,
    int TileId,
    int Id,
    uint ReferenceClock,
    ulong NearRegions,
    ulong FarRegions,
    Version IpVersion);

/// <summary>Types of GTs; the values are the kernel's.</summary>
public enum XeGtType
{
    /// <summary>Render, compute and copy engines.</summary>
    Main = DrmXe.DRM_XE_QUERY_GT_TYPE_MAIN,

    /// <summary>Video engines.</summary>
    Media = DrmXe.DRM_XE_QUERY_GT_TYPE_MEDIA,
}
