namespace XeSvm.Simulation.Gpu;

/// <summary>The kinds of GT; the values are those of DRM_XE_QUERY_GT_TYPE_*.</summary>
internal enum GtType
{
    Main = 0,
    Media = 1,
}
