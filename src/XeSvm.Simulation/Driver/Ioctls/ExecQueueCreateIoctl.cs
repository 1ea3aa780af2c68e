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
        int count = args->width * args->num_placements;
        if ((args->flags & ~(uint)DrmXe.DRM_XE_EXEC_QUEUE_LOW_LATENCY_HINT) != 0 || !UapiChecks.AreZero(args->reserved)
            || count is 0 or > MostInstances)
        {
            return -Errno.EINVAL;
        }

        drm_xe_engine_class_instance* instances = stackalloc drm_xe_engine_class_instance[MostInstances];
        if (file.Client.Read(args->instances, instances, (nuint)(count * sizeof(drm_xe_engine_class_instance))) < 0)
        {
            return -Errno.EFAULT;
        }

        if (instances[0].gt_id != file.Device.PrimaryGt.Id)
        {
            return -Errno.EINVAL;
        }

        int result = instances[0].engine_class == DrmXe.DRM_XE_ENGINE_CLASS_VM_BIND
            ? CreateBindQueue(file, args, instances[0], out XeExecQueue? queue)
            : CreateEngineQueue(file, args, new ReadOnlySpan<drm_xe_engine_class_instance>(instances, count), out queue);
        if (result < 0)
        {
            return result;
        }

        result = UserExtensions.ForEachProperty(file, args->extensions, &CheckProperty);
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

        if (!file.Vms.TryGet(args->vm_id, out Vm? vm) || vm.IsClosed)
        {
            return -Errno.ENOENT;
        }

        queue = XeExecQueue.ForBinds(vm);
        return 0;
    }

    private static int CreateEngineQueue(
        SoftwareFile file, drm_xe_exec_queue_create* args, ReadOnlySpan<drm_xe_engine_class_instance> instances, out XeExecQueue? queue)
    {
        queue = null;
        Engine? first = null;
        foreach (ref readonly drm_xe_engine_class_instance instance in instances)
        {
            Engine? engine = file.Device.FindEngine(instance.engine_class, instance.engine_instance, instance.gt_id);
            first ??= engine;
            if (engine is null || engine.Class != first!.Class)
            {
                return -Errno.EINVAL;
            }
        }

        // Parallel submission needs several engines of one video class, which the device does not have.
        if (args->width > 1)
        {
            return -Errno.EOPNOTSUPP;
        }

        if (!file.Vms.TryGet(args->vm_id, out Vm? vm) || vm.IsClosed)
        {
            return -Errno.ENOENT;
        }

        queue = XeExecQueue.OnEngine(vm, first!, args->width);
        return 0;
    }

    private static int CheckProperty(SoftwareFile file, in drm_xe_ext_set_property property)
    {
        switch (property.property)
        {
            case DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY:
                return property.value > HighestKernelPriority ? -Errno.EINVAL : property.value > XeExecQueue.HighestPriority ? -Errno.EPERM : 0;
            case DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_TIMESLICE:
                return property.value is < ShortestTimeslice or > LongestTimeslice ? -Errno.EINVAL : 0;
            default:
                return -Errno.EINVAL;
        }
    }
}
