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
            [(XeOperation.GemCreate, Errno.EINVAL)] = "Check that the size is a multiple of the placement's minimum page size.",
            [(XeOperation.QueueCreate, Errno.EINVAL)] = "Take the engine from this device's own list of engines.",
            [(XeOperation.Exec, Errno.ECANCELED)] = Banned + " The same answer comes when the queue's VM was disposed.",
            [(XeOperation.WaitUserFence, Errno.EIO)] = Banned,
            [(XeOperation.WaitUserFence, Errno.ETIME)] =
                "The work has not finished within the timeout: wait longer, or look for a batch that never ends.",
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
