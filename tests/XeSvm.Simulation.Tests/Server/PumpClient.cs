using System.Runtime.InteropServices;

using XeSvm.Interop.LibC;
using XeSvm.Interop.Native;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Server;

namespace XeSvm.Simulation.Tests.Server;

/// <summary>A client, in this process, whose CPU-fault pump is a test's: it has GPUs fault at memory, and what a pump is asked goes to <see cref="Answer"/>.</summary>
internal abstract unsafe class PumpClient : IDisposable
{
    private static ulong s_fences;
    private readonly List<ServerConnection> _files = [];
    private readonly List<(uint Vm, uint Queue)> _queues = [];
    private readonly List<ServerConnection> _lanes = [];
    private readonly List<Thread> _threads = [];
    private readonly string _socket;
    private readonly ulong _space;
    private ulong _fence;

    /// <param name="socket">The server's.</param>
    /// <param name="space">The address space that this says it is.</param>
    /// <param name="block">What GPUs fault at.</param>
    /// <param name="devices">How many devices it opens.</param>
    protected PumpClient(string socket, ulong space, PumpBlock block, int devices = 1)
    {
        Block = block.Address;
        _socket = socket;
        _space = space;
        Channel = ServerConnection.OpenChannel(socket, space);
        for (uint device = 0; device < devices; device++)
        {
            _files.Add(ServerConnection.OpenFile(socket, 128 + device));
        }
    }

    /// <summary>The connection for calls.</summary>
    public ServerConnection Channel { get; }

    /// <summary>The block that GPUs fault at: its address.</summary>
    public ulong Block { get; }

    /// <summary>Makes a VM that mirrors this process on every device, and connects the pump.</summary>
    public void Connect()
    {
        foreach (ServerConnection file in _files)
        {
            var vm = new drm_xe_vm_create { flags = DrmXe.DRM_XE_VM_CREATE_FLAG_LR_MODE | DrmXe.DRM_XE_VM_CREATE_FLAG_FAULT_MODE };
            Assert.Equal(0, Channel.Ioctl(file, DrmXe.DRM_IOCTL_XE_VM_CREATE, ref vm));
            var bind = new drm_xe_vm_bind { vm_id = vm.vm_id, num_binds = 1 };
            bind.bind.range = 1UL << 47;
            bind.bind.flags = DrmXe.DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR;
            Assert.Equal(0, Channel.Ioctl(file, DrmXe.DRM_IOCTL_XE_VM_BIND, ref bind));
            _queues.Add((vm.vm_id, 0));
        }

        for (uint kind = 0; kind < 2; kind++)
        {
            ServerConnection lane = ServerConnection.Open(_socket, ConnectionKind.Pump, kind | (Xesvm.XESVM_PUMP_MODE_FULL << 8), _space);
            Assert.Equal(0, lane.Card.Result);
            var serving = (PumpLaneKind)kind;
            var thread = new Thread(() => Serve(serving, lane));
            thread.Start();
            _lanes.Add(lane);
            _threads.Add(thread);
        }
    }

    /// <summary>Has a GPU fault at the block, which holds the batch and the fence.</summary>
    /// <returns>Whether the server took the job; one that has to do with this client no more does not.</returns>
    public bool Fault(int device = 0)
    {
        ServerConnection file = _files[device];
        (uint vm, uint id) = _queues[device];
        if (id == 0)
        {
            var instance = new drm_xe_engine_class_instance { engine_class = (ushort)DrmXe.DRM_XE_ENGINE_CLASS_COPY };
            var queue = new drm_xe_exec_queue_create { vm_id = vm, width = 1, num_placements = 1, instances = (ulong)&instance };
            if (Channel.Ioctl(file, DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref queue) is not 0)
            {
                return false;
            }

            _queues[device] = (vm, queue.exec_queue_id);
        }

        _fence = Interlocked.Increment(ref s_fences); // no fence of another client's job passes for this one's
        var sync = new drm_xe_sync
        {
            type = DrmXe.DRM_XE_SYNC_TYPE_USER_FENCE,
            flags = DrmXe.DRM_XE_SYNC_FLAG_SIGNAL,
            addr = Block + 4096,
            timeline_value = _fence,
        };
        var exec = new drm_xe_exec { exec_queue_id = _queues[device].Queue, num_batch_buffer = 1, num_syncs = 1, address = Block, syncs = (ulong)&sync };
        return Channel.Ioctl(file, DrmXe.DRM_IOCTL_XE_EXEC, ref exec) is 0;
    }

    /// <summary>Waits for the last job that <see cref="Fault"/> started; false when the server ended it, or will not say.</summary>
    public bool Wait(int device = 0)
    {
        var wait = new drm_xe_wait_user_fence
        {
            addr = Block + 4096,
            op = (ushort)DrmXe.DRM_XE_UFENCE_WAIT_OP_EQ,
            value = _fence,
            mask = ulong.MaxValue,
            timeout = 60_000_000_000,
            exec_queue_id = _queues[device].Queue,
        };
        return Channel.Ioctl(_files[device], DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE, ref wait) is 0;
    }

    /// <summary>Has the server take events; false when it ends the connection or has no pump.</summary>
    public bool Settle() => Channel.Call(new RequestMessage { Call = ServerCall.Settle }, out _) is 0;

    /// <summary>Ends the lanes, as a client does that has lost its pump.</summary>
    public void BreakLanes() => _lanes.ForEach(lane => SystemCalls.Shutdown(lane.Handle));

    public void Dispose()
    {
        _files.ForEach(file => file.Dispose());
        Channel.Dispose();
        BreakLanes();
        _threads.ForEach(thread => thread.Join());
        _lanes.ForEach(lane => lane.Dispose());
    }

    /// <summary>Answers a request. On the thread of the lane.</summary>
    /// <param name="lane">Which lane.</param>
    /// <param name="request">The request.</param>
    /// <param name="answer">The answer, with magic and sequence filled in and the rest 0.</param>
    /// <param name="data">The data that came with the request, to be overwritten with that of the answer.</param>
    /// <returns>How many bytes to send, head included; below 0 to end the lanes.</returns>
    protected abstract int Answer(PumpLaneKind lane, in PumpRequestMessage request, ref PumpAnswerMessage answer, Span<byte> data);

    private void Serve(PumpLaneKind kind, ServerConnection lane)
    {
        int head = sizeof(PumpAnswerMessage);
        int requestHead = sizeof(PumpRequestMessage);
        byte* question = (byte*)NativeMemory.AllocZeroed((nuint)(requestHead + PumpProtocol.DataBytes));
        byte* buffer = (byte*)NativeMemory.AllocZeroed((nuint)(head + PumpProtocol.DataBytes));
        var answer = (PumpAnswerMessage*)buffer;
        var data = new Span<byte>(buffer + head, PumpProtocol.DataBytes);
        while (true)
        {
            int received = SystemCalls.Receive(lane.Handle, question, requestHead + PumpProtocol.DataBytes, out FileDescriptorHandle? descriptor);
            descriptor?.Dispose();
            if (received < requestHead)
            {
                break;
            }

            var request = (PumpRequestMessage*)question;
            new Span<byte>(question + requestHead, received - requestHead).CopyTo(data);
            *answer = new PumpAnswerMessage { Magic = PumpProtocol.AnswerMagic, Sequence = request->Sequence };
            int length = Answer(kind, *request, ref *answer, data);
            if (length < 0)
            {
                BreakLanes();
                break;
            }

            if (SystemCalls.Send(lane.Handle, buffer, length, null) < 0)
            {
                break;
            }
        }

        NativeMemory.Free(question);
        NativeMemory.Free(buffer);
    }
}

/// <summary>
/// A block of memory with a batch. It must stay until the server has forgotten its clients: until then a job may write its fence there, and nothing else
/// may have the address. So it is made before the server, and ends after it.
/// </summary>
internal sealed unsafe class PumpBlock : IDisposable
{
    private const uint Stop = 0x0500_0000; // MI_BATCH_BUFFER_END
    private const nuint Bytes = 2 << 20;

    public PumpBlock()
    {
        Assert.Equal(0, SystemCalls.MapAnonymous(Bytes, MemoryProtection.ReadWrite, Bytes, out nint address));
        *(uint*)address = Stop;
        Address = (ulong)address;
    }

    public ulong Address { get; }

    public void Dispose() => SystemCalls.Unmap((nint)Address, Bytes);
}
