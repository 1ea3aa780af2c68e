using XeSvm.Interop.Uapi;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Fuzz;

/// <content>Calls about buffer objects.</content>
internal sealed unsafe partial class SequenceGenerator
{
    private FuzzCall CreateBo()
    {
        uint placement = 1 + _values.Below(3);
        return Ioctl(DRM_IOCTL_XE_GEM_CREATE, new drm_xe_gem_create
        {
            size = _values.Length(40),
            placement = _values.OneIn(30) ? (uint)_values.Edge() : placement,
            cpu_caching = (ushort)(_values.OneIn(20) ? _values.Below(5) : placement == 1 ? 1u : 2u),
            flags = _values.OneIn(20) ? _values.Flags(31) : 0,
            vm_id = _values.OneIn(10) ? _values.Id() : 0,
            handle = _values.ReservedDword(),
            extensions = _values.OneIn(10) ? Extensions() : 0,
        });
    }

    private FuzzCall CloseBo() => Ioctl(Drm.DRM_IOCTL_GEM_CLOSE, new drm_gem_close { handle = _values.Id(), pad = _values.ReservedDword() });

    private FuzzCall MapOffset() => Ioctl(DRM_IOCTL_XE_GEM_MMAP_OFFSET, new drm_xe_gem_mmap_offset
    {
        handle = _values.OneIn(10) ? 0 : _values.Id(),
        flags = _values.OneIn(10) ? DRM_XE_MMAP_OFFSET_FLAG_PCI_BARRIER : _values.ReservedDword(),
        extensions = _values.ReservedQword(),
    });

    private FuzzCall MapObject() => FuzzCall.Plain(FuzzCallKind.MapObject, File(), _values.Id(), _values.Length(8));

    /// <summary>The next step mostly imports what this one has exported.</summary>
    private FuzzCall Export()
    {
        FuzzCall export = Ioctl(Drm.DRM_IOCTL_PRIME_HANDLE_TO_FD, new drm_prime_handle
        {
            handle = _values.Id(),
            flags = _values.OneIn(20) ? (uint)_values.Edge() : _values.OneIn(3) ? Drm.DRM_RDWR : Drm.DRM_RDWR | Drm.DRM_CLOEXEC,
            fd = -1,
        });
        _next = _values.OneIn(3) ? null : Ioctl(Drm.DRM_IOCTL_PRIME_FD_TO_HANDLE, new drm_prime_handle { fd = FuzzDescriptors.Name(FuzzDescriptors.Latest) });
        return export;
    }

    private FuzzCall Import() => Ioctl(Drm.DRM_IOCTL_PRIME_FD_TO_HANDLE, new drm_prime_handle
    {
        handle = _values.ReservedDword(),
        flags = _values.ReservedDword(),
        fd = Descriptor(),
    });

    /// <summary>One that an earlier step may have made, or any number.</summary>
    private int Descriptor() => _values.OneIn(5) ? (int)_values.Below(40) - 2 : FuzzDescriptors.Name(_values.Below(FuzzDescriptors.Most));
}
