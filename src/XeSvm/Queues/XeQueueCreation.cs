using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>EXEC_QUEUE_CREATE: the request with its matrix of engines and its chain of properties.</summary>
internal static unsafe class XeQueueCreation
{
    private const int MostProperties = 6;

    /// <summary>The driver takes no more engines than this (XE_HW_ENGINE_MAX_INSTANCE).</summary>
    private const int MostEngines = 9;

    /// <summary>Issues the request.</summary>
    internal static XeResult Issue(HandleUse vm, XeQueueOptions options, out uint id)
    {
        RequireSense(options);
        drm_xe_engine_class_instance* engines = stackalloc drm_xe_engine_class_instance[MostEngines];
        for (int index = 0; index < options.Engines.Count; index++)
        {
            XeEngine engine = options.Engines[index];
            engines[index] = new drm_xe_engine_class_instance
            {
                engine_class = (ushort)engine.EngineClass,
                engine_instance = (ushort)engine.Instance,
                gt_id = (ushort)engine.GtId,
            };
        }

        id = 0;
        drm_xe_ext_set_property* properties = stackalloc drm_xe_ext_set_property[MostProperties];
        uint primary = options.GroupPrimary?.Acquire(vm.File) ?? 0;
        try
        {
            drm_xe_exec_queue_create request = new()
            {
                width = (ushort)options.Width,
                num_placements = (ushort)(options.Engines.Count / options.Width),
                vm_id = vm.Id,
                flags = options.LowLatencyHint ? DrmXe.DRM_XE_EXEC_QUEUE_LOW_LATENCY_HINT : 0,
                instances = (ulong)engines,
                extensions = (ulong)Chain(options, primary, properties),
            };
            XeResult result = vm.File.Ioctl(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref request);
            id = request.exec_queue_id;
            return result;
        }
        finally
        {
            options.GroupPrimary?.Release();
        }
    }

    /// <summary>What was asked, for messages.</summary>
    internal static string Describe(XeQueueOptions options)
    {
        string width = options.Width == 1 ? "" : $", width {options.Width}";
        string priority = options.Priority is { } value ? $", priority {value}" : "";
        string slice = options.Timeslice is { } time ? $", time slice {time.TotalMicroseconds} us" : "";
        return $"engine {string.Join(" or ", options.Engines)}{width}{priority}{slice}";
    }

    private static void RequireSense(XeQueueOptions options)
    {
        ArgumentNullException.ThrowIfNull(options.Engines);
        if (options.Width < 1 || options.Engines.Count == 0 || options.Engines.Count > MostEngines || options.Engines.Count % options.Width != 0)
        {
            throw new ArgumentException(
                $"A queue needs 1 to {MostEngines} engines, a multiple of its width: there are {options.Engines.Count}, and the width is {options.Width}.",
                nameof(options));
        }

        if (options.StartsGroup && options.GroupPrimary is not null)
        {
            throw new ArgumentException("A queue either starts a group or joins one.", nameof(options));
        }

        if (options.Timeslice is { } slice && (slice <= TimeSpan.Zero || slice.Ticks % TimeSpan.TicksPerMicrosecond != 0))
        {
            throw new ArgumentException($"A time slice is a number of whole microseconds, not {slice}.", nameof(options));
        }
    }

    /// <summary>Writes the properties that were given, in the order in which the driver shall take them, and links them.</summary>
    private static drm_xe_ext_set_property* Chain(XeQueueOptions options, uint primary, drm_xe_ext_set_property* properties)
    {
        int count = 0;
        Add(DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY, (ulong?)options.Priority);
        Add(DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_TIMESLICE, (ulong?)(options.Timeslice?.Ticks / TimeSpan.TicksPerMicrosecond));
        Add(DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_PXP_TYPE, options.ProtectedContent ? DrmXe.DRM_XE_PXP_TYPE_HWDRM : null);
        Add(DrmXe.DRM_XE_EXEC_QUEUE_SET_DISABLE_STATE_CACHE_PERF_FIX, options.DisableStateCachePerfFix ? 1UL : null);
        Add(
            DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_GROUP,
            options.StartsGroup ? DrmXe.DRM_XE_MULTI_GROUP_CREATE : primary == 0 ? null : primary);

        // Behind the group: the driver refuses a priority in no group (xe_exec_queue.c).
        Add(DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_QUEUE_PRIORITY, (ulong?)options.GroupPriority);
        return count == 0 ? null : properties;

        void Add(uint property, ulong? value)
        {
            if (value is { } given)
            {
                properties[count] = new drm_xe_ext_set_property { property = property, value = given };
                properties[count].@base.name = DrmXe.DRM_XE_EXEC_QUEUE_EXTENSION_SET_PROPERTY;
                if (count > 0)
                {
                    properties[count - 1].@base.next_extension = (ulong)&properties[count];
                }

                count++;
            }
        }
    }
}
