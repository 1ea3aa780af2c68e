using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>Operations for VM_BIND.</summary>
internal static class Ops
{
    public static drm_xe_vm_bind_op MapBo(uint handle, ulong address, ulong range, ulong offset = 0, uint flags = 0) => new()
    {
        op = DrmXe.DRM_XE_VM_BIND_OP_MAP,
        obj = handle,
        obj_offset = offset,
        addr = address,
        range = range,
        flags = flags,
        pat_index = DrmClient.CoherentPat,
    };

    public static drm_xe_vm_bind_op MapUserptr(ulong memory, ulong address, ulong range, uint flags = 0) => new()
    {
        op = DrmXe.DRM_XE_VM_BIND_OP_MAP_USERPTR,
        userptr = memory,
        addr = address,
        range = range,
        flags = flags,
        pat_index = DrmClient.CoherentPat,
    };

    public static drm_xe_vm_bind_op MapNull(ulong address, ulong range, uint flags = 0) => new()
    {
        op = DrmXe.DRM_XE_VM_BIND_OP_MAP,
        addr = address,
        range = range,
        flags = DrmXe.DRM_XE_VM_BIND_FLAG_NULL | flags,
    };

    public static drm_xe_vm_bind_op MapMirror(ulong address, ulong range, uint flags = 0) => new()
    {
        op = DrmXe.DRM_XE_VM_BIND_OP_MAP,
        addr = address,
        range = range,
        flags = DrmXe.DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR | flags,
    };

    public static drm_xe_vm_bind_op Unmap(ulong address, ulong range) => new()
    {
        op = DrmXe.DRM_XE_VM_BIND_OP_UNMAP,
        addr = address,
        range = range,
    };

    public static drm_xe_vm_bind_op UnmapAll(uint handle) => new()
    {
        op = DrmXe.DRM_XE_VM_BIND_OP_UNMAP_ALL,
        obj = handle,
        pat_index = DrmClient.CoherentPat,
    };

    public static drm_xe_vm_bind_op Prefetch(ulong address, ulong range, uint region) => new()
    {
        op = DrmXe.DRM_XE_VM_BIND_OP_PREFETCH,
        addr = address,
        range = range,
        prefetch_mem_region_instance = region,
    };
}
