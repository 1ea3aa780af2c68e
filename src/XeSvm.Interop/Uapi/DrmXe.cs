namespace XeSvm.Interop.Uapi;

/// <summary>
/// Constants of the xe uAPI (<c>drm/xe_drm.h</c>), with the kernel's names. Each constant has the type of the field that takes it, so
/// that it can be assigned and compared without a cast.
/// </summary>
public static partial class DrmXe
{
    // Indexes in the driver's ioctl table (xe_device.c). The ioctl's number byte is DRM_COMMAND_BASE plus the index.

    /// <summary>Table index of the query for facts about the device.</summary>
    public const uint DRM_XE_DEVICE_QUERY = 0;

    /// <summary>Table index of the buffer-object allocation.</summary>
    public const uint DRM_XE_GEM_CREATE = 1;

    /// <summary>Table index of the request for a buffer object's mmap offset.</summary>
    public const uint DRM_XE_GEM_MMAP_OFFSET = 2;

    /// <summary>Table index of the creation of a GPU address space.</summary>
    public const uint DRM_XE_VM_CREATE = 3;

    /// <summary>Table index of the destruction of a GPU address space.</summary>
    public const uint DRM_XE_VM_DESTROY = 4;

    /// <summary>Table index of mapping, unmapping and prefetching in a GPU address space.</summary>
    public const uint DRM_XE_VM_BIND = 5;

    /// <summary>Table index of the creation of a submission or bind queue.</summary>
    public const uint DRM_XE_EXEC_QUEUE_CREATE = 6;

    /// <summary>Table index of the destruction of a queue.</summary>
    public const uint DRM_XE_EXEC_QUEUE_DESTROY = 7;

    /// <summary>Table index of reading one property of a queue.</summary>
    public const uint DRM_XE_EXEC_QUEUE_GET_PROPERTY = 8;

    /// <summary>Table index of the submission of batches to a queue.</summary>
    public const uint DRM_XE_EXEC = 9;

    /// <summary>Table index of waiting for a value in the caller's memory.</summary>
    public const uint DRM_XE_WAIT_USER_FENCE = 10;

    /// <summary>Table index of opening and configuring observation streams.</summary>
    public const uint DRM_XE_OBSERVATION = 11;

    /// <summary>Table index of setting memory attributes of an address range.</summary>
    public const uint DRM_XE_MADVISE = 12;

    /// <summary>Table index of reading back memory attributes of an address range.</summary>
    public const uint DRM_XE_VM_QUERY_MEM_RANGE_ATTRS = 13;

    /// <summary>Table index of changing one property of an existing queue.</summary>
    public const uint DRM_XE_EXEC_QUEUE_SET_PROPERTY = 14;

    /// <summary>Table index of reading one property of a GPU address space, such as its recorded faults.</summary>
    public const uint DRM_XE_VM_GET_PROPERTY = 15;

    // Request numbers: direction, size of the argument, type byte 'd', number.

    /// <summary>Asks for facts about the device; takes a drm_xe_device_query and writes it back.</summary>
    public const uint DRM_IOCTL_XE_DEVICE_QUERY = 0xc0286440;

    /// <summary>Allocates a buffer object; takes a drm_xe_gem_create and writes it back.</summary>
    public const uint DRM_IOCTL_XE_GEM_CREATE = 0xc0386441;

    /// <summary>Gives the offset at which a buffer object can be mapped; takes a drm_xe_gem_mmap_offset and writes it back.</summary>
    public const uint DRM_IOCTL_XE_GEM_MMAP_OFFSET = 0xc0286442;

    /// <summary>Creates a GPU address space; takes a drm_xe_vm_create and writes it back.</summary>
    public const uint DRM_IOCTL_XE_VM_CREATE = 0xc0206443;

    /// <summary>Destroys a GPU address space; takes a drm_xe_vm_destroy, nothing is written back.</summary>
    public const uint DRM_IOCTL_XE_VM_DESTROY = 0x40186444;

    /// <summary>Changes the mappings of a GPU address space; takes a drm_xe_vm_bind, nothing is written back.</summary>
    public const uint DRM_IOCTL_XE_VM_BIND = 0x40886445;

    /// <summary>Creates a queue; takes a drm_xe_exec_queue_create and writes it back.</summary>
    public const uint DRM_IOCTL_XE_EXEC_QUEUE_CREATE = 0xc0306446;

    /// <summary>Destroys a queue; takes a drm_xe_exec_queue_destroy, nothing is written back.</summary>
    public const uint DRM_IOCTL_XE_EXEC_QUEUE_DESTROY = 0x40186447;

    /// <summary>Reads one property of a queue; takes a drm_xe_exec_queue_get_property and writes it back.</summary>
    public const uint DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY = 0xc0286448;

    /// <summary>Submits batches; takes a drm_xe_exec, nothing is written back.</summary>
    public const uint DRM_IOCTL_XE_EXEC = 0x40386449;

    /// <summary>Waits for a value in memory; takes a drm_xe_wait_user_fence and writes it back.</summary>
    public const uint DRM_IOCTL_XE_WAIT_USER_FENCE = 0xc048644a;

    /// <summary>Opens or configures observation; takes a drm_xe_observation_param, nothing is written back.</summary>
    public const uint DRM_IOCTL_XE_OBSERVATION = 0x4020644b;

    /// <summary>Sets memory attributes; takes a drm_xe_madvise, nothing is written back.</summary>
    public const uint DRM_IOCTL_XE_MADVISE = 0x4040644c;

    /// <summary>Reads memory attributes; takes a drm_xe_vm_query_mem_range_attr and writes it back.</summary>
    public const uint DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS = 0xc040644d;

    /// <summary>Changes one property of a queue; takes a drm_xe_exec_queue_set_property, nothing is written back.</summary>
    public const uint DRM_IOCTL_XE_EXEC_QUEUE_SET_PROPERTY = 0x4028644e;

    /// <summary>Reads one property of a GPU address space; takes a drm_xe_vm_get_property and writes it back.</summary>
    public const uint DRM_IOCTL_XE_VM_GET_PROPERTY = 0xc038644f;
}
