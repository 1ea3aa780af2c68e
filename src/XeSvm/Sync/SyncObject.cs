using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>
/// A DRM syncobj (drm_syncobj.c): a place for one fence, or, once it has been used with points above 0, a timeline whose points signal in
/// order. Batches and binds wait for it and signal it; programs, and other processes through file descriptors, too.
/// </summary>
/// <remarks>
/// Batches of long-running VMs cannot signal sync objects (EOPNOTSUPP): their end is told by <see cref="XeQueue.Fence"/>. All members may be
/// used by several threads at once.
/// </remarks>
public sealed unsafe partial class SyncObject : IDisposable
{
    private readonly SyncObjectHandle _handle;

    private SyncObject(SyncObjectHandle handle) => _handle = handle;

    /// <summary>The kernel's handle; not 0.</summary>
    public uint Handle => _handle.Id;

    /// <summary>Takes the fence out, so that the sync object is as new (SYNCOBJ_RESET).</summary>
    /// <exception cref="XeException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    public void Reset() => Check(TryReset(), XeOperation.SyncReset, 0);

    /// <summary>Takes the fence out, or says why not.</summary>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    public XeResult TryReset() => ForArray(Drm.DRM_IOCTL_SYNCOBJ_RESET);

    /// <summary>Puts a signalled fence in: waits end (SYNCOBJ_SIGNAL).</summary>
    /// <exception cref="XeException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    public void Signal() => Check(TrySignal(), XeOperation.SyncSignal, 0);

    /// <summary>Puts a signalled fence in, or says why not.</summary>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    public XeResult TrySignal() => ForArray(Drm.DRM_IOCTL_SYNCOBJ_SIGNAL);

    /// <summary>Signals a point of the timeline and all before it (SYNCOBJ_TIMELINE_SIGNAL).</summary>
    /// <param name="point">The point, above 0 and above all points so far.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    public void Signal(ulong point) => Check(TrySignal(point), XeOperation.SyncSignal, point);

    /// <summary>Signals a point of the timeline, or says why not.</summary>
    /// <param name="point">The point, above 0 and above all points so far.</param>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    public XeResult TrySignal(ulong point) => ForTimeline(Drm.DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, flags: 0, ref point);

    /// <summary>The last point of the timeline that has signalled; 0 for a binary sync object (SYNCOBJ_QUERY).</summary>
    /// <param name="submitted">Asks for the last point that was submitted instead.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    public ulong QueryPoint(bool submitted = false)
    {
        Check(TryQueryPoint(submitted, out ulong point), XeOperation.SyncQuery, 0);
        return point;
    }

    /// <summary>The last point of the timeline that has signalled or was submitted, or why it cannot be told.</summary>
    /// <param name="submitted">Asks for the last point that was submitted, not the last that has signalled.</param>
    /// <param name="point">The point when the result is success; 0 for a binary sync object.</param>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    public XeResult TryQueryPoint(bool submitted, out ulong point)
    {
        point = 0;
        return ForTimeline(Drm.DRM_IOCTL_SYNCOBJ_QUERY, submitted ? Drm.DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED : 0, ref point);
    }

    /// <summary>Copies a fence into another sync object of the same device file (SYNCOBJ_TRANSFER).</summary>
    /// <param name="sourcePoint">The point to copy; 0 for the fence of a binary sync object.</param>
    /// <param name="destination">Where to.</param>
    /// <param name="destinationPoint">The point that it becomes; 0 for a binary sync object.</param>
    /// <param name="waitForSubmit">Waits up to 5 seconds, the kernel's limit, for the fence to be submitted; ETIME after that.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">One of the sync objects was disposed.</exception>
    public void TransferTo(ulong sourcePoint, SyncObject destination, ulong destinationPoint, bool waitForSubmit = false) =>
        Check(TryTransferTo(sourcePoint, destination, destinationPoint, waitForSubmit), XeOperation.SyncTransfer, sourcePoint);

    /// <summary>Copies a fence into another sync object of the same device file, or says why not.</summary>
    /// <param name="sourcePoint">The point to copy; 0 for the fence of a binary sync object.</param>
    /// <param name="destination">Where to.</param>
    /// <param name="destinationPoint">The point that it becomes; 0 for a binary sync object.</param>
    /// <param name="waitForSubmit">Waits up to 5 seconds, the kernel's limit, for the fence to be submitted; ETIME after that.</param>
    /// <exception cref="ObjectDisposedException">One of the sync objects was disposed.</exception>
    public XeResult TryTransferTo(ulong sourcePoint, SyncObject destination, ulong destinationPoint, bool waitForSubmit = false)
    {
        ArgumentNullException.ThrowIfNull(destination);
        RequireSameFile(destination);
        using HandleUse from = _handle.Borrow(this);
        using HandleUse to = destination._handle.Borrow(destination);
        drm_syncobj_transfer request = new()
        {
            src_handle = from.Id,
            dst_handle = to.Id,
            src_point = sourcePoint,
            dst_point = destinationPoint,
            flags = waitForSubmit ? Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT : 0,
        };
        return from.File.Ioctl(Drm.DRM_IOCTL_SYNCOBJ_TRANSFER, ref request);
    }

    /// <summary>Has an eventfd counted up when a fence signals or is submitted (SYNCOBJ_EVENTFD).</summary>
    /// <param name="eventFd">The eventfd; stays the caller's, and may be closed before that happens.</param>
    /// <param name="point">The point of the timeline; 0 for a binary sync object.</param>
    /// <param name="whenAvailable">Counts up when the fence is submitted, not when it has signalled.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The sync object or the eventfd was disposed.</exception>
    public void NotifyEvent(SafeHandle eventFd, ulong point = 0, bool whenAvailable = false) =>
        Check(TryNotifyEvent(eventFd, point, whenAvailable), XeOperation.SyncEventFd, point);

    /// <summary>Has an eventfd counted up when a fence signals or is submitted, or says why not.</summary>
    /// <param name="eventFd">The eventfd; stays the caller's, and may be closed before that happens.</param>
    /// <param name="point">The point of the timeline; 0 for a binary sync object.</param>
    /// <param name="whenAvailable">Counts up when the fence is submitted, not when it has signalled.</param>
    /// <exception cref="ObjectDisposedException">The sync object or the eventfd was disposed.</exception>
    public XeResult TryNotifyEvent(SafeHandle eventFd, ulong point = 0, bool whenAvailable = false)
    {
        ArgumentNullException.ThrowIfNull(eventFd);
        using HandleUse use = _handle.Borrow(this);
        using DescriptorUse descriptor = new(eventFd);
        drm_syncobj_eventfd request = new()
        {
            handle = use.Id,
            flags = whenAvailable ? Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE : 0,
            point = point,
            fd = descriptor.Number,
        };
        return use.File.Ioctl(Drm.DRM_IOCTL_SYNCOBJ_EVENTFD, ref request);
    }

    /// <summary>Gives the handle back. Fences that were submitted with it stay; descriptors that were exported stay valid.</summary>
    public void Dispose() => _handle.Dispose();

    /// <summary>Makes a sync object.</summary>
    internal static XeResult TryCreate(DeviceFile file, bool signaled, out SyncObject? syncObject)
    {
        drm_syncobj_create request = new() { flags = signaled ? Drm.DRM_SYNCOBJ_CREATE_SIGNALED : 0 };
        XeResult result = file.Ioctl(Drm.DRM_IOCTL_SYNCOBJ_CREATE, ref request);
        syncObject = result.IsSuccess ? new SyncObject(new SyncObjectHandle(file, request.handle)) : null;
        return result;
    }

    /// <summary>Keeps the handle for a request of the same file.</summary>
    internal HandleUse Borrow(DeviceFile file)
    {
        RequireFile(file);
        return _handle.Borrow(this);
    }

    /// <summary>Begins a use that <see cref="Release"/> ends, for lists of sync objects.</summary>
    internal void Acquire(DeviceFile file)
    {
        RequireFile(file);
        ObjectDisposedException.ThrowIf(!_handle.TryBorrow(), this);
    }

    /// <summary>Ends a use that <see cref="Acquire"/> began.</summary>
    internal void Release() => _handle.DangerousRelease();

    private void RequireSameFile(SyncObject other) => other.RequireFile(_handle.File);

    private void RequireFile(DeviceFile file)
    {
        if (!ReferenceEquals(file, _handle.File))
        {
            throw new ArgumentException(
                $"Sync object {Handle} belongs to another open device: export it and import it on this one.");
        }
    }

    private XeResult ForArray(uint operation)
    {
        using HandleUse use = _handle.Borrow(this);
        uint handle = use.Id;
        drm_syncobj_array request = new() { handles = (ulong)&handle, count_handles = 1 };
        return use.File.Ioctl(operation, ref request);
    }

    private XeResult ForTimeline(uint operation, uint flags, ref ulong point)
    {
        using HandleUse use = _handle.Borrow(this);
        uint handle = use.Id;
        ulong value = point;
        drm_syncobj_timeline_array request = new() { handles = (ulong)&handle, points = (ulong)&value, count_handles = 1, flags = flags };
        XeResult result = use.File.Ioctl(operation, ref request);
        point = value;
        return result;
    }

    private void Check(XeResult result, string operation, ulong point)
    {
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, operation, new SyncPoint(this, point).ToString());
        }
    }
}
