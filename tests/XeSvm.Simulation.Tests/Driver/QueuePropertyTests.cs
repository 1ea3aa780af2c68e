using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Profiles;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>Properties of exec queues that depend on the caller's rights or on what the engines can do.</summary>
public sealed unsafe class QueuePropertyTests
{
    private const ulong TooLong = 10_000_001;

    [Theory]
    [Trait("Rule", "2.priority")]
    [Trait("Rule", "8.CREATE.0")]
    [Trait("Rule", "8.CREATE.1")]
    [InlineData(false)]
    [InlineData(true)]
    public void CAP_SYS_NICE_allows_high_priority_and_any_timeslice(bool capable)
    {
        using var client = new DrmClient();
        client.Device.MayRaisePriority = capable;
        uint vm = client.CreateVm(0);
        Assert.Equal(capable ? 2ul : 1ul, HighestPriority(client));
        Assert.Equal(capable ? 0 : -Errno.EPERM, Create(client, vm, (DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY, 2)));
        Assert.Equal(0, Create(client, vm, (DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY, 1)));
        Assert.Equal(-Errno.EINVAL, Create(client, vm, (DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY, 3)));
        Assert.Equal(capable ? 0 : -Errno.EINVAL, Create(client, vm, (DRM_XE_EXEC_QUEUE_SET_PROPERTY_TIMESLICE, 0)));
        Assert.Equal(capable ? 0 : -Errno.EINVAL, Create(client, vm, (DRM_XE_EXEC_QUEUE_SET_PROPERTY_TIMESLICE, TooLong)));
    }

    [Fact]
    [Trait("Rule", "8.CREATE.4")]
    [Trait("Rule", "8.CREATE.5")]
    public void Engines_that_cannot_group_queues_answer_ENODEV()
    {
        using var client = new DrmClient();
        Assert.Equal(-Errno.ENODEV, Create(client, client.CreateVm(0), (DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_GROUP, DRM_XE_MULTI_GROUP_CREATE)));
    }

    [Fact]
    [Trait("Rule", "8.CREATE.4")]
    [Trait("Rule", "8.CREATE.5")]
    [Trait("Rule", "8.SET_PROPERTY")]
    public void Queues_of_one_VM_and_engine_join_the_group_of_its_first_queue()
    {
        WithGroups(client =>
        {
            const uint group = DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_GROUP;
            const uint priority = DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_QUEUE_PRIORITY;
            uint vm = client.CreateVm(0);
            uint otherVm = client.CreateVm(0);
            uint lonely = client.CreateQueue(vm);
            Assert.Equal(0, Create(client, vm, (group, DRM_XE_MULTI_GROUP_CREATE)));
            uint primary = lonely + 1;
            Assert.Equal(0, Create(client, vm, (group, primary), (priority, 2)));
            uint member = primary + 1;

            Assert.Equal(-Errno.EINVAL, Create(client, vm, (group, DRM_XE_MULTI_GROUP_CREATE | 1)));
            Assert.Equal(-Errno.EINVAL, Create(client, vm, (group, 1UL << 32 | primary)));
            Assert.Equal(-Errno.ENOENT, Create(client, vm, (group, 77)));
            Assert.Equal(-Errno.EINVAL, Create(client, vm, (group, lonely)));
            Assert.Equal(-Errno.EINVAL, Create(client, vm, (group, member)));
            Assert.Equal(-Errno.EINVAL, Create(client, otherVm, (group, primary)));
            Assert.Equal(-Errno.EINVAL, Create(client, vm, DRM_XE_ENGINE_CLASS_RENDER, (group, primary)));
            Assert.Equal(-Errno.EINVAL, Create(client, vm, (group, primary), (group, primary)));
            Assert.Equal(-Errno.EINVAL, Create(client, vm, (group, primary), (priority, 3)));
            Assert.Equal(-Errno.EINVAL, Create(client, vm, (group, primary), (DRM_XE_EXEC_QUEUE_SET_PROPERTY_PXP_TYPE, 0)));
            Assert.Equal(-Errno.EINVAL, Create(client, vm, (priority, 1), (group, primary)));

            Assert.Equal(0, SetPriority(client, member, 2));
            Assert.Equal(-Errno.EINVAL, SetPriority(client, member, 3));
            Assert.Equal(-Errno.EINVAL, SetPriority(client, lonely, 1));
            Assert.Equal(-Errno.ENOENT, SetPriority(client, 77, 1));
            Assert.Equal(0, client.DestroyQueue(primary));
            Assert.Equal(0, SetPriority(client, member, 1));
        });
    }

    [Fact]
    [Trait("Rule", "8.CREATE.4")]
    public void A_group_takes_64_queues_and_a_place_that_is_given_up_is_free_again()
    {
        WithGroups(client =>
        {
            const uint group = DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_GROUP;
            uint vm = client.CreateVm(0);
            Assert.Equal(0, Create(client, vm, (group, DRM_XE_MULTI_GROUP_CREATE)));
            for (int member = 1; member < 64; member++)
            {
                Assert.Equal(0, Create(client, vm, (group, 1)));
            }

            Assert.Equal(-Errno.EINVAL, Create(client, vm, (group, 1)));
            Assert.Equal(0, client.DestroyQueue(30));
            Assert.Equal(0, Create(client, vm, (group, 1)));
        });
    }

    private static void WithGroups(Action<DrmClient> test)
    {
        string path = Path.Combine(Path.GetTempPath(), $"xesvm-groups-{Environment.ProcessId}-{Guid.NewGuid():n}.json");
        using Stream stream = typeof(MachineProfile).Assembly.GetManifestResourceStream("XeSvm.Simulation.Driver.Profiles.bmg.json")!;
        using var reader = new StreamReader(stream);
        File.WriteAllText(path, reader.ReadToEnd().Replace("\"flatCcs\"", "\"multiQueue\": true, \"flatCcs\"", StringComparison.Ordinal));
        try
        {
            using var client = new DrmClient(new SoftwareBackendOptions { Device = path, VramBytes = 16 << 20, CpuFaults = "coherent" });
            test(client);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static int Create(DrmClient client, uint vm, params (uint Property, ulong Value)[] properties) =>
        Create(client, vm, DRM_XE_ENGINE_CLASS_COPY, properties);

    private static int Create(DrmClient client, uint vm, ushort engineClass, params (uint Property, ulong Value)[] properties)
    {
        var instance = new drm_xe_engine_class_instance { engine_class = engineClass };
        var create = new drm_xe_exec_queue_create
        {
            vm_id = vm,
            width = 1,
            num_placements = 1,
            instances = (ulong)&instance,
            extensions = new ExtensionChain(properties).Address,
        };
        return client.Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref create);
    }

    private static int SetPriority(DrmClient client, uint queue, ulong value)
    {
        var property = new drm_xe_exec_queue_set_property
        {
            exec_queue_id = queue,
            property = DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_QUEUE_PRIORITY,
            value = value,
        };
        return client.Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_SET_PROPERTY, ref property);
    }

    private static ulong HighestPriority(DrmClient client)
    {
        ulong* answer = stackalloc ulong[6];
        var query = new drm_xe_device_query { query = DRM_XE_DEVICE_QUERY_CONFIG, size = 48, data = (ulong)answer };
        Assert.Equal(0, client.Ioctl(DRM_IOCTL_XE_DEVICE_QUERY, ref query));
        return answer[1 + DRM_XE_QUERY_CONFIG_MAX_EXEC_QUEUE_PRIORITY];
    }
}
