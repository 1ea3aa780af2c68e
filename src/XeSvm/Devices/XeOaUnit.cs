using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>A unit that measures what engines do (observation architecture), from DEVICE_QUERY OA_UNITS.</summary>
/// <param name="Id">Its number.</param>
/// <param name="UnitType">What it measures.</param>
/// <param name="Capabilities">Bits of <c>DRM_XE_OA_CAPS_*</c>.</param>
/// <param name="TimestampFrequency">Clock of its time stamps, in Hz.</param>
/// <param name="GtId">Its GT, or <see langword="null"/> on a kernel that does not say it.</param>
/// <param name="Engines">The engines that it measures.</param>
public sealed record XeOaUnit(
    int Id, XeOaUnitType UnitType, ulong Capabilities, ulong TimestampFrequency, int? GtId, IReadOnlyList<XeEngine> Engines);

/// <summary>Types of OA units; the values are the kernel's.</summary>
public enum XeOaUnitType
{
    /// <summary>Render and compute.</summary>
    Graphics = (int)DrmXe.DRM_XE_OA_UNIT_TYPE_OAG,

    /// <summary>Video engines.</summary>
    Media = (int)DrmXe.DRM_XE_OA_UNIT_TYPE_OAM,

    /// <summary>The system agent of the video GT.</summary>
    MediaSystemAgent = (int)DrmXe.DRM_XE_OA_UNIT_TYPE_OAM_SAG,

    /// <summary>The tracker of memory requests.</summary>
    MemoryRequestTracker = (int)DrmXe.DRM_XE_OA_UNIT_TYPE_MERT,
}
