using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

public static partial class DrmXe
{
    // enum drm_xe_oa_unit_type: values of drm_xe_oa_unit.oa_unit_type.

    /// <summary>Unit of a main GT: render and compute.</summary>
    public const uint DRM_XE_OA_UNIT_TYPE_OAG = 0;

    /// <summary>Unit of a media GT.</summary>
    public const uint DRM_XE_OA_UNIT_TYPE_OAM = 1;

    /// <summary>Unit of the media GT's system agent.</summary>
    public const uint DRM_XE_OA_UNIT_TYPE_OAM_SAG = 2;

    /// <summary>Unit of the memory request tracker.</summary>
    public const uint DRM_XE_OA_UNIT_TYPE_MERT = 3;

    // Values of drm_xe_oa_unit.capabilities.

    /// <summary>The unit can be used at all.</summary>
    public const ulong DRM_XE_OA_CAPS_BASE = 0x1;

    /// <summary>Opening and configuring take syncs.</summary>
    public const ulong DRM_XE_OA_CAPS_SYNCS = 0x2;

    /// <summary>The size of the buffer can be chosen.</summary>
    public const ulong DRM_XE_OA_CAPS_OA_BUFFER_SIZE = 0x4;

    /// <summary>The number of reports that wake a reader can be chosen.</summary>
    public const ulong DRM_XE_OA_CAPS_WAIT_NUM_REPORTS = 0x8;

    /// <summary>Media units are supported.</summary>
    public const ulong DRM_XE_OA_CAPS_OAM = 0x10;

    /// <summary>drm_xe_oa_unit.gt_id is filled.</summary>
    public const ulong DRM_XE_OA_CAPS_OA_UNIT_GT_ID = 0x20;

    // enum drm_xe_oa_format_type: the report layouts, in the bits of DRM_XE_OA_FORMAT_MASK_FMT_TYPE.

    /// <summary>Reports of an OAG unit.</summary>
    public const uint DRM_XE_OA_FMT_TYPE_OAG = 0;

    /// <summary>Reports of one render context.</summary>
    public const uint DRM_XE_OA_FMT_TYPE_OAR = 1;

    /// <summary>Reports of an OAM unit.</summary>
    public const uint DRM_XE_OA_FMT_TYPE_OAM = 2;

    /// <summary>Reports of one compute context.</summary>
    public const uint DRM_XE_OA_FMT_TYPE_OAC = 3;

    /// <summary>Reports of an OAM unit with performance event counters.</summary>
    public const uint DRM_XE_OA_FMT_TYPE_OAM_MPEC = 4;

    /// <summary>Reports with performance event counters.</summary>
    public const uint DRM_XE_OA_FMT_TYPE_PEC = 5;

    // Parts of the value of DRM_XE_OA_PROPERTY_OA_FORMAT.

    /// <summary>Bits of the report layout.</summary>
    public const uint DRM_XE_OA_FORMAT_MASK_FMT_TYPE = 0xff;

    /// <summary>Bits that select the counters.</summary>
    public const uint DRM_XE_OA_FORMAT_MASK_COUNTER_SEL = 0xff00;

    /// <summary>Bits of the counter size.</summary>
    public const uint DRM_XE_OA_FORMAT_MASK_COUNTER_SIZE = 0xff0000;

    /// <summary>Bits that select reports of B and C counters.</summary>
    public const uint DRM_XE_OA_FORMAT_MASK_BC_REPORT = 0xff000000;

    // Extension of a stream's properties, and enum drm_xe_oa_property_id: the properties.

    /// <summary>Extension name: sets one property of the stream, with a drm_xe_ext_set_property.</summary>
    public const uint DRM_XE_OA_EXTENSION_SET_PROPERTY = 0;

    /// <summary>Property: the unit to open, as drm_xe_oa_unit.oa_unit_id.</summary>
    public const uint DRM_XE_OA_PROPERTY_OA_UNIT_ID = 1;

    /// <summary>Property: whether the reports of the unit are put in the stream.</summary>
    public const uint DRM_XE_OA_PROPERTY_SAMPLE_OA = 2;

    /// <summary>Property: id of an added configuration.</summary>
    public const uint DRM_XE_OA_PROPERTY_OA_METRIC_SET = 3;

    /// <summary>Property: layout of the reports.</summary>
    public const uint DRM_XE_OA_PROPERTY_OA_FORMAT = 4;

    /// <summary>Property: reports come every 2 to the power of (this + 1) ticks of the OA time stamp.</summary>
    public const uint DRM_XE_OA_PROPERTY_OA_PERIOD_EXPONENT = 5;

    /// <summary>Property: the stream is opened without starting capture.</summary>
    public const uint DRM_XE_OA_PROPERTY_OA_DISABLED = 6;

    /// <summary>Property: the queue to observe, for reports of one context.</summary>
    public const uint DRM_XE_OA_PROPERTY_EXEC_QUEUE_ID = 7;

    /// <summary>Property: the engine instance to observe.</summary>
    public const uint DRM_XE_OA_PROPERTY_OA_ENGINE_INSTANCE = 8;

    /// <summary>Property: the observed queue is not preempted.</summary>
    public const uint DRM_XE_OA_PROPERTY_NO_PREEMPT = 9;

    /// <summary>Property: number of sync records.</summary>
    public const uint DRM_XE_OA_PROPERTY_NUM_SYNCS = 10;

    /// <summary>Property: user address of the drm_xe_sync records.</summary>
    public const uint DRM_XE_OA_PROPERTY_SYNCS = 11;

    /// <summary>Property: size of the report buffer in bytes.</summary>
    public const uint DRM_XE_OA_PROPERTY_OA_BUFFER_SIZE = 12;

    /// <summary>Property: number of reports that must be there before a reader wakes.</summary>
    public const uint DRM_XE_OA_PROPERTY_WAIT_NUM_REPORTS = 13;

    // Values of drm_xe_oa_stream_status.oa_status.

    /// <summary>The queue of triggers by register write was full.</summary>
    public const ulong DRM_XE_OASTATUS_MMIO_TRG_Q_FULL = 0x8;

    /// <summary>A counter overflowed.</summary>
    public const ulong DRM_XE_OASTATUS_COUNTER_OVERFLOW = 0x4;

    /// <summary>The report buffer overflowed.</summary>
    public const ulong DRM_XE_OASTATUS_BUFFER_OVERFLOW = 0x2;

    /// <summary>Reports were lost.</summary>
    public const ulong DRM_XE_OASTATUS_REPORT_LOST = 0x1;
}

/// <summary>
/// One OA unit. num_engines records of drm_xe_engine_class_instance (the kernel's flexible array <c>eci</c>) follow directly, then the
/// next unit.
/// </summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_DEVICE_QUERY</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_oa_unit
{
    /// <summary>Reads as 0.</summary>
    public ulong extensions;

    /// <summary>Id of the unit, as <c>DRM_XE_OA_PROPERTY_OA_UNIT_ID</c> takes it.</summary>
    public uint oa_unit_id;

    /// <summary>One of <c>DRM_XE_OA_UNIT_TYPE_*</c>.</summary>
    public uint oa_unit_type;

    /// <summary>Bits of <c>DRM_XE_OA_CAPS_*</c>.</summary>
    public ulong capabilities;

    /// <summary>Frequency of the time stamps in the reports, in hertz.</summary>
    public ulong oa_timestamp_freq;

    /// <summary>Number of the GT that holds the unit.</summary>
    public ushort gt_id;

    /// <summary>Reads as 0.</summary>
    public InlineArray3<ushort> reserved1;

    /// <summary>Reads as 0.</summary>
    public InlineArray3<ulong> reserved;

    /// <summary>Number of engines that the unit observes, and of records that follow.</summary>
    public ulong num_engines;
}

/// <summary>
/// Answer of <c>DRM_XE_DEVICE_QUERY_OA_UNITS</c>. num_oa_units records of drm_xe_oa_unit (the kernel's flexible array <c>oa_units</c>),
/// each of its own length, follow directly.
/// </summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_DEVICE_QUERY</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_query_oa_units
{
    /// <summary>Reads as 0.</summary>
    public ulong extensions;

    /// <summary>Number of units that follow.</summary>
    public uint num_oa_units;

    /// <summary>Reads as 0.</summary>
    public uint pad;
}

/// <summary>A set of OA registers, as <c>DRM_XE_OBSERVATION_OP_ADD_CONFIG</c> takes it.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_OBSERVATION</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_oa_config
{
    /// <summary>Must be 0.</summary>
    public ulong extensions;

    /// <summary>Name of the configuration: 36 characters of a UUID, without a terminating 0.</summary>
    public drm_xe_oa_config_uuid uuid;

    /// <summary>Number of registers.</summary>
    public uint n_regs;

    /// <summary>User address of n_regs pairs of 32-bit words: register address and value.</summary>
    public ulong regs_ptr;
}

/// <summary>The 36 characters of drm_xe_oa_config.uuid.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_OBSERVATION</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[InlineArray(36)]
public struct drm_xe_oa_config_uuid
{
    private byte _element0;
}

/// <summary>State of an OA stream, read by <c>DRM_XE_OBSERVATION_IOCTL_STATUS</c> on the stream's file descriptor.</summary>
/// <remarks>
/// Request: <c>DRM_XE_OBSERVATION_IOCTL_STATUS</c>. Nodes: none, a stream's descriptor. Permission: that of opening the stream. Blocks:
/// no. Faults: EFAULT when the block cannot be written.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_oa_stream_status
{
    /// <summary>Must be 0.</summary>
    public ulong extensions;

    /// <summary>Out: Bits of <c>DRM_XE_OASTATUS_*</c>.</summary>
    public ulong oa_status;

    /// <summary>Reads as 0.</summary>
    public InlineArray3<ulong> reserved;
}

/// <summary>Facts about an OA stream, read by <c>DRM_XE_OBSERVATION_IOCTL_INFO</c> on the stream's file descriptor.</summary>
/// <remarks>
/// Request: <c>DRM_XE_OBSERVATION_IOCTL_INFO</c>. Nodes: none, a stream's descriptor. Permission: that of opening the stream. Blocks:
/// no. Faults: EFAULT when the block cannot be written.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_oa_stream_info
{
    /// <summary>Must be 0.</summary>
    public ulong extensions;

    /// <summary>Out: size of the report buffer in bytes, as mmap(2) of the stream takes it.</summary>
    public ulong oa_buf_size;

    /// <summary>Reads as 0.</summary>
    public InlineArray3<ulong> reserved;
}
