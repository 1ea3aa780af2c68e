using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>
/// Random calls on a file, one thread's share: ids small enough to meet those of other threads, values good and bad. Addresses that the
/// driver or the GPU could write to lie in an arena, or where no process has memory: what else is in the process is not to be harmed.
/// </summary>
internal sealed unsafe class RandomIoctls(DrmFile file, ulong arena, ulong arenaBytes, int seed)
{
    private const ulong EmptyWindow = 0x10_0000_0000;
    private const int MostIds = 12;

    private static readonly int[] s_possible =
    [
        0, -Errno.EINVAL, -Errno.ENOENT, -Errno.EFAULT, -Errno.EBUSY, -Errno.ENOMEM, -Errno.EPERM, -Errno.EOPNOTSUPP, -Errno.ECANCELED,
        -Errno.EIO, -Errno.ETIME, -Errno.E2BIG, -Errno.ENODEV, -Errno.ENOBUFS, -Errno.ENOSPC, -Errno.EACCES, -Errno.ENOTTY, -Errno.EBADF, -Errno.EINTR,
    ];

    /// <summary>Calls that take or give file descriptors, which belong to others or would pile up, and one that may wait for seconds.</summary>
    private static readonly uint[] s_notForGarbage =
    [
        Drm.DRM_IOCTL_PRIME_HANDLE_TO_FD & 0xff, Drm.DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD & 0xff, Drm.DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE & 0xff, Drm.DRM_IOCTL_SYNCOBJ_EVENTFD & 0xff,
        Drm.DRM_IOCTL_SYNCOBJ_TRANSFER & 0xff,
    ];

    private readonly Random _random = new(seed);
    private readonly List<(nint Address, nuint Length)> _mapped = [];

    /// <summary>Calls that succeeded.</summary>
    public int Successes { get; private set; }

    /// <summary>Makes one call: its result, which must be one that a kernel may give.</summary>
    public int Step()
    {
        int result = _random.Next(25) switch
        {
            0 => CreateVm(),
            1 => DestroyVm(),
            2 or 3 => CreateBo(),
            4 => CloseBo(),
            5 or 6 => Bind(1),
            7 => Bind(_random.Next(2, 6)),
            8 => CreateQueue(),
            9 => DestroyQueue(),
            10 or 11 => Exec(),
            12 => Wait(),
            13 => Advise(),
            14 => Query(),
            15 => MapBo(),
            16 => UnmapBo(),
            17 => GetProperty(),
            18 => Version(),
            19 or 20 => Syncobj(),
            21 => SyncobjWait(),
            22 => SyncobjPoints(),
            23 => SyncobjTransfer(),
            _ => Garbage(),
        };
        Assert.Contains(result, s_possible);
        Successes += result == 0 ? 1 : 0;
        return result;
    }

    /// <summary>Unmaps what is still mapped.</summary>
    public void UnmapAll() => _mapped.ForEach(mapping => Assert.Equal(0, file.Unmap(mapping.Address, mapping.Length)));

    private bool Rarely() => _random.Next(40) == 0;

    private uint Id() => Rarely() ? (uint)_random.NextInt64(uint.MaxValue) : (uint)_random.Next(MostIds);

    private ulong Bytes(int most) => Rarely() ? (ulong)_random.NextInt64() : (ulong)_random.Next(1, most) << 12;

    /// <summary>An address for the GPU: in the arena, in a window without memory, or impossible.</summary>
    private ulong GpuAddress() => _random.Next(10) switch
    {
        < 5 => arena + ((ulong)_random.NextInt64((long)(arenaBytes >> 12)) << 12),
        < 9 => EmptyWindow + ((ulong)_random.Next(1 << 12) << 12),
        _ => Rarely() ? ulong.MaxValue & ~0xffful : 1UL << 48,
    };

    /// <summary>A pointer for the driver.</summary>
    private ulong Pointer() => Rarely() ? DrmClient.BadPointer : arena + (((ulong)_random.NextInt64((long)arenaBytes - 0x10000)) & ~7ul);

    private int Call<T>(uint request, T argument)
        where T : unmanaged
        => file.Ioctl(request, Rarely() ? (void*)DrmClient.BadPointer : &argument);

    private int CreateVm() => Call(DRM_IOCTL_XE_VM_CREATE, new drm_xe_vm_create { flags = (uint)_random.Next(Rarely() ? 32 : 8) });

    private int DestroyVm() => Call(DRM_IOCTL_XE_VM_DESTROY, new drm_xe_vm_destroy { vm_id = Id(), pad = Rarely() ? 1u : 0 });

    private int CreateBo() => Call(DRM_IOCTL_XE_GEM_CREATE, new drm_xe_gem_create
    {
        size = Bytes(600),
        placement = (uint)_random.Next(1, 4),
        cpu_caching = (ushort)_random.Next(1, 3),
        flags = Rarely() ? (uint)_random.Next(32) : 0,
        vm_id = Rarely() ? Id() : 0,
        extensions = Rarely() ? Pointer() : 0,
    });

    private int CloseBo() => Call(Drm.DRM_IOCTL_GEM_CLOSE, new drm_gem_close { handle = Id() });

    private drm_xe_vm_bind_op Op()
    {
        uint op = (uint)_random.Next(Rarely() ? 7 : 5);
        bool map = op == DRM_XE_VM_BIND_OP_MAP;
        int kind = map ? _random.Next(3) : -1;
        uint flags = kind == 1 ? DRM_XE_VM_BIND_FLAG_NULL : kind == 2 ? DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR : 0;
        bool whole = op == DRM_XE_VM_BIND_OP_UNMAP_ALL;
        return new drm_xe_vm_bind_op
        {
            op = op,
            obj = kind == 0 || whole || Rarely() ? Id() : 0,
            obj_offset = kind == 0 ? (ulong)_random.Next(4) << 12 : 0,
            addr = whole ? 0 : GpuAddress(),
            range = whole ? 0 : Bytes(kind == 0 ? 4 : 600),
            flags = flags | (map ? (uint)_random.Next(4) : 0) | (Rarely() ? (uint)_random.Next(512) : 0),
            pat_index = Rarely() ? (ushort)_random.Next(40) : DrmClient.CoherentPat,
            prefetch_mem_region_instance = op == DRM_XE_VM_BIND_OP_PREFETCH ? (uint)_random.Next(-1, 2) : 0,
        };
    }

    private int Bind(int count)
    {
        drm_xe_sync* syncs = stackalloc drm_xe_sync[2];
        (syncs[0], syncs[1]) = (Sync(Pointer()), Sync(Pointer()));
        var bind = new drm_xe_vm_bind
        {
            vm_id = Id(),
            exec_queue_id = _random.Next(4) == 0 ? Id() : 0,
            num_binds = Rarely() ? 0 : (uint)count,
            num_syncs = (uint)_random.Next(3),
            syncs = (ulong)syncs,
        };
        if (count == 1)
        {
            bind.bind = Op();
            return Call(DRM_IOCTL_XE_VM_BIND, bind);
        }

        drm_xe_vm_bind_op* ops = stackalloc drm_xe_vm_bind_op[count];
        for (int i = 0; i < count; i++)
        {
            ops[i] = Op();
        }

        bind.vector_of_binds = (ulong)ops;
        return Call(DRM_IOCTL_XE_VM_BIND, bind);
    }

    private drm_xe_sync UserFence(ulong address) => new()
    {
        type = Rarely() ? (uint)_random.Next(4) : DRM_XE_SYNC_TYPE_USER_FENCE,
        flags = Rarely() ? (uint)_random.Next(4) : DRM_XE_SYNC_FLAG_SIGNAL,
        addr = address,
        timeline_value = (ulong)_random.Next(4),
    };

    /// <summary>A sync entry of any type.</summary>
    private drm_xe_sync Sync(ulong address) => _random.Next(3) == 0 ? UserFence(address) : new()
    {
        type = (uint)_random.Next(2),
        flags = (uint)_random.Next(2),
        addr = Id(),
        timeline_value = (ulong)_random.Next(6),
    };

    private int CreateQueue()
    {
        var instance = new drm_xe_engine_class_instance { engine_class = (ushort)_random.Next(7), engine_instance = Rarely() ? (ushort)1 : (ushort)0 };
        return Call(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, new drm_xe_exec_queue_create
        {
            vm_id = Id(),
            width = Rarely() ? (ushort)_random.Next(65536) : (ushort)1,
            num_placements = Rarely() ? (ushort)_random.Next(65536) : (ushort)1,
            instances = (ulong)&instance,
            flags = (uint)_random.Next(2),
        });
    }

    private int DestroyQueue() => Call(DRM_IOCTL_XE_EXEC_QUEUE_DESTROY, new drm_xe_exec_queue_destroy { exec_queue_id = Id() });

    private int Exec()
    {
        // No jumps: every batch comes to an end, be it a bad one.
        ulong batch = arena + ((ulong)_random.NextInt64((long)(arenaBytes >> 12)) << 12);
        uint[] commands = _random.Next(4) switch
        {
            0 => [.. Commands.Store(GpuAddress() + 8, 1), .. Commands.Store(GpuAddress(), 2)],
            1 => Commands.Copy(GpuAddress() + 0x10, GpuAddress() + 0x18, (uint)_random.Next(1, 0x8000)),
            2 => Commands.Increment(GpuAddress() + 0x20),
            _ => Rarely() ? [(uint)_random.NextInt64(uint.MaxValue) & 0x67ffffff] : [0],
        };
        commands.Append(Commands.End).ToArray().CopyTo(new Span<uint>((void*)batch, commands.Length + 1));
        drm_xe_sync* syncs = stackalloc drm_xe_sync[2];
        (syncs[0], syncs[1]) = (Sync(GpuAddress()), Sync(GpuAddress()));
        return Call(DRM_IOCTL_XE_EXEC, new drm_xe_exec
        {
            exec_queue_id = Id(),
            num_batch_buffer = Rarely() ? (ushort)_random.Next(65536) : (ushort)1,
            address = Rarely() ? GpuAddress() : batch,
            num_syncs = (uint)_random.Next(3),
            syncs = (ulong)syncs,
        });
    }

    private int Wait() => Call(DRM_IOCTL_XE_WAIT_USER_FENCE, new drm_xe_wait_user_fence
    {
        addr = Pointer(),
        op = (ushort)_random.Next(Rarely() ? 8 : 6),
        value = (ulong)_random.Next(4),
        mask = (ulong)_random.Next(4),
        timeout = _random.Next(200_000),
        flags = (ushort)_random.Next(2),
        exec_queue_id = _random.Next(2) == 0 ? 0 : Id(),
    });

    private int Advise()
    {
        var advice = new drm_xe_madvise { vm_id = Id(), start = GpuAddress(), range = Bytes(600), type = (uint)_random.Next(Rarely() ? 6 : 2) };
        if (advice.type == DRM_XE_MEM_RANGE_ATTR_PREFERRED_LOC)
        {
            advice.preferred_mem_loc.devmem_fd = (uint)_random.Next(Rarely() ? -3 : -1, Rarely() ? 5 : 1);
        }
        else
        {
            advice.atomic.val = (uint)_random.Next(Rarely() ? 6 : 4);
        }

        return Call(DRM_IOCTL_XE_MADVISE, advice);
    }

    private int Query() => Call(DRM_IOCTL_XE_DEVICE_QUERY, new drm_xe_device_query
    {
        query = (uint)_random.Next(12),
        size = _random.Next(2) == 0 ? 0 : (uint)_random.Next(40, 200),
        data = Pointer(),
    });

    private int GetProperty() => Call(
        DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY, new drm_xe_exec_queue_get_property { exec_queue_id = Id(), property = Rarely() ? 1u : 0 });

    private int Version() => Call(Drm.DRM_IOCTL_VERSION, new drm_version { name = (byte*)Pointer(), name_len = (ulong)_random.Next(100) });

    private int Syncobj()
    {
        uint handle = Id();
        var array = new drm_syncobj_array { handles = Rarely() ? Pointer() : (ulong)&handle, count_handles = Rarely() ? Id() : 1 };
        return _random.Next(5) switch
        {
            0 or 1 => Call(Drm.DRM_IOCTL_SYNCOBJ_CREATE, new drm_syncobj_create { flags = (uint)_random.Next(Rarely() ? 4 : 2) }),
            2 => Call(Drm.DRM_IOCTL_SYNCOBJ_DESTROY, new drm_syncobj_destroy { handle = handle }),
            3 => Call(Drm.DRM_IOCTL_SYNCOBJ_RESET, array),
            _ => Call(Drm.DRM_IOCTL_SYNCOBJ_SIGNAL, array),
        };
    }

    private int SyncobjWait()
    {
        uint* handles = stackalloc uint[3];
        ulong* points = stackalloc ulong[3];
        for (int i = 0; i < 3; i++)
        {
            (handles[i], points[i]) = (Id(), (ulong)_random.Next(6));
        }

        long until = _random.Next(2) == 0 ? 0 : System.Diagnostics.Stopwatch.GetTimestamp() + _random.Next(200_000);
        uint count = (uint)_random.Next(4);
        uint flags = (uint)_random.Next(Rarely() ? 32 : 16);
        return _random.Next(2) == 0
            ? Call(Drm.DRM_IOCTL_SYNCOBJ_WAIT, new drm_syncobj_wait
            {
                handles = (ulong)handles,
                count_handles = count,
                timeout_nsec = until,
                flags = flags & ~Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE,
            })
            : Call(Drm.DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, new drm_syncobj_timeline_wait
            {
                handles = (ulong)handles,
                points = (ulong)points,
                count_handles = count,
                timeout_nsec = until,
                flags = flags,
            });
    }

    private int SyncobjPoints()
    {
        uint handle = Id();
        ulong point = (ulong)_random.Next(8);
        var array = new drm_syncobj_timeline_array { handles = (ulong)&handle, points = (ulong)&point, count_handles = 1 };
        return _random.Next(2) == 0
            ? Call(Drm.DRM_IOCTL_SYNCOBJ_QUERY, array with { flags = (uint)_random.Next(Rarely() ? 4 : 2) })
            : Call(Drm.DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, array);
    }

    private int SyncobjTransfer() => Call(Drm.DRM_IOCTL_SYNCOBJ_TRANSFER, new drm_syncobj_transfer
    {
        src_handle = Id(),
        dst_handle = Id(),
        src_point = (ulong)_random.Next(4),
        dst_point = (ulong)_random.Next(4),
    });

    /// <summary>A request number of any kind, with an argument of random bytes whose pointers cannot be good.</summary>
    private int Garbage()
    {
        ulong* argument = stackalloc ulong[2048];
        for (int i = 0; i < 2048; i++)
        {
            // Small numbers, as ids and flags are, or nothing: no sum of two is the address of memory.
            argument[i] = _random.Next(3) == 0 ? (ulong)_random.Next(16) : 0;
        }

        uint number = (uint)_random.Next(256);
        if (s_notForGarbage.Contains(number))
        {
            return 0;
        }

        return file.Ioctl((uint)_random.NextInt64(uint.MaxValue) & ~0xffffu | 0x6400u | number, argument);
    }

    private int MapBo()
    {
        var offset = new drm_xe_gem_mmap_offset { handle = Id() };
        int result = file.Ioctl(DRM_IOCTL_XE_GEM_MMAP_OFFSET, &offset);
        nuint length = (nuint)_random.Next(1, 8) << 12;
        if (result < 0)
        {
            return result;
        }

        result = file.Map(offset.offset, length, DrmMapProtection.Read | DrmMapProtection.Write, out nint address);
        if (result == 0)
        {
            *(byte*)address = 1;
            _mapped.Add((address, length));
        }

        return result;
    }

    private int UnmapBo()
    {
        if (_mapped.Count == 0)
        {
            return 0;
        }

        int index = _random.Next(_mapped.Count);
        (nint address, nuint length) = _mapped[index];
        _mapped.RemoveAt(index);
        return file.Unmap(address, length);
    }
}
