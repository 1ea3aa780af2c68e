using System.Runtime.InteropServices;

using XeSvm.Interop.LibC;
using XeSvm.Interop.Native;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Server;

namespace XeSvm.Simulation.Tests.Server;

/// <summary>A client, in this process, whose CPU-fault pump answers anything: results, values, events and lengths that no pump would send.</summary>
internal sealed unsafe class LyingPump : IDisposable
{
    private const uint Stop = 0x0500_0000; // MI_BATCH_BUFFER_END
    private readonly Random _random;
    private readonly ServerConnection _channel;
    private readonly ServerConnection _file;
    private readonly List<ServerConnection> _lanes = [];
    private readonly List<Thread> _threads = [];
    private readonly uint* _batch;
    private readonly string _socket;
    private readonly ulong _space;

    /// <param name="socket">Of the server.</param>
    /// <param name="random">What the lies come from.</param>
    /// <param name="space">Names the address space that it claims to have.</param>
    /// <param name="batch">
    /// A block of memory; it must stay until the server has forgotten the client: until then a job may write its fence there, and nothing else may
    /// have the address.
    /// </param>
    public LyingPump(string socket, Random random, ulong space, uint* batch)
    {
        _socket = socket;
        _random = random;
        _space = space;
        _channel = ServerConnection.OpenChannel(socket, space);
        _file = ServerConnection.OpenFile(socket);
        _batch = batch;
    }

    /// <summary>Has the GPU fault at memory that the pump has to give.</summary>
    public void Run()
    {
        var vm = new drm_xe_vm_create { flags = DrmXe.DRM_XE_VM_CREATE_FLAG_LR_MODE | DrmXe.DRM_XE_VM_CREATE_FLAG_FAULT_MODE };
        Assert.Equal(0, _channel.Ioctl(_file, DrmXe.DRM_IOCTL_XE_VM_CREATE, ref vm));
        var bind = new drm_xe_vm_bind { vm_id = vm.vm_id, num_binds = 1 };
        bind.bind.range = 1UL << 47;
        bind.bind.flags = DrmXe.DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR;
        Assert.Equal(0, _channel.Ioctl(_file, DrmXe.DRM_IOCTL_XE_VM_BIND, ref bind));
        for (uint kind = 0; kind < 2; kind++)
        {
            ServerConnection lane = ServerConnection.Open(_socket, ConnectionKind.Pump, kind | (Xesvm.XESVM_PUMP_MODE_FULL << 8), _space);
            Assert.Equal(0, lane.Card.Result);
            var random = new Random(_random.Next());
            var thread = new Thread(() => Answer(lane, random));
            thread.Start();
            _lanes.Add(lane);
            _threads.Add(thread);
        }

        var instance = new drm_xe_engine_class_instance { engine_class = (ushort)DrmXe.DRM_XE_ENGINE_CLASS_COPY };
        var queue = new drm_xe_exec_queue_create { vm_id = vm.vm_id, width = 1, num_placements = 1, instances = (ulong)&instance };
        _batch[0] = Stop;
        for (int i = 0; i < 8; i++)
        {
            // From the first lie on that is found out, the server has nothing to do with this client any more.
            if (_channel.Ioctl(_file, DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref queue) is not 0)
            {
                break;
            }

            var sync = new drm_xe_sync
            {
                type = DrmXe.DRM_XE_SYNC_TYPE_USER_FENCE,
                flags = DrmXe.DRM_XE_SYNC_FLAG_SIGNAL,
                addr = (ulong)(_batch + 1024),
                timeline_value = (ulong)i + 1,
            };
            var exec = new drm_xe_exec { exec_queue_id = queue.exec_queue_id, num_batch_buffer = 1, num_syncs = 1, address = (ulong)_batch, syncs = (ulong)&sync };
            if (_channel.Ioctl(_file, DrmXe.DRM_IOCTL_XE_EXEC, ref exec) is not 0
                || _channel.Call(new RequestMessage { Call = ServerCall.Settle }, out _) is not 0)
            {
                break;
            }
        }
    }

    public void Dispose()
    {
        _file.Dispose();
        _channel.Dispose();
        _lanes.ForEach(lane => SystemCalls.Shutdown(lane.Handle));
        _threads.ForEach(thread => thread.Join());
        _lanes.ForEach(lane => lane.Dispose());
    }

    private static void Answer(ServerConnection lane, Random random)
    {
        int head = sizeof(PumpAnswerMessage);
        byte* buffer = (byte*)NativeMemory.AllocZeroed((nuint)(head + PumpProtocol.DataBytes));
        var answer = (PumpAnswerMessage*)buffer;
        PumpRequestMessage request;
        while (true)
        {
            int received = SystemCalls.Receive(lane.Handle, buffer, head + PumpProtocol.DataBytes, out FileDescriptorHandle? descriptor);
            descriptor?.Dispose();
            if (received < sizeof(PumpRequestMessage))
            {
                break;
            }

            request = *(PumpRequestMessage*)buffer;
            random.NextBytes(new Span<byte>(buffer + head, PumpProtocol.DataBytes));
            answer->Magic = PumpProtocol.AnswerMagic;
            answer->Sequence = request.Sequence;
            answer->Result = random.Next(3) switch { 0 => 0, 1 => -random.Next(1, 134), _ => random.Next(60) };
            for (int i = 0; i < 10; i++)
            {
                answer->Values[i] = random.Next(3) switch { 0 => request.A, 1 => ulong.MaxValue, _ => (ulong)random.NextInt64() };
            }

            int length = 0;
            if (request.Call == PumpCall.TakeEvents && random.Next(2) == 0)
            {
                answer->Result = random.Next(4);
                length = answer->Result * sizeof(xesvm_pump_event);
                var events = (xesvm_pump_event*)(buffer + head);
                for (int i = 0; i < answer->Result; i++)
                {
                    events[i].type = (uint)random.Next(6);
                    events[i].allocation = (1UL << 32) + (ulong)random.Next(1, 4); // cookies as the server gives them
                    events[i].pages = (uint)random.Next(600);
                    events[i].remaining = (uint)random.Next(600);
                    events[i].invalidation = (uint)random.Next(5);
                }
            }
            else if (request.Call == PumpCall.Read)
            {
                length = (int)request.D;
            }

            switch (random.Next(40))
            {
                case 0:
                    length = random.Next(PumpProtocol.DataBytes + 1);
                    break;
                case 1:
                    answer->Sequence++;
                    break;
                case 2:
                    answer->Magic++;
                    break;
                case 3:
                    answer->Result = int.MinValue;
                    break;
            }

            if (SystemCalls.Send(lane.Handle, buffer, random.Next(60) == 0 ? random.Next(head) : head + length, null) < 0)
            {
                break;
            }
        }

        NativeMemory.Free(buffer);
    }
}
