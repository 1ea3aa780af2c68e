namespace XeSvm.Measurement;

/// <summary>What makes memory move to the device.</summary>
public enum MigrationCause
{
    /// <summary>A GPU store into memory that the CPU has touched: what the published figures are about.</summary>
    Fault,

    /// <summary>A prefetch request (<c>DRM_XE_VM_BIND_OP_PREFETCH</c>). The GT statistics count its copies, but not its migrations.</summary>
    Prefetch,
}
