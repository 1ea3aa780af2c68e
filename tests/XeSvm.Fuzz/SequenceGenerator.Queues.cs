using System.Runtime.InteropServices;
using XeSvm.Interop.Uapi;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Fuzz;

/// <content>Calls about exec queues, their work, and waiting for it.</content>
internal sealed unsafe partial class SequenceGenerator
{
    private const ulong FenceBytes = 0x1000;
    private const ulong MostFences = FenceBytes / sizeof(ulong);
    private const int ParallelWidth = 2;

    private ulong _fences;

    private FuzzCall CreateQueue(uint vm)
    {
        if (_values.OneIn(8))
        {
            return CreateParallelQueue(vm);
        }

        ushort width = (ushort)(_values.OneIn(10) ? _values.Below(11) : 1);
        ushort placements = (ushort)(_values.OneIn(10) ? _values.Below(11) : 1);
        var instances = new drm_xe_engine_class_instance[Math.Max(width * placements, 1)];
        uint engineClass = _values.OneIn(8) ? DRM_XE_ENGINE_CLASS_VM_BIND : _values.OneIn(3) ? 0u : 1u;
        foreach (ref drm_xe_engine_class_instance instance in instances.AsSpan())
        {
            instance.engine_class = (ushort)(_values.OneIn(10) ? _values.Below(8) : engineClass);
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

    /// <summary>Two slots on the video engines, which alone take parallel queues.</summary>
    private FuzzCall CreateParallelQueue(uint vm)
    {
        var instances = new drm_xe_engine_class_instance[ParallelWidth];
        for (int slot = 0; slot < ParallelWidth; slot++)
        {
            instances[slot].engine_class = (ushort)(DRM_XE_ENGINE_CLASS_VIDEO_DECODE + _values.Below(_values.OneIn(2) ? 2u : 1u));
            instances[slot].engine_instance = (ushort)(_values.OneIn(10) ? _values.Below(3) : (uint)slot);
            instances[slot].gt_id = (ushort)(_values.OneIn(10) ? 0u : 1u);
        }

        return Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, new drm_xe_exec_queue_create
        {
            vm_id = vm,
            width = ParallelWidth,
            num_placements = 1,
            instances = Put(MemoryMarshal.AsBytes(instances.AsSpan()).ToArray()),
        });
    }

    private FuzzCall DestroyQueue() => Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_DESTROY, new drm_xe_exec_queue_destroy
    {
        exec_queue_id = _values.Id(),
        pad = _values.ReservedDword(),
    });

    private FuzzCall GetProperty() => Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY, new drm_xe_exec_queue_get_property
    {
        exec_queue_id = _values.Id(),
        property = _values.ReservedDword(),
        extensions = _values.ReservedQword(),
    });

    private FuzzCall SetProperty() => Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_SET_PROPERTY, new drm_xe_exec_queue_set_property
    {
        exec_queue_id = _values.Id(),
        property = _values.OneIn(2) ? DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_QUEUE_PRIORITY : _values.Below(7),
        value = _values.OneIn(4) ? _values.Edge() : _values.Below(4),
    });

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
        if (_values.OneIn(20))
        {
            // For a queue of two slots, which both run the batch.
            return ExecParallel(queue, batch);
        }

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

    private FuzzCall ExecParallel(uint queue, ulong batch)
    {
        ulong[] batches = [batch, _values.OneIn(4) ? _values.GpuAddress() : batch];
        return Ioctl(DRM_IOCTL_XE_EXEC, new drm_xe_exec
        {
            exec_queue_id = queue,
            num_batch_buffer = ParallelWidth,
            address = _values.OneIn(10) ? _values.Pointer() : Put(MemoryMarshal.AsBytes(batches.AsSpan()).ToArray()),
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
}
