using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <content>EXEC: batches and fences.</content>
public sealed unsafe partial class XeQueue
{
    /// <summary>Submits a batch.</summary>
    /// <param name="batch">An ended batch of the same VM. It must not be changed or disposed before the point is reached.</param>
    /// <returns>The point that is reached when the batch has ended.</returns>
    /// <exception cref="XeException">ECANCELED: the queue was banned or its VM disposed.</exception>
    public XeFencePoint Submit(GpuBatch batch) => Submit(batch, []);

    /// <summary>Submits a batch that waits for syncs first and signals others at its end.</summary>
    /// <param name="batch">An ended batch of the same VM. It must not be changed or disposed before the point is reached.</param>
    /// <param name="syncs">Sync objects; long-running and fault VMs cannot signal them (EOPNOTSUPP).</param>
    /// <returns>The point that is reached when the batch has ended.</returns>
    /// <exception cref="XeException">ECANCELED: the queue was banned or its VM disposed. Or the driver refused for another reason.</exception>
    public XeFencePoint Submit(GpuBatch batch, ReadOnlySpan<XeSync> syncs)
    {
        XeResult result = TrySubmit(batch, syncs, out XeFencePoint point);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(
                result,
                XeOperation.Exec,
                $"queue {Id} on {Engine}, batch of {batch.ByteCount} bytes at 0x{batch.GpuAddress:x}{Describe(syncs)}");
        }

        return point;
    }

    /// <summary>Submits a batch, or says why not.</summary>
    /// <param name="batch">An ended batch of the same VM. It must not be changed or disposed before the point is reached.</param>
    /// <param name="point">The point that is reached when the batch has ended.</param>
    public XeResult TrySubmit(GpuBatch batch, out XeFencePoint point) => TrySubmit(batch, [], out point);

    /// <summary>Submits a batch that waits for syncs first and signals others at its end, or says why not.</summary>
    /// <param name="batch">An ended batch of the same VM. It must not be changed or disposed before the point is reached.</param>
    /// <param name="syncs">Sync objects; long-running and fault VMs cannot signal them (EOPNOTSUPP).</param>
    /// <param name="point">The point that is reached when the batch has ended.</param>
    public XeResult TrySubmit(GpuBatch batch, ReadOnlySpan<XeSync> syncs, out XeFencePoint point)
    {
        ArgumentNullException.ThrowIfNull(batch);
        batch.RequireReadyFor(Vm);
        return TrySubmit([batch.GpuAddress], syncs, out point);
    }

    /// <summary>Submits batches by their addresses: as many as the queue is wide.</summary>
    /// <param name="addresses">The batches' GPU addresses. What is there is the program's to answer for.</param>
    /// <param name="syncs">Sync objects; long-running and fault VMs cannot signal them (EOPNOTSUPP).</param>
    /// <returns>The point that is reached when the batches have ended.</returns>
    /// <exception cref="XeException">ECANCELED: the queue was banned or its VM disposed. Or the driver refused for another reason.</exception>
    public XeFencePoint Submit(ReadOnlySpan<ulong> addresses, ReadOnlySpan<XeSync> syncs)
    {
        XeResult result = TrySubmit(addresses, syncs, out XeFencePoint point);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(
                result, XeOperation.Exec, $"queue {Id} on {Engine}, {addresses.Length} batch(es) from 0x{addresses[0]:x}{Describe(syncs)}");
        }

        return point;
    }

    /// <summary>Submits batches by their addresses, or says why not.</summary>
    /// <param name="addresses">The batches' GPU addresses, as many as the queue is wide.</param>
    /// <param name="syncs">Sync objects; long-running and fault VMs cannot signal them (EOPNOTSUPP).</param>
    /// <param name="point">The point that is reached when the batches have ended.</param>
    public XeResult TrySubmit(ReadOnlySpan<ulong> addresses, ReadOnlySpan<XeSync> syncs, out XeFencePoint point)
    {
        if (addresses.Length != Options.Width)
        {
            throw new ArgumentException(
                $"The queue takes {Options.Width} batch(es) at a time, its width; there are {addresses.Length}.", nameof(addresses));
        }

        using HandleUse use = _handle.Borrow(this);

        // Values must reach the ring in the order in which they were given out.
        lock (_lock)
        {
            drm_xe_sync end = new()
            {
                type = DrmXe.DRM_XE_SYNC_TYPE_USER_FENCE,
                flags = DrmXe.DRM_XE_SYNC_FLAG_SIGNAL,
                addr = Fence.GpuAddress,
                timeline_value = _value + 1,
            };
            XeResult result = Issue(use, addresses, syncs, end);
            if (result.IsSuccess)
            {
                _value++;
            }

            point = new XeFencePoint(Fence, _value);
            return result;
        }
    }

    /// <summary>
    /// Signals syncs when all earlier batches have ended, without a batch of its own. In a VM that is not of <see cref="XeVmMode.DmaFence"/>
    /// the driver does nothing and says success, so that is refused here.
    /// </summary>
    /// <param name="syncs">What to signal; waits answer EOPNOTSUPP.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    /// <exception cref="NotSupportedException">The VM is long-running.</exception>
    public void SubmitFence(params ReadOnlySpan<XeSync> syncs)
    {
        XeResult result = TrySubmitFence(syncs);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.Exec, $"queue {Id} on {Engine}, no batch{Describe(syncs)}");
        }
    }

    /// <summary>Signals syncs when all earlier batches have ended, or says why not.</summary>
    /// <param name="syncs">What to signal; waits answer EOPNOTSUPP.</param>
    /// <exception cref="NotSupportedException">The VM is long-running.</exception>
    public XeResult TrySubmitFence(params ReadOnlySpan<XeSync> syncs)
    {
        if (Vm.Mode != XeVmMode.DmaFence)
        {
            throw new NotSupportedException("Fences without a batch need a VM of mode DmaFence: in others the driver ignores them.");
        }

        using HandleUse use = _handle.Borrow(this);
        return Issue(use, [], syncs, default);
    }

    private static XeResult Issue(HandleUse use, ReadOnlySpan<ulong> addresses, ReadOnlySpan<XeSync> syncs, in drm_xe_sync end)
    {
        foreach (ref readonly XeSync sync in syncs)
        {
            if (sync.UserFence is not null)
            {
                throw new ArgumentException("User fences of the program's own are for binds; the end of a batch is told by the queue's fence.");
            }
        }

        using SyncRecords list = new(syncs.Length + 1, stackalloc drm_xe_sync[SyncRecords.OnStack]);
        try
        {
            list.Acquire(use.File, syncs);
            list.Add(end);
            fixed (drm_xe_sync* sync = list.Records)
            fixed (ulong* address = addresses)
            {
                drm_xe_exec request = new()
                {
                    exec_queue_id = use.Id,
                    num_syncs = (uint)list.Records.Length,
                    syncs = (ulong)sync,
                    address = addresses.Length == 1 ? addresses[0] : (ulong)address,
                    num_batch_buffer = (ushort)addresses.Length,
                };
                return use.File.Ioctl(DrmXe.DRM_IOCTL_XE_EXEC, ref request);
            }
        }
        finally
        {
            list.Release(syncs, submitted: true);
        }
    }

    private static string Describe(ReadOnlySpan<XeSync> syncs)
    {
        string text = "";
        foreach (XeSync sync in syncs)
        {
            text += $", {sync}";
        }

        return text;
    }
}
