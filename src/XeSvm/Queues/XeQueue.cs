using System.Diagnostics.CodeAnalysis;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>
/// A queue of batches on one engine or several, in one VM. Batches run in order, asynchronously. An access outside any mapping bans the
/// queue: waits then answer EIO and submissions ECANCELED.
/// </summary>
[SuppressMessage("Naming", "CA1711", Justification = "Queue is the kernel's word: EXEC_QUEUE_CREATE.")]
public sealed unsafe partial class XeQueue : IDisposable
{
    private readonly QueueHandle _handle;
    private readonly Lock _lock = new();
    private ulong _value;

    private XeQueue(XeVm vm, XeQueueOptions options, QueueHandle handle, FenceWord fence)
    {
        _handle = handle;
        Vm = vm;
        Options = options;
        Fence = new XeFence(fence, handle.File, handle.Id);
    }

    /// <summary>The VM that batches run in.</summary>
    public XeVm Vm { get; }

    /// <summary>What was asked for when the queue was made.</summary>
    public XeQueueOptions Options { get; }

    /// <summary>The engine that executes the batches; the first one when there are several.</summary>
    public XeEngine Engine => Options.Engines[0];

    /// <summary>The kernel's id; not 0.</summary>
    public uint Id => _handle.Id;

    /// <summary>The fence that the end of each batch raises.</summary>
    public XeFence Fence { get; }

    /// <summary>Whether the queue was reset, killed or banned, so that it takes no more work (EXEC_QUEUE_GET_PROPERTY).</summary>
    /// <exception cref="XeException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The queue was disposed.</exception>
    public bool IsBanned
    {
        get
        {
            XeResult result = TryGetBan(out bool banned);
            if (!result.IsSuccess)
            {
                ThrowHelper.Throw(result, XeOperation.QueueProperty, $"ban of queue {Id}");
            }

            return banned;
        }
    }

    /// <summary>Whether the queue was reset, killed or banned, or why that cannot be told.</summary>
    /// <param name="banned">The answer when the result is success.</param>
    /// <exception cref="ObjectDisposedException">The queue was disposed.</exception>
    public XeResult TryGetBan(out bool banned)
    {
        using HandleUse use = _handle.Borrow(this);
        drm_xe_exec_queue_get_property request = new()
        {
            exec_queue_id = use.Id,
            property = DrmXe.DRM_XE_EXEC_QUEUE_GET_PROPERTY_BAN,
        };
        XeResult result = use.File.Ioctl(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY, ref request);
        banned = request.value != 0;
        return result;
    }

    /// <summary>Changes the priority within the queue's group (EXEC_QUEUE_SET_PROPERTY).</summary>
    /// <param name="priority">0 to 2.</param>
    /// <exception cref="XeException">EINVAL: the queue is in no group, or the priority is above 2.</exception>
    /// <exception cref="ObjectDisposedException">The queue was disposed.</exception>
    public void SetGroupPriority(int priority)
    {
        XeResult result = TrySetGroupPriority(priority);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.QueueProperty, $"priority {priority} in the group of queue {Id}");
        }
    }

    /// <summary>Changes the priority within the queue's group, or says why not.</summary>
    /// <param name="priority">0 to 2.</param>
    /// <exception cref="ObjectDisposedException">The queue was disposed.</exception>
    public XeResult TrySetGroupPriority(int priority)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(priority);
        using HandleUse use = _handle.Borrow(this);
        drm_xe_exec_queue_set_property request = new()
        {
            exec_queue_id = use.Id,
            property = DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_QUEUE_PRIORITY,
            value = (ulong)priority,
        };
        return use.File.Ioctl(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_SET_PROPERTY, ref request);
    }

    /// <summary>Destroys the queue: work that has not ended is thrown away.</summary>
    public void Dispose()
    {
        _handle.Dispose();
        Fence.Close();
    }

    /// <summary>Makes a queue.</summary>
    internal static XeResult TryCreate(XeVm vm, XeQueueOptions options, out XeQueue? queue)
    {
        queue = null;
        using HandleUse use = vm.Borrow();
        SharedBuffer memory = SharedBuffer.Create(vm, sizeof(ulong));
        try
        {
            XeResult result = XeQueueCreation.Issue(use, options, out uint id);
            if (result.IsSuccess)
            {
                QueueHandle handle = new(use.File, id, vm.BorrowForQueue());
                queue = new XeQueue(vm, options, handle, new FenceWord(memory, memory.Address));
            }

            return result;
        }
        finally
        {
            if (queue is null)
            {
                memory.Dispose();
            }
        }
    }

    /// <summary>Begins a use of the id that <see cref="Release"/> ends.</summary>
    internal uint Acquire(DeviceFile file)
    {
        if (!ReferenceEquals(file, _handle.File))
        {
            throw new ArgumentException($"Queue {Id} belongs to another open device.");
        }

        ObjectDisposedException.ThrowIf(!_handle.TryBorrow(), this);
        return _handle.Id;
    }

    /// <summary>Ends what <see cref="Acquire"/> began.</summary>
    internal void Release() => _handle.DangerousRelease();
}
