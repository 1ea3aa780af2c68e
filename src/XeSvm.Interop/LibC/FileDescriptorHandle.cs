using System.Runtime.InteropServices;
using static Tmds.Linux.LibC;

namespace XeSvm.Interop.LibC;

/// <summary>Owns a file descriptor. Disposing while another thread uses the descriptor closes it when that use ends.</summary>
internal sealed class FileDescriptorHandle : SafeHandle
{
    private const nint NoDescriptor = -1;

    /// <summary>Takes a descriptor over.</summary>
    internal FileDescriptorHandle(int descriptor)
        : base(NoDescriptor, ownsHandle: true)
    {
        SetHandle(descriptor);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle < 0;

    /// <summary>
    /// Keeps the descriptor open until <see cref="Release"/>: its number cannot be given to another file meanwhile.
    /// </summary>
    /// <returns>0, or -EBADF when the handle is closed.</returns>
    internal int Acquire(out int descriptor)
    {
        bool acquired = false;
        try
        {
            DangerousAddRef(ref acquired);
        }
        catch (ObjectDisposedException)
        {
            descriptor = -1;
            return -Errno.EBADF;
        }

        descriptor = (int)handle;
        return 0;
    }

    /// <summary>Ends a use that <see cref="Acquire"/> began.</summary>
    internal void Release() => DangerousRelease();

    // The result of close(2) is ignored on purpose: Linux has freed the descriptor whatever it says, and a second try could close
    // a descriptor that another thread got meanwhile.
    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        _ = close((int)handle);
        return true;
    }
}
