namespace XeSvm.Interop;

/// <summary>Access that a mapping of a DRM file gives; the values are those of <c>PROT_*</c>.</summary>
[Flags]
public enum DrmMapProtection
{
    /// <summary>No access.</summary>
    None = 0,

    /// <summary>PROT_READ.</summary>
    Read = 1,

    /// <summary>PROT_WRITE.</summary>
    Write = 2,
}
