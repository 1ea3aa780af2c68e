using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <content>File descriptors: the sync object itself, and sync_files with one fence of it.</content>
public sealed unsafe partial class SyncObject
{
    /// <summary>
    /// Gives the sync object a file descriptor, through which another open device or process gets the same one (SYNCOBJ_HANDLE_TO_FD).
    /// </summary>
    /// <returns>The descriptor; the caller's to dispose. It is closed by exec.</returns>
    /// <exception cref="XeException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    public SafeFileHandle Export()
    {
        Check(TryExport(out SafeFileHandle? descriptor), XeOperation.SyncExport, 0);
        return descriptor!;
    }

    /// <summary>Gives the sync object a file descriptor, or says why not.</summary>
    /// <param name="descriptor">The descriptor when the result is success; the caller's to dispose.</param>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    public XeResult TryExport(out SafeFileHandle? descriptor) => Export(flags: 0, point: 0, out descriptor);

    /// <summary>Gives the fence that is in the sync object now as a sync_file, for programs that know no syncobjs.</summary>
    /// <param name="point">The point of the timeline; 0 for a binary sync object.</param>
    /// <returns>The descriptor; the caller's to dispose. It becomes readable (poll) when the fence signals.</returns>
    /// <exception cref="XeException">EINVAL: there is no fence yet. Or the driver refused for another reason.</exception>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    public SafeFileHandle ExportSyncFile(ulong point = 0)
    {
        Check(TryExportSyncFile(point, out SafeFileHandle? descriptor), XeOperation.SyncExport, point);
        return descriptor!;
    }

    /// <summary>Gives the fence that is in the sync object now as a sync_file, or says why not.</summary>
    /// <param name="point">The point of the timeline; 0 for a binary sync object.</param>
    /// <param name="descriptor">The descriptor when the result is success; the caller's to dispose.</param>
    /// <returns>EINVAL when there is no fence yet.</returns>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    public XeResult TryExportSyncFile(ulong point, out SafeFileHandle? descriptor)
    {
        uint flags = Drm.DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE | (point == 0 ? 0 : Drm.DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_TIMELINE);
        return Export(flags, point, out descriptor);
    }

    /// <summary>Puts the fence of a sync_file into this sync object.</summary>
    /// <param name="syncFile">The sync_file; stays the caller's.</param>
    /// <param name="point">The point of the timeline that it becomes; 0 for a binary sync object.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The sync object or the descriptor was disposed.</exception>
    public void ImportSyncFile(SafeHandle syncFile, ulong point = 0) =>
        Check(TryImportSyncFile(syncFile, point), XeOperation.SyncImport, point);

    /// <summary>Puts the fence of a sync_file into this sync object, or says why not.</summary>
    /// <param name="syncFile">The sync_file; stays the caller's.</param>
    /// <param name="point">The point of the timeline that it becomes; 0 for a binary sync object.</param>
    /// <exception cref="ObjectDisposedException">The sync object or the descriptor was disposed.</exception>
    public XeResult TryImportSyncFile(SafeHandle syncFile, ulong point = 0)
    {
        ArgumentNullException.ThrowIfNull(syncFile);
        using HandleUse use = _handle.Borrow(this);
        using DescriptorUse descriptor = new(syncFile);
        drm_syncobj_handle request = new()
        {
            handle = use.Id,
            flags = Drm.DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE | (point == 0 ? 0 : Drm.DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_TIMELINE),
            fd = descriptor.Number,
            point = point,
        };
        return use.File.Ioctl(Drm.DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, ref request);
    }

    /// <summary>Makes a sync object of this file out of an exported descriptor.</summary>
    internal static XeResult TryImport(DeviceFile file, SafeHandle exported, out SyncObject? syncObject)
    {
        using DescriptorUse descriptor = new(exported);
        drm_syncobj_handle request = new() { fd = descriptor.Number };
        XeResult result = file.Ioctl(Drm.DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, ref request);
        syncObject = result.IsSuccess ? new SyncObject(new SyncObjectHandle(file, request.handle)) : null;
        return result;
    }

    private XeResult Export(uint flags, ulong point, out SafeFileHandle? descriptor)
    {
        using HandleUse use = _handle.Borrow(this);
        drm_syncobj_handle request = new() { handle = use.Id, flags = flags, fd = -1, point = point };
        XeResult result = use.File.Ioctl(Drm.DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, ref request);
        descriptor = result.IsSuccess ? new SafeFileHandle(request.fd, ownsHandle: true) : null;
        return result;
    }
}
