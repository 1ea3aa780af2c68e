namespace XeSvm;

/// <summary>What a device can do, as its configuration flags say.</summary>
/// <param name="HasVram">It has memory of its own.</param>
/// <param name="SupportsLowLatencyHint">Queues take the low-latency hint.</param>
/// <param name="SupportsCpuAddressMirror">A VM can mirror the process's address space: the precondition of everything SVM.</param>
/// <param name="SupportsNoCompressionHint">Buffer objects take the no-compression hint.</param>
/// <param name="SupportsPurging">Buffer objects can be marked as discardable.</param>
/// <param name="SupportsStateCacheOption">Render queues can turn a workaround of the state cache off.</param>
public sealed record XeCapabilities(
    bool HasVram,
    bool SupportsLowLatencyHint,
    bool SupportsCpuAddressMirror,
    bool SupportsNoCompressionHint,
    bool SupportsPurging,
    bool SupportsStateCacheOption)
{
    /// <summary>GPU accesses that fault are served. Hardware that cannot do it has no mirror either (xe_vm.c asks for the same).</summary>
    public bool SupportsFaultMode => SupportsCpuAddressMirror;

    /// <summary>Memory of the process that no driver allocated can be used by the GPU (SYCL's usm_system_allocations).</summary>
    public bool SupportsSystemAllocations => SupportsCpuAddressMirror;
}
