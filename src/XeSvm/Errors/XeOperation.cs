namespace XeSvm;

/// <summary>The operations' names in messages: those of the ioctls.</summary>
internal static class XeOperation
{
    internal const string Open = "open";
    internal const string DeviceQuery = "DEVICE_QUERY";
    internal const string GemCreate = "GEM_CREATE";
    internal const string GemMmapOffset = "GEM_MMAP_OFFSET";
    internal const string Mmap = "mmap of a buffer object";
    internal const string VmCreate = "VM_CREATE";
    internal const string VmBind = "VM_BIND";
    internal const string VmBindMirror = "VM_BIND with CPU_ADDR_MIRROR";
    internal const string VmBindPrefetch = "VM_BIND prefetch";
    internal const string QueueCreate = "EXEC_QUEUE_CREATE";
    internal const string Exec = "EXEC";
    internal const string WaitUserFence = "WAIT_USER_FENCE";
    internal const string Madvise = "MADVISE";
    internal const string Memory = "mmap";
}
