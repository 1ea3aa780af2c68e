using System.Buffers.Binary;

using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Profiles;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>GT_TOPOLOGY (query_gt_topology): records of different lengths, GT by GT.</summary>
internal static unsafe class TopologyQuery
{
    private const int DssMaskBytes = 16;
    private const int L3MaskBytes = 8;
    private const int EuMaskBytes = 8;
    private const int FirstMediaVersionWithoutL3 = 30;

    /// <summary>Writes the answer; returns its length.</summary>
    public static int Write(SoftwareDevice device, Span<byte> answer)
    {
        int length = 0;
        foreach (Gt gt in device.Gts)
        {
            GtProfile profile = device.ProfileOf(gt);
            GtTopology topology = profile.Topology;
            length += Record(answer[length..], gt, DrmXe.DRM_XE_TOPO_DSS_GEOMETRY, DssMaskBytes, topology.GeometryDss);
            length += Record(answer[length..], gt, DrmXe.DRM_XE_TOPO_DSS_COMPUTE, DssMaskBytes, topology.ComputeDss);
            if (gt.Type == GtType.Main || profile.Version < FirstMediaVersionWithoutL3)
            {
                length += Record(answer[length..], gt, DrmXe.DRM_XE_TOPO_L3_BANK, L3MaskBytes, topology.L3Banks);
            }

            // The width of execution units is the platform's: also of a GT without any.
            bool simd16 = device.ProfileOf(device.Tiles[gt.TileId].PrimaryGt).Topology.IsSimd16;
            ushort type = simd16 ? DrmXe.DRM_XE_TOPO_SIMD16_EU_PER_DSS : DrmXe.DRM_XE_TOPO_EU_PER_DSS;
            length += Record(answer[length..], gt, type, EuMaskBytes, topology.EusPerDss);
        }

        return length;
    }

    private static int Record(Span<byte> answer, Gt gt, ushort type, int bytes, int bits)
    {
        ref drm_xe_query_topology_mask head = ref QueryAnswer.Head<drm_xe_query_topology_mask>(answer);
        head.gt_id = (ushort)gt.Id;
        head.type = type;
        head.num_bytes = (uint)bytes;
        Span<byte> mask = answer.Slice(sizeof(drm_xe_query_topology_mask), bytes);
        UInt128 value = bits == 128 ? UInt128.MaxValue : (UInt128.One << bits) - 1;
        Span<byte> wide = stackalloc byte[DssMaskBytes];
        BinaryPrimitives.WriteUInt128LittleEndian(wide, value);
        wide[..bytes].CopyTo(mask);
        return sizeof(drm_xe_query_topology_mask) + bytes;
    }
}
