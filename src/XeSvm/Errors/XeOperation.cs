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
    internal const string VmBindUserMemory = "VM_BIND of user memory";
    internal const string VmProperty = "VM_GET_PROPERTY";
    internal const string RangeAttributes = "VM_QUERY_MEM_RANGE_ATTRS";
    internal const string PrimeExport = "PRIME_HANDLE_TO_FD";
    internal const string PrimeImport = "PRIME_FD_TO_HANDLE";
    internal const string QueueProperty = "EXEC_QUEUE property";
    internal const string ClientName = "SET_CLIENT_NAME";
    internal const string Capability = "GET_CAP";
    internal const string Version = "VERSION";
    internal const string SyncCreate = "SYNCOBJ_CREATE";
    internal const string SyncExport = "SYNCOBJ_HANDLE_TO_FD";
    internal const string SyncImport = "SYNCOBJ_FD_TO_HANDLE";
    internal const string SyncWait = "SYNCOBJ_WAIT";
    internal const string SyncReset = "SYNCOBJ_RESET";
    internal const string SyncSignal = "SYNCOBJ_SIGNAL";
    internal const string SyncQuery = "SYNCOBJ_QUERY";
    internal const string SyncTransfer = "SYNCOBJ_TRANSFER";
    internal const string SyncEventFd = "SYNCOBJ_EVENTFD";
    internal const string QueueCreate = "EXEC_QUEUE_CREATE";
    internal const string Exec = "EXEC";
    internal const string WaitUserFence = "WAIT_USER_FENCE";
    internal const string Madvise = "MADVISE";
    internal const string Memory = "mmap";
}
