using System.Runtime.InteropServices;

using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>OA_UNITS (query_oa_units): the observation units, one for each GT, with the engines that each observes.</summary>
internal static unsafe class OaUnitsQuery
{
    private const ulong Capabilities = DrmXe.DRM_XE_OA_CAPS_BASE | DrmXe.DRM_XE_OA_CAPS_SYNCS | DrmXe.DRM_XE_OA_CAPS_OA_BUFFER_SIZE
        | DrmXe.DRM_XE_OA_CAPS_WAIT_NUM_REPORTS | DrmXe.DRM_XE_OA_CAPS_OAM | DrmXe.DRM_XE_OA_CAPS_OA_UNIT_GT_ID;

    /// <summary>Writes the answer; returns its length.</summary>
    public static int Write(SoftwareDevice device, Span<byte> answer)
    {
        Gt[] gts = device.Gts;
        QueryAnswer.Head<drm_xe_query_oa_units>(answer) = new drm_xe_query_oa_units { num_oa_units = (uint)gts.Length };
        int length = sizeof(drm_xe_query_oa_units);
        for (int i = 0; i < gts.Length; i++)
        {
            length += WriteUnit(device, gts[i], (uint)i, answer[length..]);
        }

        return length;
    }

    private static int WriteUnit(SoftwareDevice device, Gt gt, uint id, Span<byte> answer)
    {
        Span<drm_xe_engine_class_instance> names = MemoryMarshal.Cast<byte, drm_xe_engine_class_instance>(answer[sizeof(drm_xe_oa_unit)..]);
        int count = 0;
        foreach (Engine engine in device.Engines)
        {
            // Copy engines have no unit.
            if (engine.Gt == gt && engine.Class != EngineClass.Copy)
            {
                names[count++] = DeviceQueries.Name(engine);
            }
        }

        QueryAnswer.Head<drm_xe_oa_unit>(answer) = new drm_xe_oa_unit
        {
            oa_unit_id = id,
            oa_unit_type = gt.Type == GtType.Main ? DrmXe.DRM_XE_OA_UNIT_TYPE_OAG : DrmXe.DRM_XE_OA_UNIT_TYPE_OAM,
            capabilities = Capabilities,
            oa_timestamp_freq = device.ProfileOf(gt).ReferenceClock,
            gt_id = (ushort)gt.Id,
            num_engines = (ulong)count,
        };
        return sizeof(drm_xe_oa_unit) + (count * sizeof(drm_xe_engine_class_instance));
    }
}
