namespace XeSvm.Simulation.Gpu;

/// <summary>The classes of engines; the values are those of DRM_XE_ENGINE_CLASS_*.</summary>
internal enum EngineClass : ushort
{
    Render = 0,
    Copy = 1,
    VideoDecode = 2,
    VideoEnhance = 3,
    Compute = 4,
    VmBind = 5,
}
