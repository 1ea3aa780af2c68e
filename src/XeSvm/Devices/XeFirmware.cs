using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>Version of a firmware, from DEVICE_QUERY UC_FW_VERSION.</summary>
/// <param name="Firmware">Which one.</param>
/// <param name="Branch">Branch; 0 today.</param>
/// <param name="Version">The version.</param>
public sealed record XeFirmwareVersion(XeFirmware Firmware, uint Branch, Version Version);

/// <summary>Firmwares of the device; the values are the kernel's.</summary>
public enum XeFirmware
{
    /// <summary>The GuC: the version of its interface for submissions.</summary>
    GucSubmission = DrmXe.XE_QUERY_UC_TYPE_GUC_SUBMISSION,

    /// <summary>The HuC, which serves video engines.</summary>
    Huc = DrmXe.XE_QUERY_UC_TYPE_HUC,
}

/// <summary>State of the support for protected content, from DEVICE_QUERY PXP_STATUS.</summary>
/// <param name="IsReady">Whether it can be used; otherwise it is being set up.</param>
/// <param name="SupportedSessionTypes">Mask of <c>1 &lt;&lt; DRM_XE_PXP_TYPE_*</c>.</param>
public sealed record XePxpStatus(bool IsReady, uint SupportedSessionTypes);

/// <summary>How stalls of execution units can be sampled, from DEVICE_QUERY EU_STALL.</summary>
/// <param name="Capabilities">Bits of <c>DRM_XE_EU_STALL_CAPS_*</c>.</param>
/// <param name="RecordSize">Size of a sample in bytes.</param>
/// <param name="BufferSizePerCore">Size of the buffer of each Xe core in bytes.</param>
/// <param name="SamplingRates">The rates that can be chosen, in GPU cycles.</param>
public sealed record XeEuStallSampling(
    ulong Capabilities, ulong RecordSize, ulong BufferSizePerCore, IReadOnlyList<ulong> SamplingRates);

/// <summary>One entry of the hardware configuration table of the GuC, from DEVICE_QUERY HWCONFIG. Keys are Intel's, and not documented here.</summary>
/// <param name="Key">The key.</param>
/// <param name="Values">Its values.</param>
public sealed record XeHardwareConfigurationEntry(uint Key, IReadOnlyList<uint> Values);

/// <summary>An engine's time stamp counter, read together with a clock of the CPU, from DEVICE_QUERY ENGINE_CYCLES.</summary>
/// <param name="Engine">The engine.</param>
/// <param name="Cycles">The counter, in ticks of <see cref="XeGt.ReferenceClock"/>.</param>
/// <param name="Width">Valid bits of the counter, 36 or 64; it wraps there.</param>
/// <param name="CpuNanoseconds">The clock just before the counter was read.</param>
/// <param name="ReadNanoseconds">How long reading the counter took.</param>
public sealed record XeEngineTimestamp(XeEngine Engine, ulong Cycles, int Width, ulong CpuNanoseconds, ulong ReadNanoseconds);

/// <summary>Clocks of clock_gettime(2) that an engine's time stamp can be compared with; the values are the kernel's.</summary>
public enum CpuClock
{
    /// <summary>CLOCK_REALTIME.</summary>
    Realtime = 0,

    /// <summary>CLOCK_MONOTONIC.</summary>
    Monotonic = 1,

    /// <summary>CLOCK_MONOTONIC_RAW.</summary>
    MonotonicRaw = 4,

    /// <summary>CLOCK_BOOTTIME.</summary>
    Boottime = 7,

    /// <summary>CLOCK_TAI.</summary>
    Tai = 11,
}
