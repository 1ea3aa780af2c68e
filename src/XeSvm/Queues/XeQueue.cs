using System.Diagnostics.CodeAnalysis;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>
/// A queue of batches on one engine, in one VM. Batches run in order, asynchronously. An access outside any mapping bans the queue:
/// waits then answer EIO and submissions ECANCELED.
/// </summary>
[SuppressMessage("Naming", "CA1711", Justification = "Queue is the kernel's word: EXEC_QUEUE_CREATE.")]
public sealed unsafe class XeQueue : IDisposable
{
    private readonly DeviceFile _file;
    private readonly Lock _lock = new();
    private ulong _value;
    private bool _disposed;

    private XeQueue(XeVm vm, DeviceFile file, XeEngine engine, uint id, SharedBuffer fenceMemory)
    {
        _file = file;
        Vm = vm;
        Engine = engine;
        Id = id;
        Fence = new XeFence(fenceMemory, file, id);
    }

    /// <summary>The VM that batches run in.</summary>
    public XeVm Vm { get; }

    /// <summary>The engine that executes them.</summary>
    public XeEngine Engine { get; }

    /// <summary>The kernel's id; not 0.</summary>
    public uint Id { get; }

    /// <summary>The fence that the end of each batch raises.</summary>
    public XeFence Fence { get; }

    /// <summary>Submits a batch.</summary>
    /// <param name="batch">An ended batch of the same VM. It must not be changed or disposed before the point is reached.</param>
    /// <returns>The point that is reached when the batch has ended.</returns>
    /// <exception cref="XeException">ECANCELED: the queue was banned or its VM disposed.</exception>
    public XeFencePoint Submit(GpuBatch batch)
    {
        XeResult result = TrySubmit(batch, out XeFencePoint point);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(
                result, XeOperation.Exec, $"queue {Id} on {Engine}, batch of {batch.ByteCount} bytes at 0x{batch.GpuAddress:x}");
        }

        return point;
    }

    /// <summary>Submits a batch, or says why not.</summary>
    /// <param name="batch">An ended batch of the same VM. It must not be changed or disposed before the point is reached.</param>
    /// <param name="point">The point that is reached when the batch has ended.</param>
    public XeResult TrySubmit(GpuBatch batch, out XeFencePoint point)
    {
        ArgumentNullException.ThrowIfNull(batch);
        batch.RequireReadyFor(Vm);

        // Values must reach the ring in the order in which they were given out.
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            drm_xe_sync sync = new()
            {
                type = DrmXe.DRM_XE_SYNC_TYPE_USER_FENCE,
                flags = DrmXe.DRM_XE_SYNC_FLAG_SIGNAL,
                addr = Fence.GpuAddress,
                timeline_value = _value + 1,
            };
            drm_xe_exec request = new()
            {
                exec_queue_id = Id,
                num_syncs = 1,
                syncs = (ulong)&sync,
                address = batch.GpuAddress,
                num_batch_buffer = 1,
            };
            XeResult result = _file.Ioctl(DrmXe.DRM_IOCTL_XE_EXEC, ref request);
            if (result.IsSuccess)
            {
                _value++;
            }

            point = new XeFencePoint(Fence, _value);
            return result;
        }
    }

    /// <summary>Destroys the queue: work that has not ended is thrown away.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            drm_xe_exec_queue_destroy request = new() { exec_queue_id = Id };
            _ = _file.Ioctl(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_DESTROY, ref request);
            Fence.Close();
            _file.Release();
        }
    }

    /// <summary>Makes a queue.</summary>
    internal static XeQueue Create(XeVm vm, XeEngine engine)
    {
        ArgumentNullException.ThrowIfNull(engine);
        DeviceFile file = vm.File;
        SharedBuffer fenceMemory = SharedBuffer.Create(vm, sizeof(ulong));
        drm_xe_engine_class_instance instance = new()
        {
            engine_class = (ushort)engine.EngineClass,
            engine_instance = (ushort)engine.Instance,
            gt_id = (ushort)engine.GtId,
        };
        drm_xe_exec_queue_create request = new()
        {
            width = 1,
            num_placements = 1,
            vm_id = vm.Id,
            instances = (ulong)&instance,
        };
        XeResult result = file.Ioctl(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref request);
        if (!result.IsSuccess)
        {
            fenceMemory.Dispose();
            ThrowHelper.Throw(result, XeOperation.QueueCreate, $"engine {engine} in VM {vm.Id}");
        }

        return new XeQueue(vm, file.Reference(), engine, request.exec_queue_id, fenceMemory);
    }
}
