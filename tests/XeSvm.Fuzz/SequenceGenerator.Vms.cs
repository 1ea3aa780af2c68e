using System.Runtime.InteropServices;
using XeSvm.Interop.Uapi;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Fuzz;

/// <content>Calls about VMs and what they map.</content>
internal sealed unsafe partial class SequenceGenerator
{
    private const ushort CoherentPat = 2;
    private const int SmallestBinds = 2;
    private const int MostBinds = 5;

    // Fault VMs more often than the others, as they have most to break.
    private static readonly uint[] s_vmKinds = [6, 6, 6, 6, 7, 0, 1, 2];

    private FuzzCall CreateVm() => Ioctl(DRM_IOCTL_XE_VM_CREATE, new drm_xe_vm_create
    {
        flags = _values.Flags(15),
        extensions = _values.ReservedQword(),
    });

    private FuzzCall DestroyVm() => Ioctl(DRM_IOCTL_XE_VM_DESTROY, new drm_xe_vm_destroy { vm_id = _values.Id(), pad = _values.ReservedDword() });

    private drm_xe_vm_bind_op Op()
    {
        uint op = _values.OneIn(30) ? _values.Below(8) : _values.OneIn(3) ? _values.Below(5) : 0;
        bool map = op == DRM_XE_VM_BIND_OP_MAP;
        uint kind = map ? _values.Below(3) : 3;
        bool all = op == DRM_XE_VM_BIND_OP_UNMAP_ALL;
        uint flags = kind == 1 ? DRM_XE_VM_BIND_FLAG_NULL : kind == 2 ? DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR : 0;
        ulong address = _values.GpuAddress();
        return new drm_xe_vm_bind_op
        {
            op = op,
            obj = kind == 0 || all ? _values.Id() : _values.ReservedDword(),
            obj_offset = kind == 0 ? (ulong)_values.Below(4) << 12 : op == DRM_XE_VM_BIND_OP_MAP_USERPTR ? _values.GpuAddress() : _values.ReservedQword(),
            addr = all ? 0 : address,
            range = all ? 0 : _values.Length(kind == 0 ? 4u : 600u),
            flags = flags | (map ? _values.Below(4) : 0) | (_values.OneIn(20) ? _values.Flags(0x1ff) : 0),
            pat_index = _values.OneIn(20) ? (ushort)_values.Below(40) : CoherentPat,
            prefetch_mem_region_instance = op == DRM_XE_VM_BIND_OP_PREFETCH ? _values.Below(3) - 1 : _values.ReservedDword(),
            pad = (ushort)_values.ReservedDword(),
        };
    }

    private FuzzCall BindSeveral() => Bind((int)(SmallestBinds + _values.Below(MostBinds - SmallestBinds)));

    private FuzzCall Bind(int count)
    {
        uint syncs = _values.OneIn(3) ? 1 + _values.Below(2) : 0;
        var bind = new drm_xe_vm_bind
        {
            vm_id = _values.OneIn(3) ? _values.Id() : 1,
            exec_queue_id = _values.OneIn(10) ? _values.Id() : 0,
            num_binds = _values.OneIn(40) ? (uint)_values.Edge() : (uint)count,
            num_syncs = _values.OneIn(60) ? (uint)_values.Edge() : syncs,
            syncs = syncs == 0 ? _values.ReservedQword() : Syncs(syncs, false),
            extensions = _values.ReservedQword(),
            pad = _values.ReservedDword(),
        };
        if (count == 1)
        {
            bind.bind = Op();
        }
        else
        {
            var ops = new drm_xe_vm_bind_op[count];
            foreach (ref drm_xe_vm_bind_op op in ops.AsSpan())
            {
                op = Op();
            }

            bind.vector_of_binds = _values.OneIn(30) ? _values.Pointer() : Put(MemoryMarshal.AsBytes(ops.AsSpan()).ToArray());
        }

        return Ioctl(DRM_IOCTL_XE_VM_BIND, bind);
    }

    private FuzzCall Advise()
    {
        var advice = new drm_xe_madvise
        {
            vm_id = _values.OneIn(3) ? _values.Id() : 1,
            start = _values.GpuAddress(),
            range = _values.Length(600),
            type = _values.OneIn(30) ? _values.Below(6) : _values.Below(4),
            extensions = _values.ReservedQword(),
        };
        switch (advice.type)
        {
            case DRM_XE_MEM_RANGE_ATTR_PREFERRED_LOC:
                bool byDescriptor = _values.OneIn(4);
                advice.preferred_mem_loc.devmem_fd = byDescriptor ? (uint)FuzzDescriptors.Name(_values.Below(4))
                    : _values.OneIn(10) ? (uint)_values.Edge() : _values.Below(2) - 1;
                advice.preferred_mem_loc.region_instance = (ushort)(byDescriptor ? _values.Below(3) : _values.ReservedDword());
                advice.preferred_mem_loc.migration_policy = (ushort)(_values.OneIn(10) ? _values.Below(4) : 0u);
                break;
            case DRM_XE_MEM_RANGE_ATTR_PAT:
                advice.pat_index.val = _values.OneIn(10) ? (uint)_values.Edge() : _values.Below(30);
                break;
            case DRM_XE_VMA_ATTR_PURGEABLE_STATE:
                advice.purge_state_val.val = _values.Below(_values.OneIn(20) ? 4u : 2u);
                advice.purge_state_val.retained_ptr = _values.OneIn(2) ? 0 : _values.OneIn(4) ? _values.Pointer() : Put(Bytes(0ul));
                break;
            default:
                advice.atomic.val = _values.OneIn(10) ? (uint)_values.Edge() : _values.Below(4);
                break;
        }

        return Ioctl(DRM_IOCTL_XE_MADVISE, advice);
    }

    private FuzzCall QueryAttributes()
    {
        uint count = _values.OneIn(3) ? 0 : 1 + _values.Below(8);
        return Ioctl(DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS, new drm_xe_vm_query_mem_range_attr
        {
            vm_id = _values.OneIn(3) ? _values.Id() : 1,
            num_mem_ranges = _values.OneIn(30) ? (uint)_values.Edge() : count,
            start = _values.OneIn(3) ? _values.GpuAddress() : 0,
            range = _values.OneIn(3) ? _values.Length(600) : 1UL << 48,
            sizeof_mem_range_attr = _values.OneIn(30) ? _values.Edge() : count == 0 ? 0 : (ulong)sizeof(drm_xe_mem_range_attr),
            vector_of_mem_attr = count == 0 ? _values.ReservedQword() : _values.Pointer(),
            extensions = _values.ReservedQword(),
        });
    }

    /// <summary>The size of the record of faults, or some of its records.</summary>
    private FuzzCall VmProperty() => Ioctl(DRM_IOCTL_XE_VM_GET_PROPERTY, new drm_xe_vm_get_property
    {
        vm_id = _values.OneIn(3) ? _values.Id() : 1,
        property = _values.ReservedDword(),
        size = _values.OneIn(3) ? 0 : _values.OneIn(10) ? (uint)_values.Edge() : (uint)sizeof(xe_vm_fault) * (1 + _values.Below(2)),
        data = _values.Pointer(),
        extensions = _values.ReservedQword(),
        pad = _values.ReservedDword(),
    });
}
