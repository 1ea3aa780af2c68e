using XeSvm.Interop;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <content>VM_BIND: mapping, unmapping and prefetching.</content>
public sealed partial class XeVm
{
    /// <summary>Binds a part of a buffer at a GPU address, and waits until the page tables are written.</summary>
    /// <param name="buffer">The buffer, of the same device.</param>
    /// <param name="bufferOffset">First byte of the buffer; a multiple of the page size.</param>
    /// <param name="range">Where the GPU shall see it; whole pages. What is bound there is replaced.</param>
    /// <exception cref="XeException">The driver refused; nothing was bound.</exception>
    public void Bind(XeBuffer buffer, ulong bufferOffset, GpuRange range) => Bind([XeBindOperation.Map(buffer, bufferOffset, range)]);

    /// <summary>Binds a part of a buffer at a GPU address and waits until the page tables are written, or says why not.</summary>
    /// <param name="buffer">The buffer, of the same device.</param>
    /// <param name="bufferOffset">First byte of the buffer; a multiple of the page size.</param>
    /// <param name="range">Where the GPU shall see it; whole pages. What is bound there is replaced.</param>
    public XeResult TryBind(XeBuffer buffer, ulong bufferOffset, GpuRange range) =>
        TryBind([XeBindOperation.Map(buffer, bufferOffset, range)]);

    /// <summary>Does all of the operations or none, and waits until the page tables are written.</summary>
    /// <param name="operations">The operations, at least one; they are done in this order.</param>
    /// <exception cref="XeException">The driver refused; nothing was changed.</exception>
    public void Bind(params ReadOnlySpan<XeBindOperation> operations)
    {
        XeResult result = TryBind(operations);
        if (!result.IsSuccess)
        {
            ThrowBind(result, operations);
        }
    }

    /// <summary>Does all of the operations or none and waits until the page tables are written, or says why not.</summary>
    /// <param name="operations">The operations, at least one; they are done in this order.</param>
    /// <returns>EINVAL also for the prefetch to a memory region that the device does not have.</returns>
    public XeResult TryBind(params ReadOnlySpan<XeBindOperation> operations)
    {
        if (operations.IsEmpty)
        {
            throw new ArgumentException("There is nothing to bind: at least one operation is needed.", nameof(operations));
        }

        using HandleUse use = _handle.Borrow(this);
        return BindAndWait(use, operations);
    }

    /// <summary>Queues all of the operations or none and does not wait for the page tables.</summary>
    /// <param name="operations">The operations, in this order; none only signals the syncs, when all earlier binds of the queue are done.</param>
    /// <param name="syncs">
    /// What to wait for first, and what to signal when page tables are written and translations invalidated. Mirrors, and maps in a
    /// fault VM that are not <see cref="XeBindOptions.Immediate"/>, take no waits: EOPNOTSUPP, though the change was made (xe_vm.c).
    /// </param>
    /// <param name="queue">A bind queue of this VM, or <see langword="null"/> for the VM's own.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    public void SubmitBind(ReadOnlySpan<XeBindOperation> operations, ReadOnlySpan<XeSync> syncs, XeBindQueue? queue = null)
    {
        XeResult result = TrySubmitBind(operations, syncs, queue);
        if (!result.IsSuccess)
        {
            ThrowBind(result, operations);
        }
    }

    /// <summary>Queues all of the operations or none and does not wait for the page tables, or says why not.</summary>
    /// <param name="operations">The operations, in this order; none only signals the syncs, when all earlier binds of the queue are done.</param>
    /// <param name="syncs">What to wait for and to signal, as for <see cref="SubmitBind"/>.</param>
    /// <param name="queue">A bind queue of this VM, or <see langword="null"/> for the VM's own.</param>
    public XeResult TrySubmitBind(ReadOnlySpan<XeBindOperation> operations, ReadOnlySpan<XeSync> syncs, XeBindQueue? queue = null)
    {
        using HandleUse use = _handle.Borrow(this);
        if (queue is null)
        {
            return BindRequest.Issue(Device, use, queueId: 0, operations, syncs, default);
        }

        using HandleUse queueUse = queue.Borrow(this);
        return BindRequest.Issue(Device, use, queueUse.Id, operations, syncs, default);
    }

    /// <summary>Makes a queue for binds, whose binds are in no order with those of other queues unless their addresses overlap.</summary>
    /// <exception cref="XeException">The driver refused.</exception>
    public XeBindQueue CreateBindQueue()
    {
        XeResult result = XeBindQueue.TryCreate(this, out XeBindQueue? queue);
        if (queue is null)
        {
            ThrowHelper.Throw(result, XeOperation.QueueCreate, $"a bind queue in VM {Id}");
        }

        return queue;
    }

    /// <summary>Makes a queue for binds, or says why not.</summary>
    /// <param name="queue">The queue when the result is success.</param>
    public XeResult TryCreateBindQueue(out XeBindQueue? queue) => XeBindQueue.TryCreate(this, out queue);

    /// <summary>Removes what is bound in a range. In a mirror VM the range mirrors the process's memory again.</summary>
    /// <param name="range">Whole pages.</param>
    /// <exception cref="XeException">The driver refused; nothing was unbound.</exception>
    public void Unbind(GpuRange range)
    {
        XeResult result = TryUnbind(range);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.VmBind, $"unmap of {range} in VM {Id}");
        }
    }

    /// <summary>Removes what is bound in a range, or says why not. In a mirror VM the range mirrors the process's memory again.</summary>
    /// <param name="range">Whole pages.</param>
    public XeResult TryUnbind(GpuRange range) => TryBind([UnbindOperation(range)]);

    /// <summary>Removes everything that is bound of a buffer. In a mirror VM that leaves holes: there, unbind its ranges.</summary>
    /// <param name="buffer">The buffer, of the same device.</param>
    /// <exception cref="XeException">The driver refused; nothing was unbound.</exception>
    public void UnbindAll(XeBuffer buffer) => Bind([XeBindOperation.UnmapAll(buffer)]);

    /// <summary>Removes everything that is bound of a buffer, or says why not.</summary>
    /// <param name="buffer">The buffer, of the same device.</param>
    public XeResult TryUnbindAll(XeBuffer buffer) => TryBind([XeBindOperation.UnmapAll(buffer)]);

    /// <summary>
    /// Moves memory ahead of its use and fills the GPU's page tables. A hint: the driver passes over what it cannot move and does not say so.
    /// </summary>
    /// <param name="range">The memory; widened to whole pages.</param>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    /// <remarks>
    /// To VRAM of another device the driver prefetches by advice alone: the memory is advised there first, and the advice stays, as otherwise
    /// the next touch of this VM's GPU would pull the memory back (xe_svm.c).
    /// </remarks>
    /// <exception cref="XeException">The driver refused; ENOLINK when no way leads to the other device.</exception>
    public void Prefetch(GpuRange range, MemoryLocation location)
    {
        if (location.IsBeyond(Device))
        {
            Advise(range, location);
            location = MemoryLocation.Default;
        }

        Bind([XeBindOperation.Prefetch(range.ToPages(), location)]);
    }

    /// <summary>Moves memory ahead of its use, or says why not.</summary>
    /// <param name="range">The memory; widened to whole pages.</param>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    /// <returns>
    /// EINVAL also for a memory region that the device does not have; ENOLINK for another device that no way leads to, which is then not advised
    /// either.
    /// </returns>
    public XeResult TryPrefetch(GpuRange range, MemoryLocation location) => TryPrefetch([range], location);

    /// <summary>
    /// Undoes a bind of a child that goes away. A VM that was disposed may still be there, as long as others use it; one that is gone has
    /// nothing left to undo.
    /// </summary>
    internal XeResult UnbindUnlessGone(GpuRange range)
    {
        if (!_handle.TryBorrowWhatIsLeft())
        {
            _handle.WaitUntilDestroyed();
            return XeResult.Success;
        }

        try
        {
            using HandleUse use = new(_handle);
            return BindAndWait(use, [UnbindOperation(range)]);
        }
        finally
        {
            _handle.DangerousRelease();
        }
    }

    /// <summary>One at a time, as the fence has one word and its values must be reached in their order.</summary>
    private XeResult BindAndWait(HandleUse use, ReadOnlySpan<XeBindOperation> operations)
    {
        lock (_lock)
        {
            drm_xe_sync done = new()
            {
                type = DrmXe.DRM_XE_SYNC_TYPE_USER_FENCE,
                flags = DrmXe.DRM_XE_SYNC_FLAG_SIGNAL,
                addr = _handle.BindFenceAddress,
                timeline_value = _bindValue + 1,
            };
            XeResult result = BindRequest.Issue(Device, use, queueId: 0, operations, [], done);
            if (!result.IsSuccess)
            {
                return result;
            }

            _bindValue++;
            return UserFenceWait.ForValue(use.File, _handle.BindFenceAddress, _bindValue, s_bindTimeout, queueId: 0);
        }
    }

    private XeBindOperation UnbindOperation(GpuRange range) =>
        IsMirror ? XeBindOperation.Mirror(range, _mirrorOptions) : XeBindOperation.Unmap(range);

    private void ThrowBind(XeResult result, ReadOnlySpan<XeBindOperation> operations)
    {
        const int Shown = 4;
        string[] words = new string[Math.Min(operations.Length, Shown)];
        for (int index = 0; index < words.Length; index++)
        {
            words[index] = operations[index].ToString();
        }

        string rest = operations.Length > Shown ? $" and {operations.Length - Shown} more" : "";
        string request = words.Length == 0 ? "no operation, only syncs" : string.Join("; ", words) + rest;
        string operation = operations.Length == 1 ? operations[0].Name : XeOperation.VmBind;
        foreach (XeBindOperation each in operations)
        {
            if (each.IsPrefetchBeyond(Device))
            {
                throw new XeException(
                    result.Errno,
                    operation,
                    $"{request} in VM {Id}",
                    "The driver prefetches to memory regions of the VM's own device. Advise the memory to the other device and prefetch to the default, as XeVm.Prefetch does.");
            }
        }

        ThrowHelper.Throw(result, operation, $"{request} in VM {Id}");
    }
}
