namespace XeSvm;

/// <summary>How a VM's work is kept apart from memory that moves (xe_vm_types.h).</summary>
public enum XeVmMode
{
    /// <summary>
    /// GPU accesses that fault are served, work may run for ever, and memory is bound when it is touched. The precondition of a mirror.
    /// </summary>
    Fault = 0,

    /// <summary>
    /// Work may run for ever, but everything that it touches must be bound: queues are suspended while memory moves (preempt fences).
    /// </summary>
    LongRunning,

    /// <summary>
    /// Batches must end in time; sync objects order them. Everything that they touch must be bound.
    /// </summary>
    DmaFence,
}
