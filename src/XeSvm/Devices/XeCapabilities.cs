namespace XeSvm;

/// <summary>What a device can do, as its configuration flags say.</summary>
/// <param name="HasVram">It has memory of its own.</param>
/// <param name="SupportsLowLatencyHint">Queues take the low-latency hint.</param>
/// <param name="SupportsCpuAddressMirror">A VM can mirror the process's address space: the precondition of everything SVM.</param>
/// <param name="SupportsNoCompressionHint">Buffer objects take the no-compression hint.</param>
/// <param name="SupportsPurging">Buffer objects can be marked as discardable.</param>
public sealed record XeCapabilities(
    bool HasVram,
    bool SupportsLowLatencyHint,
    bool SupportsCpuAddressMirror,
    bool SupportsNoCompressionHint,
    bool SupportsPurging);
