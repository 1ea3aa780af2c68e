using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_EXEC_QUEUE_CREATE (xe_exec_queue_create_ioctl).</summary>
internal static unsafe class ExecQueueCreateIoctl
{
    private const int MostInstances = 9; // XE_HW_ENGINE_MAX_INSTANCE
    private const uint HighestKernelPriority = 2;
    private const ulong ShortestTimeslice = 1;
    private const ulong LongestTimeslice = 10_000_000;

    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_exec_queue_create* args = (drm_xe_exec_queue_create*)argument;
        uint count = (uint)args->width * args->num_placements;
        if ((args->flags & ~(uint)DrmXe.DRM_XE_EXEC_QUEUE_LOW_LATENCY_HINT) != 0 || !UapiChecks.AreZero(args->reserved)
            || count is 0 or > MostInstances)
        {
            return -Errno.EINVAL;
        }

        drm_xe_engine_class_instance* instances = stackalloc drm_xe_engine_class_instance[MostInstances];
        if (file.Client.Read(args->instances, instances, count * (nuint)sizeof(drm_xe_engine_class_instance)) < 0)
        {
            return -Errno.EFAULT;
        }

        if (file.Device.FindGt(instances[0].gt_id) is null)
        {
            return -Errno.EINVAL;
        }

        int result = instances[0].engine_class == DrmXe.DRM_XE_ENGINE_CLASS_VM_BIND
            ? CreateBindQueue(file, args, instances[0], out XeExecQueue? queue)
            : CreateEngineQueue(file, args, new ReadOnlySpan<drm_xe_engine_class_instance>(instances, (int)count), out queue);
        if (result < 0)
        {
            return result;
        }

        var request = new Request { File = file, Queue = queue!, EngineClass = instances[0].engine_class };
        result = UserExtensions.ForEachProperty(file, args->extensions, request, &SetProperty);
        if (result < 0 || !file.Queues.TryAdd(queue!, out args->exec_queue_id))
        {
            queue!.Dispose();
            return result < 0 ? result : -Errno.EBADF;
        }

        return 0;
    }

    private static int CreateBindQueue(
        SoftwareFile file, drm_xe_exec_queue_create* args, in drm_xe_engine_class_instance instance, out XeExecQueue? queue)
    {
        queue = null;
        if (args->width != 1 || args->num_placements != 1 || instance.engine_instance != 0)
        {
            return -Errno.EINVAL;
        }

        return file.Vms.TryGet(args->vm_id, out Vm? vm) && XeExecQueue.TryCreateForBinds(vm, out queue) ? 0 : -Errno.ENOENT;
    }

    private static int CreateEngineQueue(
        SoftwareFile file, drm_xe_exec_queue_create* args, ReadOnlySpan<drm_xe_engine_class_instance> instances, out XeExecQueue? queue)
    {
        queue = null;
        if (!TryResolve(file.Device, instances, args->width, out Engine? first))
        {
            return -Errno.EINVAL;
        }

        // Only the video engines take several contexts at once (xe_hw_engine_class has no multi-LRC otherwise).
        if (args->width > 1 && first!.Class is not (EngineClass.VideoDecode or EngineClass.VideoEnhance))
        {
            return -Errno.EOPNOTSUPP;
        }

        return file.Vms.TryGet(args->vm_id, out Vm? vm) && XeExecQueue.TryCreateOnEngine(vm, first!, args->width, out queue) ? 0 : -Errno.ENOENT;
    }

    /// <summary>
    /// Whether all placements name engines of one class and GT, and each slot of a parallel queue stands just above the one before it
    /// (calc_validate_logical_mask). Entry <c>j * width + i</c> is placement j of slot i.
    /// </summary>
    private static bool TryResolve(SoftwareDevice device, ReadOnlySpan<drm_xe_engine_class_instance> instances, int width, out Engine? first)
    {
        first = null;
        uint slotBelow = 0;
        for (int slot = 0; slot < width; slot++)
        {
            uint mask = 0;
            for (int at = slot; at < instances.Length; at += width)
            {
                drm_xe_engine_class_instance instance = instances[at];
                if (device.FindEngine(instance.engine_class, instance.engine_instance, instance.gt_id) is not { } engine
                    || (first is not null && (engine.Class != first.Class || engine.Gt != first.Gt)))
                {
                    return false;
                }

                first ??= engine;
                mask |= 1u << engine.Instance;
            }

            if (slot > 0 && mask != slotBelow << 1)
            {
                return false;
            }

            slotBelow = mask;
        }

        return true;
    }

    private static int SetProperty(in drm_xe_ext_set_property property, Request request)
    {
        switch (property.property)
        {
            case DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY:
                return property.value > HighestKernelPriority ? -Errno.EINVAL
                    : property.value > XeExecQueue.HighestPriorityOf(request.File.Device) ? -Errno.EPERM
                    : 0;
            case DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_TIMESLICE:
                return property.value is < ShortestTimeslice or > LongestTimeslice && !request.File.Device.MayRaisePriority ? -Errno.EINVAL : 0;
            case DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_PXP_TYPE:
                return request.Queue.Group is not null ? -Errno.EINVAL : UserExtensions.CheckPxpType(property.value);
            case DrmXe.DRM_XE_EXEC_QUEUE_SET_HANG_REPLAY_STATE:
                return TakeReplayState(request, property.value);
            case DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_GROUP:
                return SetGroup(request, property.value);
            case DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_QUEUE_PRIORITY:
                return property.value > QueueGroup.HighestPriority || request.Queue.Group is null ? -Errno.EINVAL : 0;
            case DrmXe.DRM_XE_EXEC_QUEUE_SET_DISABLE_STATE_CACHE_PERF_FIX:
                return request.EngineClass == DrmXe.DRM_XE_ENGINE_CLASS_RENDER ? 0 : -Errno.EOPNOTSUPP;
            default:
                return -Errno.EINVAL;
        }
    }

    /// <summary>Makes a queue the first of a group, or a member of the group of the queue that the value names (exec_queue_set_multi_group).</summary>
    private static int SetGroup(Request request, ulong value)
    {
        if (!request.File.Device.Profile.HasMultiQueue || request.Queue.IsBindQueue)
        {
            return -Errno.ENODEV;
        }

        if (request.Queue.Width > 1 || request.Queue.Group is not null)
        {
            return -Errno.EINVAL;
        }

        if ((value & DrmXe.DRM_XE_MULTI_GROUP_CREATE) != 0)
        {
            if (value != DrmXe.DRM_XE_MULTI_GROUP_CREATE)
            {
                return -Errno.EINVAL;
            }

            request.Queue.CreateGroup();
            return 0;
        }

        return value > uint.MaxValue ? -Errno.EINVAL
            : request.File.Queues.TryGet((uint)value, out XeExecQueue? primary) ? request.Queue.Join(primary)
            : -Errno.ENOENT;
    }

    /// <summary>
    /// A context image to start from (exec_queue_set_hang_replay_state). It is read, as the kernel reads it, and not used: the engine has no
    /// context that an image could be loaded into.
    /// </summary>
    private static int TakeReplayState(Request request, ulong address)
    {
        if (request.HasReplayState)
        {
            return -Errno.EINVAL;
        }

        byte* start = stackalloc byte[sizeof(ulong)];
        if (request.File.Client.Read(address, start, sizeof(ulong)) < 0)
        {
            return -Errno.EFAULT;
        }

        request.HasReplayState = true;
        return 0;
    }

    /// <summary>What properties are judged by.</summary>
    private sealed class Request
    {
        public required SoftwareFile File { get; init; }

        /// <summary>The queue that is being created.</summary>
        public required XeExecQueue Queue { get; init; }

        public required ushort EngineClass { get; init; }

        public bool HasReplayState { get; set; }
    }
}
