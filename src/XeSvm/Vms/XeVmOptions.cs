namespace XeSvm;

/// <summary>What a VM shall be like: the argument of VM_CREATE in words. The default serves GPU page faults and is empty.</summary>
public sealed record XeVmOptions
{
    /// <summary>How work and moving memory are kept apart.</summary>
    public XeVmMode Mode { get; init; }

    /// <summary>Mirrors the process's whole address space; needs <see cref="XeVmMode.Fault"/>.</summary>
    public bool Mirror { get; init; }

    /// <summary>The GPU may only read what the mirror shows.</summary>
    public bool MirrorReadOnly { get; init; }

    /// <summary>Memory attributes that <c>Advise</c> set go back to their defaults where the CPU unmaps memory; Linux 6.18.</summary>
    public bool MirrorAdviceAutoReset { get; init; }

    /// <summary>
    /// Unbound addresses read as 0 and swallow writes, instead of faulting. With <see cref="XeVmMode.Fault"/> only on hardware that needs
    /// it (Xe2 and later).
    /// </summary>
    public bool ScratchPages { get; init; }

    /// <summary>An immediate bind gives ENOMEM instead of evicting other buffers of the VM; needs <see cref="XeVmMode.Fault"/>.</summary>
    public bool NoOvercommit { get; init; }
}
