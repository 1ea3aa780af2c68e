using System.Runtime.InteropServices;
using XeSvm.Interop.Uapi;
using static XeSvm.Interop.Uapi.Drm;

namespace XeSvm.Fuzz;

/// <content>Calls about syncobjs.</content>
internal sealed unsafe partial class SequenceGenerator
{
    private FuzzCall Syncobj() => _values.Below(14) switch
    {
        0 or 1 or 2 => Ioctl(DRM_IOCTL_SYNCOBJ_CREATE, new drm_syncobj_create { flags = _values.OneIn(2) ? 0 : _values.Flags(1) }),
        3 => Ioctl(DRM_IOCTL_SYNCOBJ_DESTROY, new drm_syncobj_destroy { handle = _values.Id(), pad = _values.ReservedDword() }),
        4 => ExportSyncobj(),
        5 => Ioctl(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, new drm_syncobj_handle
        {
            handle = _values.Id(),
            flags = _values.OneIn(3) ? _values.Flags(3) : 0,
            fd = Descriptor(),
            point = _values.ReservedQword(),
        }),
        6 => Ioctl(DRM_IOCTL_SYNCOBJ_WAIT, new drm_syncobj_wait
        {
            handles = SyncobjHandles(),
            count_handles = Count(),
            flags = _values.Flags(0xb),
            pad = _values.ReservedDword(),
        }),
        7 => Ioctl(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, new drm_syncobj_timeline_wait
        {
            handles = SyncobjHandles(),
            points = Points(),
            count_handles = Count(),
            flags = _values.Flags(0xf),
            pad = _values.ReservedDword(),
        }),
        8 => Ioctl(DRM_IOCTL_SYNCOBJ_RESET, new drm_syncobj_array { handles = SyncobjHandles(), count_handles = Count(), pad = _values.ReservedDword() }),
        9 => Ioctl(DRM_IOCTL_SYNCOBJ_SIGNAL, new drm_syncobj_array { handles = SyncobjHandles(), count_handles = Count(), pad = _values.ReservedDword() }),
        10 => Ioctl(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, new drm_syncobj_timeline_array
        {
            handles = SyncobjHandles(),
            points = Points(),
            count_handles = Count(),
            flags = _values.ReservedDword(),
        }),
        11 => Ioctl(DRM_IOCTL_SYNCOBJ_QUERY, new drm_syncobj_timeline_array
        {
            handles = SyncobjHandles(),
            points = Points(),
            count_handles = Count(),
            flags = _values.Flags(1),
        }),
        12 => Ioctl(DRM_IOCTL_SYNCOBJ_TRANSFER, new drm_syncobj_transfer
        {
            src_handle = _values.Id(),
            dst_handle = _values.Id(),
            src_point = Point(),
            dst_point = Point(),
            pad = _values.ReservedDword(),
        }),
        _ => Ioctl(DRM_IOCTL_SYNCOBJ_EVENTFD, new drm_syncobj_eventfd
        {
            handle = _values.Id(),
            flags = _values.Flags(1),
            point = Point(),
            fd = _values.OneIn(2) ? FuzzDescriptors.Name(0) : Descriptor(),
            pad = _values.ReservedDword(),
        }),
    };

    /// <summary>The next step mostly imports what this one has exported: a syncobj, or as a sync_file its fence.</summary>
    private FuzzCall ExportSyncobj()
    {
        uint kind = _values.Below(2);
        FuzzCall export = Ioctl(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, new drm_syncobj_handle
        {
            handle = _values.Id(),
            flags = _values.OneIn(4) ? _values.Flags(3) : kind,
            fd = -1,
            pad = _values.ReservedDword(),
            point = _values.ReservedQword(),
        });
        _next = _values.OneIn(3) ? null : Ioctl(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, new drm_syncobj_handle
        {
            handle = _values.Id(),
            flags = kind,
            fd = FuzzDescriptors.Name(FuzzDescriptors.Latest),
        });
        return export;
    }

    private ulong Point() => _values.OneIn(20) ? _values.Edge() : _values.OneIn(2) ? 0 : _values.Below(6);

    private uint Count() => _values.OneIn(30) ? (uint)_values.Edge() : _values.Below(4);

    private ulong SyncobjHandles()
    {
        uint[] handles = [_values.Id(), _values.Id(), _values.Id(), _values.Id()];
        return _values.OneIn(20) ? _values.Pointer() : Put(MemoryMarshal.AsBytes(handles.AsSpan()).ToArray());
    }

    private ulong Points()
    {
        ulong[] points = [Point(), Point(), Point(), Point()];
        return _values.OneIn(10) ? _values.Pointer() : Put(MemoryMarshal.AsBytes(points.AsSpan()).ToArray());
    }
}
