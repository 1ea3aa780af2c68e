using XeSvm.Interop.Uapi;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver.Fences;

/// <summary>
/// A client with a dma-fence VM, whose jobs spin until the test ends them: fences that are signalled when a test wants it. Control memory is a
/// buffer object at the same address for the CPU and the GPU; each spinner takes one of its pages.
/// </summary>
internal sealed unsafe class FenceMachine : IDisposable
{
    private const ulong PageBytes = 0x1000;

    public FenceMachine(uint vmFlags = 0)
    {
        Gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = "coherent" }, vmFlags);

        // A spinner must not be stopped because the machine is busy.
        Gpu.Device.JobTimeout = TimeSpan.FromMinutes(5);
    }

    public GpuClient Gpu { get; }

    public uint Vm => Gpu.Vm;

    /// <summary>A word of control memory that no spinner uses.</summary>
    public ulong Word(int index) => Gpu.Control + 0xf000 + ((ulong)index * sizeof(ulong));

    public static drm_xe_sync Syncobj(uint handle, bool signal, ulong point = 0) => new()
    {
        type = point == 0 ? DRM_XE_SYNC_TYPE_SYNCOBJ : DRM_XE_SYNC_TYPE_TIMELINE_SYNCOBJ,
        flags = signal ? DRM_XE_SYNC_FLAG_SIGNAL : 0,
        handle = handle,
        timeline_value = point,
    };

    public static drm_xe_sync UserFence(ulong address, ulong value) => new()
    {
        type = DRM_XE_SYNC_TYPE_USER_FENCE,
        flags = DRM_XE_SYNC_FLAG_SIGNAL,
        addr = address,
        timeline_value = value,
    };

    /// <summary>Starts a batch that runs until <see cref="End"/>, on a queue of its own unless one is given.</summary>
    public uint Spin(int page, uint queue = 0, params ReadOnlySpan<drm_xe_sync> syncs)
    {
        queue = queue == 0 ? Gpu.CreateQueue(Vm) : queue;
        uint* control = (uint*)PageAt(page);
        uint[] commands = [.. Commands.Store((ulong)control + 128, 1), .. Commands.Jump((ulong)control + 16)];
        control[32] = 0;
        commands.CopyTo(new Span<uint>(control, commands.Length));
        Assert.Equal(0, Exec(queue, (ulong)control, syncs));
        return queue;
    }

    /// <summary>Waits until the batch of <see cref="Spin"/> runs.</summary>
    public void WaitUntilRuns(int page) => Assert.True(
        SpinWait.SpinUntil(() => Volatile.Read(ref *(uint*)(PageAt(page) + 128)) == 1, TimeSpan.FromMinutes(2)),
        "The batch does not start.");

    /// <summary>Whether the batch of <see cref="Spin"/> has begun.</summary>
    public bool Runs(int page) => Volatile.Read(ref *(uint*)(PageAt(page) + 128)) == 1;

    /// <summary>Lets the batch of <see cref="Spin"/> end.</summary>
    public void End(int page) => GpuClient.EndSpin(PageAt(page));

    /// <summary>A syncobj whose fence is that of a spinning job.</summary>
    public uint PendingSyncobj(int page)
    {
        uint handle = Gpu.CreateSyncobj();
        Spin(page, 0, Syncobj(handle, signal: true));
        WaitUntilRuns(page);
        return handle;
    }

    /// <summary>A batch that stores a value, at a page of control memory.</summary>
    public ulong StoreBatch(int page, ulong address, uint value)
    {
        ulong batch = PageAt(page);
        uint[] commands = [.. Commands.Store(address, value), Commands.End];
        commands.CopyTo(new Span<uint>((void*)batch, commands.Length));
        return batch;
    }

    /// <summary>EXEC of one batch; address 0 is an exec without a batch.</summary>
    public int Exec(uint queue, ulong batch, params ReadOnlySpan<drm_xe_sync> syncs)
    {
        fixed (drm_xe_sync* list = syncs)
        {
            var exec = new drm_xe_exec
            {
                exec_queue_id = queue,
                num_batch_buffer = batch == 0 ? (ushort)0 : (ushort)1,
                address = batch,
                num_syncs = (uint)syncs.Length,
                syncs = (ulong)list,
            };
            return Gpu.Ioctl(DRM_IOCTL_XE_EXEC, ref exec);
        }
    }

    /// <summary>VM_BIND of operations with syncs; queue 0 is the VM's own.</summary>
    public int Bind(uint queue, ReadOnlySpan<drm_xe_vm_bind_op> ops, params ReadOnlySpan<drm_xe_sync> syncs)
    {
        fixed (drm_xe_sync* list = syncs)
        fixed (drm_xe_vm_bind_op* opList = ops)
        {
            var bind = new drm_xe_vm_bind
            {
                vm_id = Vm,
                exec_queue_id = queue,
                num_binds = (uint)ops.Length,
                num_syncs = (uint)syncs.Length,
                syncs = (ulong)list,
            };
            if (ops.Length == 1)
            {
                bind.bind = ops[0];
            }
            else
            {
                bind.vector_of_binds = (ulong)opList;
            }

            return Gpu.Ioctl(DRM_IOCTL_XE_VM_BIND, ref bind);
        }
    }

    /// <summary>The first page is where <see cref="GpuClient.Run(ReadOnlySpan{uint})"/> has its batch.</summary>
    private ulong PageAt(int page) => Gpu.Control + ((ulong)(page + 1) * PageBytes);

    public void Dispose() => Gpu.Dispose();
}
