namespace XeSvm.Interop.LibC;

/// <summary>Access to mapped memory; the values are those of <c>PROT_*</c>.</summary>
[Flags]
internal enum MemoryProtection
{
    /// <summary>No access: the addresses are only reserved.</summary>
    None = 0,

    /// <summary>The memory can be read.</summary>
    Read = 1,

    /// <summary>The memory can be written.</summary>
    Write = 2,

    /// <summary>The memory can be read and written.</summary>
    ReadWrite = Read | Write,
}
