namespace XeSvm.Simulation.Memory;

/// <summary>How a CPU touch of a page that is in VRAM behaves.</summary>
public enum CpuFaultMode
{
    /// <summary>No userfaultfd: the GPU uses the CPU's pages and residency is bookkeeping only.</summary>
    Coherent = 0,

    /// <summary>The touch brings the page home; faults taken inside system calls do too.</summary>
    Full = 1,

    /// <summary>The touch brings the page home; a system call that meets a device page gets EFAULT.</summary>
    UserModeOnly = 2,
}
