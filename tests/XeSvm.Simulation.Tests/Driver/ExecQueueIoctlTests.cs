using XeSvm.Interop.Uapi;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>EXEC_QUEUE_CREATE, DESTROY and GET_PROPERTY.</summary>
public sealed unsafe class ExecQueueIoctlTests : IDisposable
{
    private const uint Vm = 1;
    private const uint UnknownVm = 9;
    private const ulong MaxTimeslice = 10_000_000;

    private static readonly ulong s_image = Pinned.Copy(new byte[4096]);

    private static readonly ErrnoTable<drm_xe_exec_queue_create> s_createRules = new()
    {
        { "unknown flag", Errno.EINVAL, (ref args) => args.flags = 2 },
        { "reserved 0", Errno.EINVAL, (ref args) => args.reserved[0] = 1 },
        { "reserved 1", Errno.EINVAL, (ref args) => args.reserved[1] = 1 },
        { "width 0", Errno.EINVAL, (ref args) => args.width = 0 },
        { "no placements", Errno.EINVAL, (ref args) => args.num_placements = 0 },
        { "ten instances", Errno.EINVAL, (ref args) => (args.width, args.num_placements) = (5, 2) },
        { "as many instances as the fields hold", Errno.EINVAL, (ref args) => (args.width, args.num_placements) = (ushort.MaxValue, ushort.MaxValue) },
        { "unreadable instances", Errno.EFAULT, (ref args) => args.instances = DrmClient.BadPointer },
        { "flag before unreadable instances", Errno.EINVAL, (ref args) => (args.flags, args.instances) = (2, DrmClient.BadPointer) },
        { "width before unreadable instances", Errno.EINVAL, (ref args) => (args.width, args.instances) = (10, DrmClient.BadPointer) },
        { "unreadable instances before unknown VM", Errno.EFAULT, (ref args) => (args.instances, args.vm_id) = (DrmClient.BadPointer, UnknownVm) },
        { "unknown GT", Errno.EINVAL, (ref args) => Place(ref args, new drm_xe_engine_class_instance { engine_class = 1, gt_id = 1 }) },
        { "unknown class", Errno.EINVAL, (ref args) => Place(ref args, new drm_xe_engine_class_instance { engine_class = 6 }) },
        { "class that the device lacks", Errno.EINVAL, (ref args) => Place(ref args, Engine(DRM_XE_ENGINE_CLASS_VIDEO_DECODE)) },
        { "instance that the device lacks", Errno.EINVAL, (ref args) => Place(ref args, Engine(DRM_XE_ENGINE_CLASS_COPY, 1)) },
        { "reserved instance", Errno.EINVAL, (ref args) => Place(ref args, Engine(DRM_XE_ENGINE_CLASS_COPY, 8)) },
        { "placements of mixed classes", Errno.EINVAL, (ref args) => Place(ref args, Engine(DRM_XE_ENGINE_CLASS_COPY), Engine(DRM_XE_ENGINE_CLASS_RENDER)) },
        { "second placement on an unknown GT", Errno.EINVAL, (ref args) =>
            Place(ref args, Engine(DRM_XE_ENGINE_CLASS_COPY), Engine(DRM_XE_ENGINE_CLASS_COPY) with { gt_id = 1 }) },
        { "parallel slots on one engine", Errno.EINVAL, (ref args) =>
            {
                Place(ref args, Engine(DRM_XE_ENGINE_CLASS_COPY), Engine(DRM_XE_ENGINE_CLASS_COPY));
                (args.width, args.num_placements) = (2, 1);
            } },
        { "bind queue with width", Errno.EINVAL, (ref args) =>
            {
                Place(ref args, Engine(DRM_XE_ENGINE_CLASS_VM_BIND), Engine(DRM_XE_ENGINE_CLASS_VM_BIND));
                (args.width, args.num_placements) = (2, 1);
            } },
        { "bind queue with placements", Errno.EINVAL, (ref args) => Place(ref args, Engine(DRM_XE_ENGINE_CLASS_VM_BIND), Engine(DRM_XE_ENGINE_CLASS_VM_BIND)) },
        { "bind queue with instance", Errno.EINVAL, (ref args) => Place(ref args, Engine(DRM_XE_ENGINE_CLASS_VM_BIND, 1)) },
        { "bind queue with instance before unknown VM", Errno.EINVAL, (ref args) =>
            {
                Place(ref args, Engine(DRM_XE_ENGINE_CLASS_VM_BIND, 1));
                args.vm_id = UnknownVm;
            } },
        { "engine before unknown VM", Errno.EINVAL, (ref args) =>
            {
                Place(ref args, Engine(DRM_XE_ENGINE_CLASS_COPY, 1));
                args.vm_id = UnknownVm;
            } },
        { "unknown VM", Errno.ENOENT, (ref args) => args.vm_id = UnknownVm },
        { "VM 0", Errno.ENOENT, (ref args) => args.vm_id = 0 },
        { "bind queue of an unknown VM", Errno.ENOENT, (ref args) =>
            {
                Place(ref args, Engine(DRM_XE_ENGINE_CLASS_VM_BIND));
                args.vm_id = UnknownVm;
            } },
        { "unknown VM before bad extension", Errno.ENOENT, (ref args) => (args.vm_id, args.extensions) = (UnknownVm, DrmClient.BadPointer) },
        { "unreadable extension", Errno.EFAULT, (ref args) => args.extensions = DrmClient.BadPointer },
        { "chain of 17", Errno.E2BIG, (ref args) => Extend(ref args, ExtensionChain.Repeat(17, DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY, 1)) },
        { "unknown property", Errno.EINVAL, (ref args) => Extend(ref args, new ExtensionChain((7, 0))) },
        { "priority 3", Errno.EINVAL, (ref args) => Extend(ref args, new ExtensionChain((DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY, 3))) },
        { "priority above the caller's", Errno.EPERM, (ref args) => Extend(ref args, new ExtensionChain((DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY, 2))) },
        { "timeslice 0", Errno.EINVAL, (ref args) => Extend(ref args, new ExtensionChain((DRM_XE_EXEC_QUEUE_SET_PROPERTY_TIMESLICE, 0))) },
        { "timeslice too long", Errno.EINVAL, (ref args) =>
            Extend(ref args, new ExtensionChain((DRM_XE_EXEC_QUEUE_SET_PROPERTY_TIMESLICE, MaxTimeslice + 1))) },
        { "PXP type 1", Errno.ENODEV, (ref args) => Extend(ref args, new ExtensionChain((DRM_XE_EXEC_QUEUE_SET_PROPERTY_PXP_TYPE, 1))) },
        { "PXP type 2", Errno.EINVAL, (ref args) => Extend(ref args, new ExtensionChain((DRM_XE_EXEC_QUEUE_SET_PROPERTY_PXP_TYPE, 2))) },
        { "unreadable hang replay state", Errno.EFAULT, (ref args) =>
            Extend(ref args, new ExtensionChain((DRM_XE_EXEC_QUEUE_SET_HANG_REPLAY_STATE, DrmClient.BadPointer))) },
        { "hang replay state twice", Errno.EINVAL, (ref args) => Extend(ref args, new ExtensionChain(
            (DRM_XE_EXEC_QUEUE_SET_HANG_REPLAY_STATE, s_image), (DRM_XE_EXEC_QUEUE_SET_HANG_REPLAY_STATE, s_image))) },
        { "multi-queue group", Errno.ENODEV, (ref args) =>
            Extend(ref args, new ExtensionChain((DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_GROUP, DRM_XE_MULTI_GROUP_CREATE))) },
        { "multi-queue priority without a group", Errno.EINVAL, (ref args) =>
            Extend(ref args, new ExtensionChain((DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_QUEUE_PRIORITY, 1))) },
        { "state cache fix on a copy engine", Errno.EOPNOTSUPP, (ref args) =>
            Extend(ref args, new ExtensionChain((DRM_XE_EXEC_QUEUE_SET_DISABLE_STATE_CACHE_PERF_FIX, 1))) },
        { "first bad property decides", Errno.EPERM, (ref args) => Extend(ref args, new ExtensionChain(
            (DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY, 1), (DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY, 2), (DRM_XE_EXEC_QUEUE_SET_PROPERTY_TIMESLICE, 0))) },
    };

    private static readonly ErrnoTable<drm_xe_exec_queue_destroy> s_destroyRules = new()
    {
        { "pad", Errno.EINVAL, (ref args) => args.pad = 1 },
        { "reserved 0", Errno.EINVAL, (ref args) => args.reserved[0] = 1 },
        { "reserved 1", Errno.EINVAL, (ref args) => args.reserved[1] = 1 },
        { "queue 0", Errno.ENOENT, (ref args) => args.exec_queue_id = 0 },
        { "unknown queue", Errno.ENOENT, (ref args) => args.exec_queue_id = 9 },
        { "pad before unknown queue", Errno.EINVAL, (ref args) => (args.pad, args.exec_queue_id) = (1, 9) },
    };

    private static readonly ErrnoTable<drm_xe_exec_queue_set_property> s_setRules = new()
    {
        { "reserved 0", Errno.EINVAL, (ref args) => args.reserved[0] = 1 },
        { "reserved 1", Errno.EINVAL, (ref args) => args.reserved[1] = 1 },
        { "priority", Errno.EINVAL, (ref args) => args.property = DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY },
        { "property before unknown queue", Errno.EINVAL, (ref args) => (args.property, args.exec_queue_id) = (6, 9) },
        { "unknown queue", Errno.ENOENT, (ref args) => args.exec_queue_id = 9 },
        { "unknown queue before value", Errno.ENOENT, (ref args) => (args.exec_queue_id, args.value) = (9, 3) },
        { "value", Errno.EINVAL, (ref args) => args.value = 3 },
        { "no member of a group", Errno.EINVAL, (ref args) => args.value = 2 },
        { "extensions are not looked at", Errno.EINVAL, (ref args) => args.extensions = DrmClient.BadPointer },
    };

    private static readonly ErrnoTable<drm_xe_exec_queue_get_property> s_propertyRules = new()
    {
        { "reserved 0", Errno.EINVAL, (ref args) => args.reserved[0] = 1 },
        { "reserved 1", Errno.EINVAL, (ref args) => args.reserved[1] = 1 },
        { "unknown queue", Errno.ENOENT, (ref args) => args.exec_queue_id = 9 },
        { "reserved before unknown queue", Errno.EINVAL, (ref args) => (args.reserved[0], args.exec_queue_id) = (1, 9) },
        { "unknown property", Errno.EINVAL, (ref args) => args.property = 1 },
        { "unknown queue before unknown property", Errno.ENOENT, (ref args) => (args.exec_queue_id, args.property) = (9, 1) },
    };

    private readonly DrmClient _client = new();

    public ExecQueueIoctlTests()
    {
        Assert.Equal(Vm, _client.CreateVm(0));
        _client.Device.MayRaisePriority = false;
    }

    public static TheoryData<string> CreateRules => s_createRules.Names;

    public static TheoryData<string> DestroyRules => s_destroyRules.Names;

    public static TheoryData<string> SetRules => s_setRules.Names;

    public static TheoryData<string> PropertyRules => s_propertyRules.Names;

    public void Dispose() => _client.Dispose();

    [Theory]
    [MemberData(nameof(SetRules))]
    [Trait("Rule", "8.SET_PROPERTY")]
    public void SET_PROPERTY_has_nothing_that_it_could_set_on_this_device(string rule)
    {
        drm_xe_exec_queue_create create = Good();
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref create));
        var args = new drm_xe_exec_queue_set_property
        {
            exec_queue_id = create.exec_queue_id,
            property = DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_QUEUE_PRIORITY,
        };
        int expected = s_setRules.Break(rule, ref args);
        Assert.Equal(expected, _client.Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_SET_PROPERTY, ref args));
    }

    [Theory]
    [MemberData(nameof(CreateRules))]
    [Trait("Rule", "8.CREATE.checks")]
    [Trait("Rule", "8.CREATE.bind")]
    [Trait("Rule", "8.CREATE.placement")]
    [Trait("Rule", "8.CREATE.vm")]
    [Trait("Rule", "8.CREATE.extensions")]
    [Trait("Rule", "8.CREATE.0")]
    [Trait("Rule", "8.CREATE.1")]
    [Trait("Rule", "8.CREATE.2")]
    [Trait("Rule", "8.CREATE.3")]
    [Trait("Rule", "8.CREATE.5")]
    [Trait("Rule", "8.CREATE.6")]
    public void A_broken_rule_of_CREATE_gives_its_errno_and_no_queue(string rule)
    {
        drm_xe_exec_queue_create args = Good();
        int expected = s_createRules.Break(rule, ref args);
        Assert.Equal(expected, _client.Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref args));
        args = Good();
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref args));
        Assert.Equal(1u, args.exec_queue_id);
    }

    [Theory]
    [InlineData(DRM_XE_ENGINE_CLASS_RENDER)]
    [InlineData(DRM_XE_ENGINE_CLASS_COPY)]
    [InlineData(DRM_XE_ENGINE_CLASS_COMPUTE)]
    [InlineData(DRM_XE_ENGINE_CLASS_VM_BIND)]
    [Trait("Rule", "8.CREATE.checks")]
    [Trait("Rule", "8.CREATE.0")]
    [Trait("Rule", "8.CREATE.1")]
    public void Every_engine_of_the_device_takes_queues_with_all_good_properties(ushort engineClass)
    {
        drm_xe_exec_queue_create args = Good();
        Place(ref args, Engine(engineClass));
        args.flags = DRM_XE_EXEC_QUEUE_LOW_LATENCY_HINT;
        Extend(ref args, new ExtensionChain(
            (DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY, 0),
            (DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY, 1),
            (DRM_XE_EXEC_QUEUE_SET_PROPERTY_TIMESLICE, 1),
            (DRM_XE_EXEC_QUEUE_SET_PROPERTY_TIMESLICE, MaxTimeslice),
            (DRM_XE_EXEC_QUEUE_SET_PROPERTY_PXP_TYPE, 0)));
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref args));
    }

    [Fact]
    [Trait("Rule", "8.CREATE.6")]
    public void A_render_queue_may_ask_for_the_state_cache_fix_that_the_configuration_promises()
    {
        drm_xe_exec_queue_create args = Good();
        Place(ref args, Engine(DRM_XE_ENGINE_CLASS_RENDER));
        Extend(ref args, new ExtensionChain((DRM_XE_EXEC_QUEUE_SET_DISABLE_STATE_CACHE_PERF_FIX, 1)));
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref args));
    }

    [Fact]
    [Trait("Rule", "8.CREATE.placement")]
    public void The_same_engine_may_be_placed_upon_more_than_once()
    {
        drm_xe_exec_queue_create args = Good();
        Place(ref args, [.. Enumerable.Repeat(Engine(DRM_XE_ENGINE_CLASS_COPY), 9)]);
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref args));
    }

    [Fact]
    [Trait("Rule", "8.CREATE.extensions")]
    public void A_chain_of_16_extensions_is_walked_to_its_end()
    {
        drm_xe_exec_queue_create args = Good();
        var chain = ExtensionChain.Repeat(16, DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY, 1);
        Extend(ref args, chain);
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref args));
        chain[15].value = 2;
        Assert.Equal(-Errno.EPERM, _client.Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref args));
    }

    [Theory]
    [MemberData(nameof(DestroyRules))]
    [Trait("Rule", "8.DESTROY")]
    public void A_broken_rule_of_DESTROY_gives_its_errno_and_the_queue_lives(string rule)
    {
        var args = new drm_xe_exec_queue_destroy { exec_queue_id = _client.CreateQueue(Vm) };
        int expected = s_destroyRules.Break(rule, ref args);
        Assert.Equal(expected, _client.Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_DESTROY, ref args));
        Assert.Equal(0, _client.DestroyQueue(1));
        Assert.Equal(-Errno.ENOENT, _client.DestroyQueue(1));
    }

    [Theory]
    [MemberData(nameof(PropertyRules))]
    [Trait("Rule", "8.GET_PROPERTY")]
    public void A_broken_rule_of_GET_PROPERTY_gives_its_errno(string rule)
    {
        var args = new drm_xe_exec_queue_get_property { exec_queue_id = _client.CreateQueue(Vm), value = 77 };
        int expected = s_propertyRules.Break(rule, ref args);
        Assert.Equal(expected, _client.Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY, ref args));
        Assert.Equal(77ul, args.value);
    }

    [Fact]
    [Trait("Rule", "8.GET_PROPERTY")]
    public void GET_PROPERTY_does_not_look_at_extensions_and_a_good_queue_is_not_banned()
    {
        foreach (ushort engineClass in (ReadOnlySpan<ushort>)[DRM_XE_ENGINE_CLASS_COPY, DRM_XE_ENGINE_CLASS_VM_BIND])
        {
            var args = new drm_xe_exec_queue_get_property { exec_queue_id = _client.CreateQueue(Vm, engineClass), extensions = 1, value = 77 };
            Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY, ref args));
            Assert.Equal(0ul, args.value);
        }
    }

    private static drm_xe_engine_class_instance Engine(ushort engineClass, ushort instance = 0) =>
        new() { engine_class = engineClass, engine_instance = instance };

    private static drm_xe_exec_queue_create Good()
    {
        var args = new drm_xe_exec_queue_create { vm_id = Vm, width = 1 };
        Place(ref args, Engine(DRM_XE_ENGINE_CLASS_COPY));
        return args;
    }

    private static void Place(ref drm_xe_exec_queue_create args, params ReadOnlySpan<drm_xe_engine_class_instance> instances)
    {
        args.num_placements = (ushort)instances.Length;
        args.instances = Pinned.Copy(instances);
    }

    private static void Extend(ref drm_xe_exec_queue_create args, ExtensionChain chain) => args.extensions = chain.Address;
}
