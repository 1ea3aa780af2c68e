using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>An engine that queues can be made for, from DEVICE_QUERY ENGINES.</summary>
/// <param name="EngineClass">What it executes.</param>
/// <param name="Instance">Its logical number within class and GT, from 0.</param>
/// <param name="GtId">The GT that it belongs to.</param>
public sealed record XeEngine(XeEngineClass EngineClass, int Instance, int GtId)
{
    /// <summary>Class, instance and GT in one word, such as <c>copy0@gt0</c>.</summary>
    public override string ToString() => $"{EngineClass.ToString().ToLowerInvariant()}{Instance}@gt{GtId}";
}

/// <summary>Classes of engines; the values are the kernel's.</summary>
public enum XeEngineClass
{
    /// <summary>3D and compute commands.</summary>
    Render = DrmXe.DRM_XE_ENGINE_CLASS_RENDER,

    /// <summary>Copy commands.</summary>
    Copy = DrmXe.DRM_XE_ENGINE_CLASS_COPY,

    /// <summary>Video decoding.</summary>
    VideoDecode = DrmXe.DRM_XE_ENGINE_CLASS_VIDEO_DECODE,

    /// <summary>Video enhancement.</summary>
    VideoEnhance = DrmXe.DRM_XE_ENGINE_CLASS_VIDEO_ENHANCE,

    /// <summary>Compute commands.</summary>
    Compute = DrmXe.DRM_XE_ENGINE_CLASS_COMPUTE,
}
