using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Interop.Native;

/// <summary>One row of the library's table of struct sizes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct xesvm_struct_size
{
    /// <summary>Name of the struct in C, 0-terminated ASCII.</summary>
    internal xesvm_struct_name name;

    /// <summary>Size in bytes.</summary>
    internal uint size;

    /// <summary>0.</summary>
    internal uint reserved;
}

/// <summary>The characters of <see cref="xesvm_struct_size.name"/>.</summary>
[InlineArray(48)]
internal struct xesvm_struct_name
{
    private byte _element0;
}

/// <summary>A mapping of the client.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct xesvm_vma
{
    /// <summary>First address.</summary>
    internal ulong start;

    /// <summary>Address behind the mapping.</summary>
    internal ulong end;

    /// <summary>Bits of <c>XESVM_VMA_*</c>.</summary>
    internal uint flags;

    /// <summary>0.</summary>
    internal uint reserved;
}
