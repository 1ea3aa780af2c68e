using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;

namespace XeSvm.Tests.Doubles;

/// <summary>
/// A driver that does the least that the object layer needs: it hands out ids, maps buffers as private memory of the process, runs a
/// batch during EXEC, and writes fences. Any request can be made to fail, and every request is logged.
/// </summary>
internal sealed unsafe partial class ScriptedFile : DrmFile
{
    private const ulong FakeOffset = 0x1_0000_0000;

    private readonly Dictionary<uint, int> _failures = [];
    private readonly Dictionary<uint, ulong> _buffers = [];
    private readonly HashSet<uint> _vms = [];
    private readonly HashSet<uint> _queues = [];
    private uint _nextHandle = 1;

    /// <summary>The requests in their order.</summary>
    public List<ScriptedRequest> Log { get; } = [];

    /// <summary>Whether requests are logged.</summary>
    public bool IsLogging { get; set; } = true;

    /// <summary>Answers of DEVICE_QUERY.</summary>
    public ScriptedQueries Queries { get; } = new();

    /// <summary>Debug files by name; those that are missing cannot be read.</summary>
    public Dictionary<string, Func<string>> DebugFiles { get; } = [];

    /// <summary>Told of each store of a batch: address and value. Decides whether the store is done.</summary>
    public Func<ulong, ulong, bool> OnStore { get; set; } = (_, _) => true;

    /// <summary>Whether the file was closed.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>Whether queues are banned: EXEC and waits fail as the kernel's do.</summary>
    public bool IsBanned { get; set; }

    /// <summary>Buffers, VMs and queues that were made and not destroyed.</summary>
    public int LiveObjects => _buffers.Count + _vms.Count + _queues.Count + SyncObjects.Live;

    /// <summary>CPU mappings that were made and not removed.</summary>
    public int LiveMappings { get; private set; }

    /// <summary>Makes all further requests of a kind fail; 0 ends that.</summary>
    public void Fail(uint request, int errno) => _failures[request] = errno;

    /// <inheritdoc/>
    public override int Ioctl(uint request, void* argument)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        if (IsLogging)
        {
            Log.Add(new ScriptedRequest(request, argument));
        }

        Observe?.Invoke(request, (nint)argument);

        if (_failures.GetValueOrDefault(request) is not 0 and int errno)
        {
            return -errno;
        }

        return request switch
        {
            DrmXe.DRM_IOCTL_XE_DEVICE_QUERY => Queries.Answer((drm_xe_device_query*)argument),
            DrmXe.DRM_IOCTL_XE_VM_CREATE => Create(_vms, out ((drm_xe_vm_create*)argument)->vm_id),
            DrmXe.DRM_IOCTL_XE_VM_DESTROY => HasPreemptVms && _queues.Count > 0
                ? -Errno.EBUSY
                : Destroy(_vms, ((drm_xe_vm_destroy*)argument)->vm_id),
            DrmXe.DRM_IOCTL_XE_VM_BIND => Bind((drm_xe_vm_bind*)argument),
            DrmXe.DRM_IOCTL_XE_GEM_CREATE => CreateBuffer((drm_xe_gem_create*)argument),
            DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET => MmapOffset((drm_xe_gem_mmap_offset*)argument),
            Drm.DRM_IOCTL_GEM_CLOSE => _buffers.Remove(((drm_gem_close*)argument)->handle) ? 0 : -Errno.EINVAL,
            DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE => Create(_queues, out ((drm_xe_exec_queue_create*)argument)->exec_queue_id),
            DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_DESTROY => Destroy(_queues, ((drm_xe_exec_queue_destroy*)argument)->exec_queue_id),
            DrmXe.DRM_IOCTL_XE_EXEC => Execute((drm_xe_exec*)argument),
            DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE => Wait((drm_xe_wait_user_fence*)argument),
            DrmXe.DRM_IOCTL_XE_MADVISE => Madvise((drm_xe_madvise*)argument),
            _ => IoctlOfObjects(request, argument) ?? -Errno.EINVAL,
        };
    }

    /// <inheritdoc/>
    public override int Map(ulong offset, nuint length, DrmMapProtection protection, out nint address)
    {
        address = 0;
        if (!_buffers.TryGetValue((uint)(offset / FakeOffset), out ulong size) || length > size)
        {
            return -Errno.EINVAL;
        }

        LiveMappings++;
        return SystemCalls.MapAnonymous(length, MemoryProtection.ReadWrite, SystemCalls.PageSize, out address);
    }

    /// <inheritdoc/>
    public override int Unmap(nint address, nuint length)
    {
        LiveMappings--;
        return SystemCalls.Unmap(address, length);
    }

    /// <inheritdoc/>
    public override DrmDebugText ReadDebugFile(string name) => DebugFiles.TryGetValue(name, out Func<string>? text)
        ? DrmDebugText.Of(text())
        : DrmDebugText.Unavailable($"{name} may be read by root only: run as root.");

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => IsClosed = true;

    private static int Create(HashSet<uint> ids, out uint id)
    {
        // The lowest free number, as the kernel gives ids.
        id = 1;
        while (!ids.Add(id))
        {
            id++;
        }

        return 0;
    }

    private static int Destroy(HashSet<uint> ids, uint id) => ids.Remove(id) ? 0 : -Errno.ENOENT;

    private int Bind(drm_xe_vm_bind* request)
    {
        if (!_vms.Contains(request->vm_id))
        {
            return -Errno.EINVAL;
        }

        drm_xe_vm_bind_op* operations = request->num_binds == 1 ? &request->bind : (drm_xe_vm_bind_op*)request->vector_of_binds;
        for (uint index = 0; index < request->num_binds; index++)
        {
            if (operations[index].obj != 0 && !_buffers.ContainsKey(operations[index].obj))
            {
                return -Errno.ENOENT;
            }
        }

        if (CheckSyncs(request->syncs, request->num_syncs) is < 0 and int result)
        {
            return result;
        }

        Signal(request->syncs, request->num_syncs);
        return 0;
    }

    private int CreateBuffer(drm_xe_gem_create* request)
    {
        if (request->size == 0 || request->size % 4096 != 0)
        {
            return -Errno.EINVAL;
        }

        request->handle = _nextHandle++;
        _buffers.Add(request->handle, request->size);
        return 0;
    }

    private int MmapOffset(drm_xe_gem_mmap_offset* request)
    {
        request->offset = request->handle * FakeOffset;
        return _buffers.ContainsKey(request->handle) ? 0 : -Errno.ENOENT;
    }

    private int Execute(drm_xe_exec* request)
    {
        if (!_queues.Contains(request->exec_queue_id))
        {
            return -Errno.ENOENT;
        }

        if (IsBanned)
        {
            return -Errno.ECANCELED;
        }

        if (CheckSyncs(request->syncs, request->num_syncs) is < 0 and int result)
        {
            return result;
        }

        for (uint index = 0; index < request->num_batch_buffer; index++)
        {
            RunBatch((uint*)(request->num_batch_buffer == 1 ? request->address : ((ulong*)request->address)[index]));
        }

        Signal(request->syncs, request->num_syncs);
        return 0;
    }

    private void RunBatch(uint* word)
    {
        while (*word != GpuCommand.BatchBufferEnd)
        {
            ulong address = word[1] | ((ulong)word[2] << 32);
            switch (*word)
            {
                case GpuCommand.StoreDword:
                    Store(address, word[3], sizeof(uint));
                    word += GpuCommand.StoreDwordWords;
                    break;
                case GpuCommand.StoreQword:
                    Store(address, word[3] | ((ulong)word[4] << 32), sizeof(ulong));
                    word += GpuCommand.StoreQwordWords;
                    break;
                case GpuCommand.MemCopy:
                    void* source = (void*)(word[5] | ((ulong)word[6] << 32));
                    void* destination = (void*)(word[7] | ((ulong)word[8] << 32));
                    Buffer.MemoryCopy(source, destination, word[1] + 1, word[1] + 1);
                    word += GpuCommand.MemCopyWords;
                    break;
                default:
                    throw new InvalidOperationException($"Unknown command 0x{*word:x8}.");
            }
        }
    }

    private void Store(ulong address, ulong value, int size)
    {
        if (!OnStore(address, value))
        {
            return;
        }

        if (size == sizeof(uint))
        {
            *(uint*)address = (uint)value;
        }
        else
        {
            *(ulong*)address = value;
        }
    }

    private int Wait(drm_xe_wait_user_fence* request)
    {
        if (Volatile.Read(ref *(ulong*)request->addr) >= request->value)
        {
            return 0;
        }

        return IsBanned && request->exec_queue_id != 0 ? -Errno.EIO : -Errno.ETIME;
    }
}
