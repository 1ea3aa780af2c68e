using System.Runtime.InteropServices;

namespace XeSvm;

/// <summary>One use of a file descriptor that somebody else owns: its number cannot be given to another file meanwhile.</summary>
internal readonly ref struct DescriptorUse
{
    private readonly SafeHandle _descriptor;

    /// <summary>Begins a use.</summary>
    /// <exception cref="ObjectDisposedException">The descriptor was closed.</exception>
    internal DescriptorUse(SafeHandle descriptor)
    {
        ObjectDisposedException.ThrowIf(descriptor.IsClosed, descriptor);
        bool added = false;
        descriptor.DangerousAddRef(ref added);
        _descriptor = descriptor;
    }

    /// <summary>The number.</summary>
    internal int Number => (int)_descriptor.DangerousGetHandle();

    /// <summary>Ends the use.</summary>
    public void Dispose() => _descriptor.DangerousRelease();
}
