using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Native;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>One open file of a software device, used as a C program would: ioctls by struct, memory by mmap.</summary>
internal unsafe class DrmClient : IDisposable
{
    private const ulong BlockBytes = 2 << 20;

    /// <summary>Far below what the kernel chooses from, and above the fuzzer's memory.</summary>
    private const ulong FirstAddress = 0x3000_0000_0000;

    private static ulong s_nextAddress = FirstAddress;

    public const uint SystemMemory = 1;
    public const uint VramMemory = 2;
    public const uint FaultMode = DrmXe.DRM_XE_VM_CREATE_FLAG_LR_MODE | DrmXe.DRM_XE_VM_CREATE_FLAG_FAULT_MODE;
    public const ushort WriteBack = DrmXe.DRM_XE_GEM_CPU_CACHING_WB;
    public const ushort WriteCombining = DrmXe.DRM_XE_GEM_CPU_CACHING_WC;

    /// <summary>A PAT index with one-way coherency, which fits cached memory; index 0 has none.</summary>
    public const ushort CoherentPat = 2;

    /// <summary>An address at which no process has memory.</summary>
    public const ulong BadPointer = 0x1000;

    private readonly SoftwareBackend _backend;
    private readonly bool _ownsBackend;

    public DrmClient(SoftwareBackendOptions? options = null)
    {
        _backend = new SoftwareBackend(options ?? new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = "coherent" });
        _ownsBackend = true;
        File = Open(_backend);
    }

    /// <summary>Another file of the same device.</summary>
    public DrmClient(DrmClient other)
    {
        _backend = other._backend;
        File = Open(_backend);
    }

    /// <summary>A file of one device of a machine.</summary>
    public DrmClient(SoftwareBackend backend, int device)
    {
        _backend = backend;
        Assert.Equal(0, backend.Open(backend.Enumerate()[device], out DrmFile? file));
        File = file!;
    }

    public DrmFile File { get; }

    public SoftwareFile Software => (SoftwareFile)File;

    public SoftwareDevice Device => Software.Device;

    public string Backend => File.ReadDebugFile("backend").Text!;

    public bool IsCoherent => Backend.Contains("cpu_faults: coherent", StringComparison.Ordinal);

    /// <summary>
    /// Memory at an address that nobody has, had or will have. Tests run beside each other in one address space: where the kernel chose, what one
    /// has unmapped would soon be another's, which its GPU would then reach.
    /// </summary>
    public static ulong Map(ulong bytes, ulong alignment = 4096)
    {
        const int privateAnonymousNotReplacing = 0x2 | 0x20 | 0x100000; // MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE
        alignment = Math.Max(alignment, BlockBytes);
        ulong room = ((bytes + BlockBytes - 1) & ~(BlockBytes - 1)) + alignment + BlockBytes;
        ulong address = (Interlocked.Add(ref s_nextAddress, room) - room + alignment - 1) & ~(alignment - 1);
        ulong mapped;
        Assert.Equal(0, NativeMethods.xesvm_mmap(address, bytes, (int)MemoryProtection.ReadWrite, privateAnonymousNotReplacing, -1, 0, &mapped));
        Assert.Equal(address, mapped);
        Assert.Equal(0, SystemCalls.Advise((nint)address, (nuint)bytes, MemoryAdvice.NoHugePage));
        return address;
    }

    /// <summary>One page of memory with a page behind it that nobody may read; to be unmapped with 0x2000 bytes.</summary>
    public static ulong MapWithGuard()
    {
        ulong page = Map(0x2000);
        Assert.Equal(0, SystemCalls.Protect((nint)page + 0x1000, 0x1000, MemoryProtection.None));
        return page;
    }

    public static void Unmap(ulong address, ulong bytes) => Assert.Equal(0, SystemCalls.Unmap((nint)address, (nuint)bytes));

    /// <summary>Touches every page by the CPU: page i holds its index in its first word.</summary>
    public static void Touch(ulong address, ulong bytes)
    {
        for (ulong at = 0; at < bytes; at += 4096)
        {
            *(ulong*)(address + at) = at >> 12;
        }
    }

    public int Ioctl<T>(uint request, ref T argument)
        where T : unmanaged
    {
        fixed (T* pointer = &argument)
        {
            return File.Ioctl(request, pointer);
        }
    }

    public uint CreateVm(uint flags)
    {
        var create = new drm_xe_vm_create { flags = flags };
        Assert.Equal(0, Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE, ref create));
        return create.vm_id;
    }

    public int DestroyVm(uint vm)
    {
        var destroy = new drm_xe_vm_destroy { vm_id = vm };
        return Ioctl(DrmXe.DRM_IOCTL_XE_VM_DESTROY, ref destroy);
    }

    /// <summary>What the driver knows of a VM.</summary>
    public Vm Inspect(uint vm)
    {
        Assert.True(Software.Vms.TryGet(vm, out Vm? found));
        return found;
    }

    /// <summary>The areas of a VM as text, lowest first: start-end in hexadecimal, and the kind.</summary>
    public string Areas(uint vm)
    {
        Vm inspected = Inspect(vm);
        var areas = new List<string>();
        lock (inspected.Lock)
        {
            for (Vma? vma = inspected.Vmas.FirstOverlap(0, inspected.Size); vma is not null; vma = inspected.Vmas.FindAbove(vma.Start))
            {
                areas.Add($"{vma.Start:x}-{vma.End:x} {vma.Kind}");
            }
        }

        return string.Join(", ", areas);
    }

    /// <summary>What the GPU page table of a VM has for an address.</summary>
    public Leaf Walk(uint vm, ulong address)
    {
        if (!Inspect(vm).PageTable.TryWalk(address, out GpuPte pte, out int shift))
        {
            return Leaf.Nothing;
        }

        return pte.Kind == GpuPteKind.Null ? Leaf.Null : new Leaf(pte.Kind, pte.Address + (address & ((1UL << shift) - 1)));
    }

    /// <summary>Where a buffer object is in VRAM.</summary>
    public ulong VramOffset(uint handle)
    {
        Assert.True(Software.Handles.TryGet(handle, out BufferObject? bufferObject));
        return bufferObject.VramOffset;
    }

    /// <summary>What the driver knows of a buffer object.</summary>
    public BufferObject InspectBo(uint handle)
    {
        Assert.True(Software.Handles.TryGet(handle, out BufferObject? bufferObject));
        return bufferObject;
    }

    /// <summary>PRIME_HANDLE_TO_FD: the descriptor, or a negative errno.</summary>
    public int Export(uint handle, uint flags = Drm.DRM_RDWR | Drm.DRM_CLOEXEC)
    {
        var prime = new drm_prime_handle { handle = handle, flags = flags, fd = -1 };
        int result = Ioctl(Drm.DRM_IOCTL_PRIME_HANDLE_TO_FD, ref prime);
        return result < 0 ? result : prime.fd;
    }

    /// <summary>PRIME_FD_TO_HANDLE.</summary>
    public int Import(int descriptor, out uint handle)
    {
        var prime = new drm_prime_handle { fd = descriptor };
        int result = Ioctl(Drm.DRM_IOCTL_PRIME_FD_TO_HANDLE, ref prime);
        handle = prime.handle;
        return result;
    }

    public int AdvisePurgeable(uint vm, ulong address, ulong range, bool dontNeed, uint* retained = null)
    {
        var advice = new drm_xe_madvise { vm_id = vm, start = address, range = range, type = DrmXe.DRM_XE_VMA_ATTR_PURGEABLE_STATE };
        advice.purge_state_val.val = dontNeed ? DrmXe.DRM_XE_VMA_PURGEABLE_STATE_DONTNEED : DrmXe.DRM_XE_VMA_PURGEABLE_STATE_WILLNEED;
        advice.purge_state_val.retained_ptr = (ulong)retained;
        return Ioctl(DrmXe.DRM_IOCTL_XE_MADVISE, ref advice);
    }

    public uint CreateBo(ulong size, uint placement = SystemMemory, uint flags = 0)
    {
        int result = TryCreateBo(size, placement, out uint handle, flags);
        Assert.Equal(0, result);
        return handle;
    }

    public int TryCreateBo(ulong size, uint placement, out uint handle, uint flags = 0)
    {
        var create = new drm_xe_gem_create
        {
            size = size,
            placement = placement,
            flags = flags,
            cpu_caching = (placement & ~SystemMemory) != 0 ? WriteCombining : WriteBack,
        };
        int result = Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref create);
        handle = create.handle;
        return result;
    }

    public int CloseBo(uint handle)
    {
        var close = new drm_gem_close { handle = handle };
        return Ioctl(Drm.DRM_IOCTL_GEM_CLOSE, ref close);
    }

    public ulong OffsetOf(uint handle)
    {
        var offset = new drm_xe_gem_mmap_offset { handle = handle };
        Assert.Equal(0, Ioctl(DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET, ref offset));
        return offset.offset;
    }

    /// <summary>Maps a buffer object for the CPU.</summary>
    public byte* MapBo(uint handle, ulong size, DrmMapProtection protection = DrmMapProtection.Read | DrmMapProtection.Write)
    {
        Assert.Equal(0, File.Map(OffsetOf(handle), (nuint)size, protection, out nint address));
        return (byte*)address;
    }

    public void UnmapBo(void* address, ulong size) => Assert.Equal(0, File.Unmap((nint)address, (nuint)size));

    public int Bind(uint vm, in drm_xe_vm_bind_op op)
    {
        var bind = new drm_xe_vm_bind { vm_id = vm, num_binds = 1, bind = op };
        return Ioctl(DrmXe.DRM_IOCTL_XE_VM_BIND, ref bind);
    }

    /// <summary>A bind of an array of operations; one or none go without the array, as the uAPI has it.</summary>
    public int BindArray(uint vm, params ReadOnlySpan<drm_xe_vm_bind_op> ops)
    {
        if (ops.Length <= 1)
        {
            var embedded = new drm_xe_vm_bind { vm_id = vm, num_binds = (uint)ops.Length, bind = ops.IsEmpty ? default : ops[0] };
            return Ioctl(DrmXe.DRM_IOCTL_XE_VM_BIND, ref embedded);
        }

        fixed (drm_xe_vm_bind_op* first = ops)
        {
            var bind = new drm_xe_vm_bind { vm_id = vm, num_binds = (uint)ops.Length, vector_of_binds = (ulong)first };
            return Ioctl(DrmXe.DRM_IOCTL_XE_VM_BIND, ref bind);
        }
    }

    public int BindBo(uint vm, uint handle, ulong address, ulong range, ulong offset = 0, uint flags = 0) =>
        Bind(vm, Ops.MapBo(handle, address, range, offset, flags));

    public int BindNull(uint vm, ulong address, ulong range) => Bind(vm, Ops.MapNull(address, range));

    public int BindMirror(uint vm, ulong address, ulong range, uint flags = 0) => Bind(vm, Ops.MapMirror(address, range, flags));

    public int UnbindRange(uint vm, ulong address, ulong range) => Bind(vm, Ops.Unmap(address, range));

    public int AdviseLocation(uint vm, ulong address, ulong range, int fd, ushort policy = 0, ushort region = 0)
    {
        var advice = new drm_xe_madvise { vm_id = vm, start = address, range = range, type = DrmXe.DRM_XE_MEM_RANGE_ATTR_PREFERRED_LOC };
        advice.preferred_mem_loc.devmem_fd = (uint)fd;
        advice.preferred_mem_loc.migration_policy = policy;
        advice.preferred_mem_loc.region_instance = region;
        return Ioctl(DrmXe.DRM_IOCTL_XE_MADVISE, ref advice);
    }

    public int AdviseAtomic(uint vm, ulong address, ulong range, uint policy)
    {
        var advice = new drm_xe_madvise { vm_id = vm, start = address, range = range, type = DrmXe.DRM_XE_MEM_RANGE_ATTR_ATOMIC };
        advice.atomic.val = policy;
        return Ioctl(DrmXe.DRM_IOCTL_XE_MADVISE, ref advice);
    }

    public uint CreateQueue(uint vm, ushort engineClass = (ushort)DrmXe.DRM_XE_ENGINE_CLASS_COPY)
    {
        Assert.Equal(0, TryCreateQueue(vm, engineClass, out uint queue));
        return queue;
    }

    public int TryCreateQueue(uint vm, ushort engineClass, out uint queue)
    {
        var instance = new drm_xe_engine_class_instance { engine_class = engineClass };
        var create = new drm_xe_exec_queue_create { vm_id = vm, width = 1, num_placements = 1, instances = (ulong)&instance };
        int result = Ioctl(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref create);
        queue = create.exec_queue_id;
        return result;
    }

    public int DestroyQueue(uint queue)
    {
        var destroy = new drm_xe_exec_queue_destroy { exec_queue_id = queue };
        return Ioctl(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_DESTROY, ref destroy);
    }

    /// <summary>Whether a queue is banned (EXEC_QUEUE_GET_PROPERTY).</summary>
    public bool IsBanned(uint queue)
    {
        var property = new drm_xe_exec_queue_get_property { exec_queue_id = queue, property = DrmXe.DRM_XE_EXEC_QUEUE_GET_PROPERTY_BAN };
        Assert.Equal(0, Ioctl(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY, ref property));
        return property.value != 0;
    }

    /// <summary>A counter of gt0/stats or dma.</summary>
    public long Counter(string name, string file = "gt0/stats")
    {
        foreach (string line in File.ReadDebugFile(file).Text!.Split('\n'))
        {
            if (line.StartsWith(name + ": ", StringComparison.Ordinal))
            {
                return long.Parse(line.AsSpan(name.Length + 2), System.Globalization.CultureInfo.InvariantCulture);
            }
        }

        throw new KeyNotFoundException($"{file} has no counter '{name}'.");
    }

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        File.Dispose();
        if (_ownsBackend)
        {
            _backend.Dispose();
        }
    }

    private static DrmFile Open(SoftwareBackend backend)
    {
        Assert.Equal(0, backend.Open(backend.Enumerate()[0], out DrmFile? file));
        return file!;
    }
}
