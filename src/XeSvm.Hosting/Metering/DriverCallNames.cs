using System.Collections.Frozen;
using XeSvm.Interop.Uapi;

namespace XeSvm.Hosting.Metering;

/// <summary>The ioctls by name, for tags: few and fixed, whatever number a program sends.</summary>
internal static class DriverCallNames
{
    /// <summary>The tag of numbers that have no name here.</summary>
    internal const string Other = "other";

    /// <summary>The tag of opening a node.</summary>
    internal const string Open = "open";

    private static readonly FrozenDictionary<uint, string> s_names = new Dictionary<uint, string>
    {
        [DrmXe.DRM_IOCTL_XE_DEVICE_QUERY] = "device_query",
        [DrmXe.DRM_IOCTL_XE_GEM_CREATE] = "gem_create",
        [DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET] = "gem_mmap_offset",
        [DrmXe.DRM_IOCTL_XE_VM_CREATE] = "vm_create",
        [DrmXe.DRM_IOCTL_XE_VM_DESTROY] = "vm_destroy",
        [DrmXe.DRM_IOCTL_XE_VM_BIND] = "vm_bind",
        [DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE] = "exec_queue_create",
        [DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_DESTROY] = "exec_queue_destroy",
        [DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY] = "exec_queue_get_property",
        [DrmXe.DRM_IOCTL_XE_EXEC] = "exec",
        [DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE] = "wait_user_fence",
        [DrmXe.DRM_IOCTL_XE_OBSERVATION] = "observation",
        [DrmXe.DRM_IOCTL_XE_MADVISE] = "madvise",
        [DrmXe.DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS] = "vm_query_mem_range_attrs",
        [DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_SET_PROPERTY] = "exec_queue_set_property",
        [DrmXe.DRM_IOCTL_XE_VM_GET_PROPERTY] = "vm_get_property",
    }.ToFrozenDictionary();

    /// <summary>The name of a request number.</summary>
    internal static string Of(uint request) => s_names.GetValueOrDefault(request, Other);
}
