using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>
/// A client with a VM, which in fault mode mirrors the whole address space, and a copy queue, that runs small batches from its own memory.
/// </summary>
internal sealed unsafe class GpuClient : DrmClient
{
    private const ulong BatchBytes = 64 << 10;
    /// <summary>Where the jump of <see cref="Spin"/> is, which goes to itself.</summary>
    private const ulong SpinOffset = 16;

    private readonly bool _controlIsBo;
    private ulong _fenceValue;

    public GpuClient(SoftwareBackendOptions? options = null, uint vmFlags = FaultMode)
        : base(options ?? new SoftwareBackendOptions { VramBytes = 256 << 20 }) =>
        (Vm, Control, Queue, _controlIsBo) = Prepare(vmFlags);

    /// <summary>A client of one device of a machine.</summary>
    public GpuClient(SoftwareBackend backend, int device)
        : base(backend, device) =>
        (Vm, Control, Queue, _controlIsBo) = Prepare(FaultMode);

    public uint Vm { get; }

    public uint Queue { get; }

    /// <summary>Memory for batches and fences; never a target of tests.</summary>
    public ulong Control { get; }

    private (uint Vm, ulong Control, uint Queue, bool ControlIsBo) Prepare(uint vmFlags)
    {
        uint vm = CreateVm(vmFlags);
        if ((vmFlags & DrmXe.DRM_XE_VM_CREATE_FLAG_FAULT_MODE) != 0)
        {
            // Batches and fences stay in system memory: what tests count are the migrations of their own memory.
            ulong memory = Map(BatchBytes);
            Assert.Equal(0, BindMirror(vm, 0, 1UL << 47));
            Assert.Equal(0, AdviseLocation(vm, memory, BatchBytes, -1));
            return (vm, memory, CreateQueue(vm), false);
        }

        // No mirror without faults: a buffer object that both sides have at the same address.
        uint handle = CreateBo(BatchBytes);
        ulong control = (ulong)MapBo(handle, BatchBytes);
        Assert.Equal(0, BindBo(vm, handle, control, BatchBytes));
        return (vm, control, CreateQueue(vm), true);
    }

    public int BindMirror(uint flags = 0) => BindMirror(Vm, 0, 1UL << 47, flags);

    public int Bind(in drm_xe_vm_bind_op op, uint vm = 0) => Bind(vm == 0 ? Vm : vm, op);

    public int Prefetch(ulong address, ulong bytes, uint region) => Bind(Vm, Ops.Prefetch(address, bytes, region));

    public int Advise(ulong address, ulong bytes, int preferredLocation) => AdviseLocation(Vm, address, bytes, preferredLocation);

    /// <summary>Runs a batch that stores one 32-bit value, and waits for its fence.</summary>
    public int Store(ulong address, uint value) => Run(Commands.Store(address, value));

    /// <summary>Runs a batch on the client's queue and waits: the result of WAIT_USER_FENCE, or of EXEC when that failed.</summary>
    public int Run(params ReadOnlySpan<uint> commands) => Run(Queue, Control, commands);

    /// <summary>Runs a batch from given control memory: batch first, the fence in its last 8 bytes.</summary>
    public int Run(uint queue, ulong control, ReadOnlySpan<uint> commands)
    {
        ulong value = Interlocked.Increment(ref _fenceValue);
        int result = Submit(queue, control, commands, value);
        return result < 0 ? result : Wait(queue, control, value, 120_000_000_000);
    }

    public int Submit(uint queue, ulong control, ReadOnlySpan<uint> commands, ulong fenceValue)
    {
        var batch = new Span<uint>((void*)control, (int)BatchBytes / 4);
        commands.CopyTo(batch);
        batch[commands.Length] = Commands.End;
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

    /// <summary>Waits until a word of memory has a value.</summary>
    public int WaitForWord(ulong address, ulong value, long timeout = 120_000_000_000)
    {
        var wait = new drm_xe_wait_user_fence { addr = address, value = value, mask = ulong.MaxValue, timeout = timeout };
        return Ioctl(DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE, ref wait);
    }

    /// <summary>Starts a batch that runs until <see cref="EndSpin"/>, and returns once it runs. It takes the first 256 bytes of its memory.</summary>
    public void Spin(uint queue, ulong control)
    {
        uint* started = (uint*)(control + 128);
        *started = 0;
        uint[] commands = [.. Commands.Store((ulong)started, 1), .. Commands.Jump(control + SpinOffset)];
        commands.CopyTo(new Span<uint>((void*)control, commands.Length));
        var exec = new drm_xe_exec { exec_queue_id = queue, num_batch_buffer = 1, address = control };
        Assert.Equal(0, Ioctl(DrmXe.DRM_IOCTL_XE_EXEC, ref exec));
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref *started) == 1, TimeSpan.FromMinutes(2)), "The batch does not start.");
    }

    /// <summary>Lets the batch of <see cref="Spin"/> come to its end.</summary>
    public static void EndSpin(ulong control) => Volatile.Write(ref *(uint*)(control + SpinOffset), Commands.End);

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (_controlIsBo)
        {
            UnmapBo((void*)Control, BatchBytes);
        }
        else
        {
            Unmap(Control, BatchBytes);
        }
    }
}
