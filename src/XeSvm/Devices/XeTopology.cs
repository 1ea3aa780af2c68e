using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>One fuse mask of a GT, from DEVICE_QUERY GT_TOPOLOGY: which of its units exist.</summary>
/// <param name="GtId">The GT.</param>
/// <param name="Kind">What the bits stand for.</param>
/// <param name="Mask">The mask, least significant bits first.</param>
public sealed record XeTopologyMask(int GtId, XeTopologyKind Kind, ReadOnlyMemory<byte> Mask)
{
    /// <summary>Number of units.</summary>
    public int Count
    {
        get
        {
            int count = 0;
            foreach (byte bits in Mask.Span)
            {
                count += byte.PopCount(bits);
            }

            return count;
        }
    }

    /// <summary>Whether a unit exists; false beyond the mask.</summary>
    /// <param name="unit">Its number, from 0.</param>
    public bool Has(int unit)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(unit);
        return unit / 8 < Mask.Length && (Mask.Span[unit / 8] & (1 << (unit % 8))) != 0;
    }
}

/// <summary>What a fuse mask is about; the values are the kernel's.</summary>
public enum XeTopologyKind
{
    /// <summary>Dual subslices (Xe cores) for geometry.</summary>
    GeometrySubslices = DrmXe.DRM_XE_TOPO_DSS_GEOMETRY,

    /// <summary>Dual subslices (Xe cores) for compute.</summary>
    ComputeSubslices = DrmXe.DRM_XE_TOPO_DSS_COMPUTE,

    /// <summary>Banks of the L3 cache.</summary>
    CacheBanks = DrmXe.DRM_XE_TOPO_L3_BANK,

    /// <summary>Execution units of each subslice.</summary>
    ExecutionUnits = DrmXe.DRM_XE_TOPO_EU_PER_DSS,

    /// <summary>Execution units of 16 lanes of each subslice.</summary>
    WideExecutionUnits = DrmXe.DRM_XE_TOPO_SIMD16_EU_PER_DSS,
}
