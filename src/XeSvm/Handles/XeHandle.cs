using System.Runtime.InteropServices;

namespace XeSvm;

/// <summary>
/// A number by which the driver knows an object of the open file. A call that uses the number borrows it, so that it can neither be
/// destroyed nor given to another object in the middle; disposing destroys the object when the last borrower is done. An object that nobody
/// disposes is destroyed by the finalizer: the handle counts as a user of the file, so the file is still open then, in whatever order
/// finalizers run.
/// </summary>
internal abstract class XeHandle : SafeHandle
{
    // SafeHandle calls itself closed only when the last borrower is done; new uses end earlier.
    private bool _disposed;

    /// <summary>Takes an object over, and a reference of its own to the file.</summary>
    protected XeHandle(DeviceFile file, uint id)
        : base(0, ownsHandle: true)
    {
        File = file.Reference();
        SetHandle((nint)id);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>Whether no new use may begin. The driver's object may still be there, for uses that have begun.</summary>
    internal bool IsDisposed => Volatile.Read(ref _disposed);

    /// <summary>The open file.</summary>
    internal DeviceFile File { get; }

    /// <summary>The number; for messages, and for requests while it is borrowed.</summary>
    internal uint Id => (uint)handle;

    /// <summary>Keeps the object alive until the result is disposed.</summary>
    /// <param name="owner">The public object, for the message.</param>
    /// <exception cref="ObjectDisposedException">The object was disposed.</exception>
    internal HandleUse Borrow(object owner)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, owner);
        return new HandleUse(this);
    }

    /// <summary>Keeps the object alive until <see cref="SafeHandle.DangerousRelease"/>; false when it was disposed already.</summary>
    internal bool TryBorrow() => !IsDisposed && TryBorrowWhatIsLeft();

    /// <summary>
    /// Keeps the object alive until <see cref="SafeHandle.DangerousRelease"/>, also after disposal as long as the driver still has it; false when
    /// its destruction has begun.
    /// </summary>
    internal bool TryBorrowWhatIsLeft()
    {
        bool added = false;
        try
        {
            DangerousAddRef(ref added);
        }
        catch (ObjectDisposedException)
        {
            // The one way that SafeHandle has to say it.
        }

        return added;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        Volatile.Write(ref _disposed, true);
        base.Dispose(disposing);
    }

    /// <summary>Destroys the driver's object. What the driver answers is ignored: there is nothing left that could be tried.</summary>
    protected abstract void Destroy(uint id);

    /// <inheritdoc/>
    protected sealed override bool ReleaseHandle()
    {
        Destroy(Id);
        File.Release();
        return true;
    }
}
