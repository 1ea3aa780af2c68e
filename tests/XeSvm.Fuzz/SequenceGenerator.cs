using System.Runtime.InteropServices;
using XeSvm.Interop.Uapi;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Fuzz;

/// <summary>
/// Sequences that know the grammar of the ioctls: a sequence is a function of its seed alone. It begins with calls that mostly succeed, so that
/// there is something to break.
/// </summary>
internal sealed unsafe partial class SequenceGenerator
{
    private const ushort CoherentPat = 2;
    private const int SmallestBinds = 2;
    private const int MostBinds = 5;
    private const int OpeningSteps = 6;
    private const ulong FenceBytes = 0x1000;
    private const ulong MostFences = FenceBytes / sizeof(ulong);

    // Fault VMs more often than the others, as they have most to break.
    private static readonly uint[] s_vmKinds = [6, 6, 6, 6, 7, 0, 1, 2];

    private readonly HostileValues _values;
    private readonly List<FuzzWrite> _writes = [];
    private int _slot;
    private ulong _fences;
    private FuzzCall? _next;

    private SequenceGenerator(ulong seed, int thread) => _values = new HostileValues(seed, thread);

    /// <summary>Makes a sequence.</summary>
    /// <param name="seed">What it is a function of.</param>
    /// <param name="thread">Whose memory its structures lie in.</param>
    /// <param name="length">Steps.</param>
    public static FuzzSequence Create(ulong seed, int thread, int length)
    {
        var generator = new SequenceGenerator(seed, thread);
        var calls = new List<FuzzCall>(length);
        for (int i = 0; i < length; i++)
        {
            FuzzCall? next = generator._next;
            generator._next = null;
            generator._values.IsCalm = i < OpeningSteps;
            calls.Add(next ?? (i < OpeningSteps ? generator.Opening(i) : generator.Step()));
        }

        return new FuzzSequence(calls);
    }

    /// <summary>The seed of a sequence of a run (splitmix64).</summary>
    public static ulong SeedOf(ulong seed, long sequence)
    {
        ulong z = seed + ((ulong)sequence * 0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)) * 0xbf58_476d_1ce4_e5b9;
        z = (z ^ (z >> 27)) * 0x94d0_49bb_1331_11eb;
        return z ^ (z >> 31);
    }

    private FuzzCall Opening(int step) => step switch
    {
        0 => Ioctl(DRM_IOCTL_XE_VM_CREATE, new drm_xe_vm_create
        {
            flags = s_vmKinds[_values.Below((uint)s_vmKinds.Length)],
        }),
        1 => CreateBo(),
        2 => Ioctl(DRM_IOCTL_XE_VM_BIND, new drm_xe_vm_bind
        {
            vm_id = 1,
            num_binds = 1,
            bind = new drm_xe_vm_bind_op
            {
                addr = FuzzArena.Base,
                range = FuzzArena.DataBytes,
                flags = DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR,
                pat_index = CoherentPat,
            },
        }),
        3 => CreateQueue(1),
        4 => Bind(1),
        _ => Exec(1),
    };

    private FuzzCall Step() => _values.Below(37) switch
    {
        0 => Ioctl(DRM_IOCTL_XE_VM_CREATE, new drm_xe_vm_create
        {
            flags = _values.Flags(15),
            extensions = _values.ReservedQword(),
        }),
        1 => Ioctl(DRM_IOCTL_XE_VM_DESTROY, new drm_xe_vm_destroy { vm_id = _values.Id(), pad = _values.ReservedDword() }),
        2 or 3 => CreateBo(),
        4 => Ioctl(Drm.DRM_IOCTL_GEM_CLOSE, new drm_gem_close { handle = _values.Id(), pad = _values.ReservedDword() }),
        5 or 6 or 7 or 8 => Bind(1),
        9 or 10 => Bind((int)(SmallestBinds + _values.Below(MostBinds - SmallestBinds))),
        11 => CreateQueue(_values.Id()),
        12 => Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_DESTROY, new drm_xe_exec_queue_destroy { exec_queue_id = _values.Id(), pad = _values.ReservedDword() }),
        13 or 14 or 15 or 16 => Exec(_values.Id()),
        17 => Wait(),
        18 or 19 => Advise(),
        20 => Query(),
        21 => Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY, new drm_xe_exec_queue_get_property
        {
            exec_queue_id = _values.Id(),
            property = _values.ReservedDword(),
            extensions = _values.ReservedQword(),
        }),
        22 => Ioctl(DRM_IOCTL_XE_GEM_MMAP_OFFSET, new drm_xe_gem_mmap_offset
        {
            handle = _values.Id(),
            flags = _values.ReservedDword(),
            extensions = _values.ReservedQword(),
        }),
        23 => FuzzCall.Plain(FuzzCallKind.MapObject, File(), _values.Id(), _values.Length(8)),
        24 => FuzzCall.Plain(FuzzCallKind.UnmapObject, 0, 0, 0),
        25 => FuzzCall.Plain(FuzzCallKind.Touch, 0, _values.Below((uint)(FuzzArena.DataBytes >> 12)), 0),
        26 => FuzzCall.Plain(FuzzCallKind.Remap, 0, _values.Below((uint)(FuzzArena.DataBytes >> 12)), 1 + (ulong)_values.Below(40)),
        27 => Ioctl(Drm.DRM_IOCTL_VERSION, new drm_version { name = (byte*)_values.Pointer(), name_len = _values.Below(16), date_len = _values.ReservedQword() }),
        28 => Ioctl(Drm.DRM_IOCTL_GET_CAP, new drm_get_cap { capability = _values.OneIn(4) ? _values.Edge() : _values.Below(0x20) }),
        29 => OtherSize(),
        30 or 31 or 32 or 33 => Syncobj(),
        34 => Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_SET_PROPERTY, new drm_xe_exec_queue_set_property
        {
            exec_queue_id = _values.Id(),
            property = _values.Below(7),
            value = _values.OneIn(4) ? _values.Edge() : _values.Below(4),
        }),
        _ => Garbage(),
    };

    private int File() => _values.OneIn(8) ? 1 : 0;

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

    private FuzzCall CreateQueue(uint vm)
    {
        ushort width = (ushort)(_values.OneIn(10) ? _values.Below(11) : 1);
        ushort placements = (ushort)(_values.OneIn(10) ? _values.Below(11) : 1);
        var instances = new drm_xe_engine_class_instance[Math.Max(width * placements, 1)];
        foreach (ref drm_xe_engine_class_instance instance in instances.AsSpan())
        {
            instance.engine_class = (ushort)(_values.OneIn(10) ? _values.Below(8) : _values.OneIn(3) ? 0u : 1u);
            instance.engine_instance = (ushort)(_values.OneIn(30) ? _values.Below(10) : 0u);
            instance.gt_id = (ushort)(_values.OneIn(30) ? _values.Below(4) : 0u);
        }

        return Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, new drm_xe_exec_queue_create
        {
            vm_id = vm,
            width = width,
            num_placements = placements,
            instances = Put(MemoryMarshal.AsBytes(instances.AsSpan()).ToArray()),
            flags = _values.OneIn(20) ? _values.Flags(3) : 0,
            extensions = _values.OneIn(8) ? Extensions() : 0,
        });
    }

    /// <summary>A chain of extensions, of properties known and unknown; sometimes a ring, sometimes one that leads nowhere.</summary>
    private ulong Extensions()
    {
        int count = 1 + (int)_values.Below(4);
        ulong first = _values.StructureAddress(_slot++ & 3) + 0x800;
        for (int i = 0; i < count; i++)
        {
            bool last = i == count - 1;
            ulong next = first + ((ulong)(i + 1) * 64);
            var extension = new drm_xe_ext_set_property { property = _values.OneIn(10) ? (uint)_values.Edge() : _values.Below(8), value = _values.OneIn(3) ? _values.Edge() : _values.Below(4) };
            extension.@base.next_extension = !last ? next : _values.OneIn(3) ? first : _values.OneIn(10) ? _values.Pointer() : 0;
            extension.@base.name = _values.ReservedDword();
            extension.@base.pad = _values.ReservedDword();
            _writes.Add(new FuzzWrite(first + ((ulong)i * 64), Bytes(extension)));
        }

        return first;
    }

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

    private FuzzCall Bind(int count)
    {
        uint syncs = _values.OneIn(3) ? 1 + _values.Below(2) : 0;
        var bind = new drm_xe_vm_bind
        {
            vm_id = _values.OneIn(3) ? _values.Id() : 1,
            exec_queue_id = _values.OneIn(20) ? _values.Id() : 0,
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

    private ulong Syncs(uint count, bool gpu)
    {
        var syncs = new drm_xe_sync[count];
        foreach (ref drm_xe_sync sync in syncs.AsSpan())
        {
            sync.type = _values.OneIn(2) ? _values.Below(4) : DRM_XE_SYNC_TYPE_USER_FENCE;
            sync.flags = _values.OneIn(4) ? _values.Flags(3) : DRM_XE_SYNC_FLAG_SIGNAL;
            sync.addr = sync.type is DRM_XE_SYNC_TYPE_SYNCOBJ or DRM_XE_SYNC_TYPE_TIMELINE_SYNCOBJ
                ? _values.Id()
                : gpu ? _values.GpuAddress() : _values.Pointer();
            sync.timeline_value = _values.Below(4);
            sync.extensions = _values.ReservedQword();
        }

        return _values.OneIn(40) ? _values.Pointer() : Put(MemoryMarshal.AsBytes(syncs.AsSpan()).ToArray());
    }

    private FuzzCall Exec(uint queue)
    {
        ulong batch = FuzzArena.Base + ((ulong)_values.Below((uint)(FuzzArena.DataBytes >> 12)) << 12) + (_values.OneIn(4) ? 0xff0ul - (_values.Below(64) * 4) : 0);
        byte[] commands = BatchGenerator.Create(_values, batch);
        if (FuzzArena.Holds(batch, (ulong)commands.Length))
        {
            _writes.Add(new FuzzWrite(batch, commands));
        }

        uint syncs = _values.Below(3);
        ulong fences = syncs == 0 ? 0 : Syncs(syncs, true);
        if (_values.OneIn(3))
        {
            syncs = 1;
            fences = FenceAndWait(queue);
        }

        return Ioctl(DRM_IOCTL_XE_EXEC, new drm_xe_exec
        {
            exec_queue_id = queue,
            num_batch_buffer = (ushort)(_values.OneIn(30) ? _values.Edge() : 1),
            address = _values.OneIn(20) ? _values.GpuAddress() : batch,
            num_syncs = _values.OneIn(60) ? (uint)_values.Edge() : syncs,
            syncs = fences,
            extensions = _values.ReservedQword(),
        });
    }

    /// <summary>A user fence in memory that the GPU can mostly write; the next step waits for it, so that batches get time to run.</summary>
    private ulong FenceAndWait(uint queue)
    {
        ulong address = FuzzArena.Base + FuzzArena.DataBytes - FenceBytes + (_fences++ % MostFences * sizeof(ulong));
        FuzzWrite[] pending = Take();
        _next = Ioctl(DRM_IOCTL_XE_WAIT_USER_FENCE, new drm_xe_wait_user_fence
        {
            addr = address,
            op = (ushort)DRM_XE_UFENCE_WAIT_OP_EQ,
            value = _fences,
            mask = ulong.MaxValue,
            timeout = 1_000_000,
            exec_queue_id = queue,
        });
        _writes.AddRange(pending);
        return Put(Bytes(new drm_xe_sync
        {
            type = DRM_XE_SYNC_TYPE_USER_FENCE,
            flags = DRM_XE_SYNC_FLAG_SIGNAL,
            addr = address,
            timeline_value = _fences,
        }));
    }

    private FuzzCall Wait() => Ioctl(DRM_IOCTL_XE_WAIT_USER_FENCE, new drm_xe_wait_user_fence
    {
        addr = _values.OneIn(8) ? _values.Edge() : _values.Pointer(),
        op = (ushort)(_values.OneIn(20) ? _values.Below(16) : _values.Below(6)),
        value = _values.Below(4),
        mask = _values.OneIn(4) ? _values.Edge() : _values.Below(4),
        timeout = _values.OneIn(3) ? 0 : _values.Below(100_000),
        flags = (ushort)_values.Flags(1),
        exec_queue_id = _values.OneIn(2) ? 0 : _values.Id(),
        extensions = _values.ReservedQword(),
    });

    private FuzzCall Advise()
    {
        var advice = new drm_xe_madvise
        {
            vm_id = _values.OneIn(3) ? _values.Id() : 1,
            start = _values.GpuAddress(),
            range = _values.Length(600),
            type = _values.OneIn(8) ? _values.Below(6) : _values.Below(2),
            extensions = _values.ReservedQword(),
        };
        if (advice.type == DRM_XE_MEM_RANGE_ATTR_PREFERRED_LOC)
        {
            advice.preferred_mem_loc.devmem_fd = _values.OneIn(10) ? (uint)_values.Edge() : _values.Below(2) - 1;
            advice.preferred_mem_loc.migration_policy = (ushort)(_values.OneIn(10) ? _values.Below(4) : 0u);
        }
        else
        {
            advice.atomic.val = _values.OneIn(10) ? (uint)_values.Edge() : _values.Below(4);
        }

        return Ioctl(DRM_IOCTL_XE_MADVISE, advice);
    }

    private FuzzCall Query() => Ioctl(DRM_IOCTL_XE_DEVICE_QUERY, new drm_xe_device_query
    {
        query = _values.Below(13),
        size = _values.OneIn(2) ? 0 : _values.OneIn(4) ? (uint)_values.Edge() : 8 + (_values.Below(40) * 8),
        data = _values.Pointer(),
        extensions = _values.ReservedQword(),
    });

    /// <summary>A known request of a size that the driver does not have, with ids and small numbers.</summary>
    private FuzzCall OtherSize()
    {
        FuzzCall call = Step();
        if (call.Kind != FuzzCallKind.Ioctl)
        {
            return call;
        }

        uint size = _values.OneIn(4) ? _values.Below(0x4000) : _values.Below(256);
        byte[] argument = call.Argument;
        Array.Resize(ref argument, (int)size);
        return call with { Number = (call.Number & 0xc000_ffff) | size << 16, Argument = argument };
    }

    /// <summary>
    /// A request number of any kind, with small numbers as argument: no sum of two is the address of memory. Infinite waits are not made, as
    /// small numbers are no far deadline.
    /// </summary>
    private FuzzCall Garbage()
    {
        byte[] argument = new byte[_values.Below(33) * 8];
        foreach (ref ulong word in MemoryMarshal.Cast<byte, ulong>(argument.AsSpan()))
        {
            word = _values.OneIn(3) ? _values.Below(16) : _values.OneIn(12) ? _values.Pointer() : 0;
        }

        uint type = _values.OneIn(30) ? _values.Below(256) : 'd';
        uint number = _values.OneIn(3) ? _values.Below(256) : 0x40 + _values.Below(0x14);
        return new FuzzCall(FuzzCallKind.Ioctl, File(), _values.Below(4) << 30 | (uint)argument.Length << 16 | type << 8 | number, 0, argument, Take());
    }

    private FuzzCall Ioctl<T>(uint request, T argument)
        where T : unmanaged
    {
        byte[] bytes = Bytes(argument);
        if (_values.OneIn(30) && bytes.Length > 0)
        {
            bytes[_values.Below((uint)bytes.Length)] ^= (byte)(1 << (int)_values.Below(8));
        }

        return new FuzzCall(FuzzCallKind.Ioctl, File(), request, _values.OneIn(60) ? _values.Pointer() : 0, bytes, Take());
    }

    private ulong Put(byte[] bytes)
    {
        ulong address = _values.StructureAddress(_slot++ & 3);
        _writes.Add(new FuzzWrite(address, bytes));
        return address;
    }

    private FuzzWrite[] Take()
    {
        FuzzWrite[] writes = [.. _writes];
        _writes.Clear();
        return writes;
    }

    private static byte[] Bytes<T>(T value)
        where T : unmanaged
        => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)).ToArray();
}
