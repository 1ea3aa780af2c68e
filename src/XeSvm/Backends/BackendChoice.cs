namespace XeSvm;

/// <summary>Which backend is wanted.</summary>
public enum BackendChoice
{
    /// <summary>A kernel device that can mirror the CPU's addresses, else the software backend.</summary>
    Auto,

    /// <summary>The kernel's <c>xe</c> driver.</summary>
    Kernel,

    /// <summary>The driver and GPU in this process.</summary>
    Software,
}
