using System.Collections.Frozen;
using XeSvm.Interop;

namespace XeSvm;

/// <summary>What a reader can do about an errno. The meanings are those of the xe ioctl handlers.</summary>
internal static class ErrorAdvice
{
    private const string RenderGroup =
        "Add the user to the group that owns the render node, usually 'render' (usermod -aG render USER), and log in again.";

    private const string Wedged =
        "The device is wedged: the driver gave it up after a failed reset. See the kernel log; unbinding and binding the driver may " +
        "bring it back.";

    private const string Banned =
        "The queue was banned: a GPU access outside any mapping, or a hang, stopped it for good. Dispose it, correct the batch and create " +
        "another queue.";

    private const string ClosedVm = "The VM was destroyed, or banned after its memory could not be bound again: create another one.";

    private static readonly FrozenDictionary<(string Operation, int Errno), string> s_ofOperation =
        new Dictionary<(string, int), string>
        {
            [(XeOperation.Open, Errno.EACCES)] = RenderGroup,
            [(XeOperation.Open, Errno.EPERM)] = RenderGroup,
            [(XeOperation.Open, Errno.ENOENT)] = "The node does not exist any more: list the devices again.",
            [(XeOperation.VmCreate, Errno.EINVAL)] =
                "The device cannot serve GPU page faults. SVM needs a discrete GPU of the Xe2 generation or later and a kernel built with " +
                "DRM_XE_GPUSVM.",
            [(XeOperation.VmBindMirror, Errno.EINVAL)] =
                "The driver does not mirror the CPU's address space: it must be Linux 6.15 or later and built with DRM_XE_GPUSVM.",
            [(XeOperation.VmBind, Errno.EINVAL)] =
                "Check that address, length and offset are multiples of the device's minimum alignment and lie inside the VM and the buffer.",
            [(XeOperation.VmBind, Errno.EBUSY)] =
                "The range still has live SVM ranges, or an earlier bind of it has not finished. Unmap the memory or wait, then try again.",
            [(XeOperation.VmBindPrefetch, Errno.EINVAL)] =
                "Check that the range lies inside the VM and that the device has the memory region asked for.",
            [(XeOperation.VmBind, Errno.ENOENT)] = ClosedVm,
            [(XeOperation.VmBind, Errno.ENOBUFS)] = "The list of operations is too long for one request: split it.",
            [(XeOperation.VmBind, Errno.ENOEXEC)] = "The buffer's protected content is stale: create it again.",
            [(XeOperation.VmBind, Errno.EOPNOTSUPP)] =
                "Long-running VMs cannot signal sync objects (use a user fence); mirrors and deferred maps cannot wait for them.",
            [(XeOperation.VmBindMirror, Errno.EBUSY)] = "The range still has live SVM ranges: unmap the memory first.",
            [(XeOperation.VmBindPrefetch, Errno.ENOENT)] = ClosedVm,
            [(XeOperation.VmBindUserMemory, Errno.EFAULT)] =
                "The memory is not mapped in this process, or not writable: map it first, or bind it read-only.",
            [(XeOperation.VmBindUserMemory, Errno.EINVAL)] =
                "Check that CPU address, GPU address and length are multiples of 4096 and that the range lies inside the VM.",
            [(XeOperation.GemCreate, Errno.EINVAL)] =
                "Check that the size is a multiple of the placement's minimum page size, and that VRAM and scanout are not combined with " +
                "write-back caching.",
            [(XeOperation.GemCreate, Errno.EOPNOTSUPP)] = "The no-compression hint needs an Xe2 GPU or later: see the device's capabilities.",
            [(XeOperation.GemCreate, Errno.ENOENT)] = ClosedVm,
            [(XeOperation.Mmap, Errno.EBUSY)] = "The buffer is marked as discardable: mark it as needed first.",
            [(XeOperation.Mmap, Errno.EINVAL)] = "The length exceeds the buffer, or its content was discarded: create another one.",
            [(XeOperation.Mmap, Errno.EACCES)] = "This file has no handle of the buffer any more.",
            [(XeOperation.PrimeExport, Errno.EPERM)] = "The buffer is private to a VM: create it without PrivateTo to share it.",
            [(XeOperation.PrimeExport, Errno.EBUSY)] = "The buffer is marked as discardable: mark it as needed first.",
            [(XeOperation.PrimeExport, Errno.EINVAL)] = "The buffer's content was discarded: create another one.",
            [(XeOperation.PrimeImport, Errno.EINVAL)] = "The descriptor is not a dma-buf.",
            [(XeOperation.PrimeImport, Errno.ESPIPE)] = "The descriptor is not a dma-buf: it has no size.",
            [(XeOperation.PrimeImport, Errno.EBADF)] = "The descriptor is closed.",
            [(XeOperation.QueueCreate, Errno.EINVAL)] = "Take the engine from this device's own list of engines.",
            [(XeOperation.QueueCreate, Errno.ENOENT)] = ClosedVm,
            [(XeOperation.QueueCreate, Errno.EPERM)] =
                "The priority is above what this process may ask for (XeConfiguration.MaximumPriority); CAP_SYS_NICE raises that.",
            [(XeOperation.QueueCreate, Errno.EOPNOTSUPP)] = "Only video engines take queues that are wider than 1.",
            [(XeOperation.QueueCreate, Errno.ENODEV)] =
                "The engine has no groups of queues or no protected content; or the device is gone.",
            [(XeOperation.QueueCreate, Errno.EBUSY)] = "Protected content is still being set up: try again.",
            [(XeOperation.QueueProperty, Errno.EINVAL)] = "The priority goes from 0 to 2, and only queues in a group have one.",
            [(XeOperation.Exec, Errno.EOPNOTSUPP)] =
                "Long-running VMs cannot signal sync objects: use the queue's fence. A submission without a batch cannot wait.",
            [(XeOperation.Exec, Errno.EINVAL)] = "A sync object that is waited for has no fence, or its point was not submitted yet.",
            [(XeOperation.Exec, Errno.ENOEXEC)] = "The protected content of a buffer is stale: create it again.",
            [(XeOperation.Exec, Errno.ECANCELED)] = Banned + " The same answer comes when the queue's VM was disposed.",
            [(XeOperation.WaitUserFence, Errno.EIO)] = Banned,
            [(XeOperation.WaitUserFence, Errno.ETIME)] =
                "The work has not finished within the timeout: wait longer, or look for a batch that never ends.",
            [(XeOperation.Madvise, Errno.EOPNOTSUPP)] =
                "The driver has no attribute for this advice, or this backend cannot name one VRAM region of several: see Supports.",
            [(XeOperation.Madvise, Errno.ENOENT)] =
                "The VM is closed or banned, or the device whose memory is preferred has no such region.",
            [(XeOperation.RangeAttributes, Errno.EINVAL)] = "Reading attributes needs Linux 6.18 or later.",
            [(XeOperation.RangeAttributes, Errno.ENOSPC)] = "Other threads change the mappings faster than they can be listed: try again.",
            [(XeOperation.VmProperty, Errno.EINVAL)] = "This kernel does not record faults; that came with a 7.x release.",
            [(XeOperation.SyncWait, Errno.ETIME)] = "The fence has not signalled within the timeout: wait longer, or look for a batch that never ends.",
            [(XeOperation.SyncWait, Errno.EINVAL)] =
                "There is no fence yet, or the point was not submitted: wait with SyncWaitOptions.WaitForSubmit to wait for that too.",
            [(XeOperation.SyncExport, Errno.EINVAL)] = "There is no fence yet: submit work that signals the sync object first.",
            [(XeOperation.SyncImport, Errno.EINVAL)] = "The descriptor is neither a syncobj nor a sync_file.",
            [(XeOperation.SyncTransfer, Errno.EINVAL)] = "The point to copy was not submitted yet.",
            [(XeOperation.SyncTransfer, Errno.ETIME)] = "Nothing was submitted for the point within the 5 seconds that the kernel waits.",
            [(XeOperation.SyncEventFd, Errno.EINVAL)] = "The descriptor is not an eventfd.",
            [(XeOperation.SyncEventFd, Errno.EBADF)] = "The descriptor is closed, or not an eventfd.",
            [(XeOperation.ClientName, Errno.EINVAL)] = "A name has at most 64 bytes of printable ASCII without spaces; it needs Linux 6.13.",
            [(XeOperation.Madvise, Errno.EINVAL)] = "Check that the range lies inside the VM; MADVISE needs Linux 6.18 or later.",
            [(XeOperation.Madvise, Errno.ENOLINK)] = "The two devices have no fast interconnect, so one cannot hold the other's SVM pages.",
        }.ToFrozenDictionary();

    private static readonly FrozenDictionary<int, string> s_general = new Dictionary<int, string>
    {
        [Errno.ENODEV] = "The device is gone (unplugged, or the driver was unbound). Dispose everything on it and open a device again.",
        [Errno.ECANCELED] = Wedged,
        [Errno.ENOMEM] = "There is not enough memory in any allowed place: free buffers, or allow system memory.",
        [Errno.ENOSPC] = "There is not enough memory in any allowed place: free buffers, or allow system memory.",
        [Errno.EACCES] = RenderGroup,
        [Errno.EPERM] = "The operation needs a privilege that the process lacks (CAP_SYS_NICE for high priorities, root for debug files).",
        [Errno.ENOTTY] = "The file is not a DRM node of the xe driver.",
        [Errno.EOPNOTSUPP] = "This device or kernel cannot do it: see the device's capabilities.",
        [Errno.EMFILE] = "The process has too many open files: close some, or raise the limit (ulimit -n).",
    }.ToFrozenDictionary();

    /// <summary>The advice for an errno of an operation.</summary>
    internal static string For(string operation, int errno) =>
        s_ofOperation.TryGetValue((operation, errno), out string? advice) || s_general.TryGetValue(errno, out advice)
            ? advice
            : "The kernel log tells more when the driver was built with DRM debugging (drm.debug=0x2).";
}
