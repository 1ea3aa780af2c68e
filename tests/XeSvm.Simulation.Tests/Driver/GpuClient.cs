using System.Runtime.InteropServices;

using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>
/// A client as a C program would be: ioctls by struct, memory by mmap. Opens a software device, makes a mirror VM over the whole address
/// space and a copy queue, and runs small batches from its own memory.
/// </summary>
internal sealed unsafe class GpuClient : IDisposable
{
    private const ulong BatchBytes = 64 << 10;
    private readonly SoftwareBackend _backend;
    private ulong _fenceValue;

    public GpuClient(SoftwareBackendOptions? options = null, uint vmFlags = DrmXe.DRM_XE_VM_CREATE_FLAG_LR_MODE | DrmXe.DRM_XE_VM_CREATE_FLAG_FAULT_MODE)
    {
        _backend = new SoftwareBackend(options ?? new SoftwareBackendOptions { VramBytes = 256 << 20 });
        Assert.Equal(0, _backend.Open(_backend.Enumerate()[0], out DrmFile? file));
        File = file!;
        Vm = CreateVm(vmFlags);
        Control = Map(BatchBytes);
        if ((vmFlags & DrmXe.DRM_XE_VM_CREATE_FLAG_FAULT_MODE) != 0)
        {
            // Batches and fences stay in system memory: what tests count are the migrations of their own memory.
            Assert.Equal(0, BindMirror());
            Assert.Equal(0, Advise(Control, BatchBytes, preferredLocation: -1));
        }

        Queue = CreateQueue(Vm);
    }

    public DrmFile File { get; }

    public uint Vm { get; }

    public uint Queue { get; }

    /// <summary>Memory for batches and fences; never a target of tests.</summary>
    public ulong Control { get; }

    public string Backend => File.ReadDebugFile("backend").Text!;

    public bool IsCoherent => Backend.Contains("cpu_faults: coherent", StringComparison.Ordinal);

    public static ulong Map(ulong bytes, ulong alignment = 4096)
    {
        Assert.Equal(0, SystemCalls.MapAnonymous((nuint)bytes, MemoryProtection.ReadWrite, (nuint)alignment, out nint address));
        Assert.Equal(0, SystemCalls.Advise(address, (nuint)bytes, MemoryAdvice.NoHugePage));
        return (ulong)address;
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

    public int BindMirror(uint flags = 0) => Bind(new drm_xe_vm_bind_op
    {
        op = DrmXe.DRM_XE_VM_BIND_OP_MAP,
        flags = DrmXe.DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR | flags,
        range = 1UL << 47,
    });

    public int Bind(in drm_xe_vm_bind_op op, uint vm = 0)
    {
        var bind = new drm_xe_vm_bind { vm_id = vm == 0 ? Vm : vm, num_binds = 1, bind = op };
        return Ioctl(DrmXe.DRM_IOCTL_XE_VM_BIND, ref bind);
    }

    public int Prefetch(ulong address, ulong bytes, uint region) => Bind(new drm_xe_vm_bind_op
    {
        op = DrmXe.DRM_XE_VM_BIND_OP_PREFETCH,
        addr = address,
        range = bytes,
        prefetch_mem_region_instance = region,
    });

    public int Advise(ulong address, ulong bytes, int preferredLocation)
    {
        var advice = new drm_xe_madvise { vm_id = Vm, start = address, range = bytes, type = DrmXe.DRM_XE_MEM_RANGE_ATTR_PREFERRED_LOC };
        advice.preferred_mem_loc.devmem_fd = (uint)preferredLocation;
        return Ioctl(DrmXe.DRM_IOCTL_XE_MADVISE, ref advice);
    }

    public uint CreateQueue(uint vm, ushort engineClass = (ushort)DrmXe.DRM_XE_ENGINE_CLASS_COPY)
    {
        var instance = new drm_xe_engine_class_instance { engine_class = engineClass };
        var create = new drm_xe_exec_queue_create { vm_id = vm, width = 1, num_placements = 1, instances = (ulong)&instance };
        Assert.Equal(0, Ioctl(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref create));
        return create.exec_queue_id;
    }

    /// <summary>Runs a batch that stores one 32-bit value, and waits for its fence.</summary>
    public int Store(ulong address, uint value) => Run(0x10000002, (uint)address, (uint)(address >> 32), value);

    /// <summary>Runs a batch on the client's queue and waits: the result of WAIT_USER_FENCE, or of EXEC when that failed.</summary>
    public int Run(params ReadOnlySpan<uint> commands) => Run(Queue, Control, commands);

    /// <summary>Runs a batch from given control memory: batch first, the fence in its last 8 bytes.</summary>
    public int Run(uint queue, ulong control, ReadOnlySpan<uint> commands)
    {
        ulong value = Interlocked.Increment(ref _fenceValue);
        int result = Submit(queue, control, commands, value);
        return result < 0 ? result : Wait(queue, control, value, 20_000_000_000);
    }

    public int Submit(uint queue, ulong control, ReadOnlySpan<uint> commands, ulong fenceValue)
    {
        var batch = new Span<uint>((void*)control, (int)BatchBytes / 4);
        commands.CopyTo(batch);
        batch[commands.Length] = 0x05000000;
        var sync = new drm_xe_sync
        {
            type = DrmXe.DRM_XE_SYNC_TYPE_USER_FENCE,
            flags = DrmXe.DRM_XE_SYNC_FLAG_SIGNAL,
            addr = control + BatchBytes - 8,
            timeline_value = fenceValue,
        };
        var exec = new drm_xe_exec { exec_queue_id = queue, num_batch_buffer = 1, address = control, num_syncs = 1, syncs = (ulong)&sync };
        return Ioctl(DrmXe.DRM_IOCTL_XE_EXEC, ref exec);
    }

    public int Wait(uint queue, ulong control, ulong fenceValue, long timeout)
    {
        var wait = new drm_xe_wait_user_fence
        {
            addr = control + BatchBytes - 8,
            op = (ushort)DrmXe.DRM_XE_UFENCE_WAIT_OP_EQ,
            value = fenceValue,
            mask = ulong.MaxValue,
            timeout = timeout,
            exec_queue_id = queue,
        };
        return Ioctl(DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE, ref wait);
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
        File.Dispose();
        _backend.Dispose();
        Unmap(Control, BatchBytes);
    }
}
