namespace XeSvm.Management;

/// <summary>What a program knows about the next use of memory. A hint: results never depend on it.</summary>
public enum SvmHint
{
    /// <summary>Nothing is known.</summary>
    None,

    /// <summary>The GPU will use the memory soon.</summary>
    WillUseOnDevice,

    /// <summary>The CPU will use the memory soon.</summary>
    WillUseOnCpu,

    /// <summary>Nobody will use the memory soon: it is the first to leave VRAM when that is short.</summary>
    WillNotUse,
}
