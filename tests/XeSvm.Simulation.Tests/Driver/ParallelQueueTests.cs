using XeSvm.Interop.Uapi;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>Queues of several slots: the video engines run the batches of a job at the same time.</summary>
public sealed unsafe class ParallelQueueTests : IDisposable
{
    private const ushort Width = 2;
    private const ulong PageBytes = 0x1000;
    private const uint SemaphoreWaitEqual = 0x0e00c002;

    private readonly GpuClient _gpu = new(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = "coherent" }, vmFlags: 0);

    public void Dispose() => _gpu.Dispose();

    [Theory]
    [Trait("Rule", "9.parallel")]
    [InlineData(DRM_XE_ENGINE_CLASS_VIDEO_DECODE)]
    [InlineData(DRM_XE_ENGINE_CLASS_VIDEO_ENHANCE)]
    public void Each_slot_can_wait_for_the_other(ushort engineClass)
    {
        uint queue = Create(engineClass);
        for (uint job = 1; job <= 20; job++)
        {
            ulong first = Place(0, [.. WaitFor(Word(0), job), .. Commands.Store(Word(1), job)]);
            ulong second = Place(1, [.. Commands.Store(Word(0), job), .. WaitFor(Word(1), job)]);
            Assert.Equal(0, Exec(queue, Word(2), job, first, second));
            Assert.Equal(0, _gpu.WaitForWord(Word(2), job));
        }

        Assert.False(_gpu.IsBanned(queue));
    }

    [Theory]
    [Trait("Rule", "9.parallel")]
    [InlineData(0)]
    [InlineData(1)]
    public void A_slot_that_fails_ends_the_others_and_bans_the_queue(int bad)
    {
        uint queue = Create(DRM_XE_ENGINE_CLASS_VIDEO_DECODE);
        ulong[] batches = new ulong[Width];
        batches[bad] = Place(bad, [uint.MaxValue]);
        batches[1 - bad] = Place(1 - bad, WaitFor(Word(0), 7)); // nobody ever stores it
        Assert.Equal(0, Exec(queue, Word(2), 1, batches));
        Assert.True(SpinWait.SpinUntil(() => _gpu.IsBanned(queue), TimeSpan.FromMinutes(2)));
        Assert.Equal(-Errno.ECANCELED, Exec(queue, Word(2), 2, batches));
        Assert.Contains("unknown command", _gpu.Device.LastBan!.Value.Command, StringComparison.Ordinal);
        Assert.Equal(0ul, *(ulong*)Word(2));
        Assert.Equal(0, _gpu.DestroyQueue(queue));
    }

    [Fact]
    [Trait("Rule", "8.DESTROY")]
    public void A_queue_whose_slots_all_spin_can_be_destroyed()
    {
        uint queue = Create(DRM_XE_ENGINE_CLASS_VIDEO_ENHANCE);
        Assert.Equal(0, Exec(queue, Word(2), 1, Place(0, WaitFor(Word(0), 7)), Place(1, WaitFor(Word(1), 7))));
        Assert.Equal(0, _gpu.DestroyQueue(queue));
        Assert.Equal(0ul, *(ulong*)Word(2));
    }

    [Fact]
    [Trait("Rule", "9.parallel")]
    public void The_addresses_of_the_batches_must_be_readable()
    {
        uint queue = Create(DRM_XE_ENGINE_CLASS_VIDEO_DECODE);
        var exec = new drm_xe_exec { exec_queue_id = queue, num_batch_buffer = Width, address = DrmClient.BadPointer };
        Assert.Equal(-Errno.EFAULT, _gpu.Ioctl(DRM_IOCTL_XE_EXEC, ref exec));
        exec.num_batch_buffer = 0; // also where none of them is run
        Assert.Equal(-Errno.EFAULT, _gpu.Ioctl(DRM_IOCTL_XE_EXEC, ref exec));
        exec.num_batch_buffer = 1;
        Assert.Equal(-Errno.EINVAL, _gpu.Ioctl(DRM_IOCTL_XE_EXEC, ref exec));
    }

    [Theory]
    [Trait("Rule", "8.CREATE.width")]
    [InlineData(DRM_XE_ENGINE_CLASS_VIDEO_DECODE, 1, new ushort[] { 0, 1 }, 0)]
    [InlineData(DRM_XE_ENGINE_CLASS_VIDEO_DECODE, 1, new ushort[] { 1, 0 }, -Errno.EINVAL)] // not one above the other
    [InlineData(DRM_XE_ENGINE_CLASS_VIDEO_DECODE, 1, new ushort[] { 0, 2 }, -Errno.EINVAL)]
    [InlineData(DRM_XE_ENGINE_CLASS_COPY, 0, new ushort[] { 0, 1 }, -Errno.EOPNOTSUPP)]
    public void Slots_are_neighbours_on_engines_that_take_several_contexts(ushort engineClass, ushort gt, ushort[] instances, int expected)
    {
        using var client = new DrmClient(new SoftwareBackendOptions { Device = gt == 0 ? "pvc2" : "bmg", VramBytes = 16 << 20, CpuFaults = "coherent" });
        drm_xe_engine_class_instance* engines = stackalloc drm_xe_engine_class_instance[Width];
        for (int slot = 0; slot < Width; slot++)
        {
            engines[slot] = new drm_xe_engine_class_instance { engine_class = engineClass, engine_instance = instances[slot], gt_id = gt };
        }

        var create = new drm_xe_exec_queue_create { vm_id = client.CreateVm(0), width = Width, num_placements = 1, instances = (ulong)engines };
        Assert.Equal(expected, client.Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref create));
    }

    private static uint[] WaitFor(ulong address, uint value) => [SemaphoreWaitEqual, value, (uint)address, (uint)(address >> 32)];

    private ulong Word(int index) => _gpu.Control + 0xf000 + ((ulong)index * sizeof(ulong));

    private ulong Place(int page, ReadOnlySpan<uint> commands)
    {
        ulong batch = _gpu.Control + ((ulong)page * PageBytes);
        var dwords = new Span<uint>((void*)batch, commands.Length + 1);
        commands.CopyTo(dwords);
        dwords[^1] = Commands.End;
        return batch;
    }

    private uint Create(ushort engineClass)
    {
        drm_xe_engine_class_instance* engines = stackalloc drm_xe_engine_class_instance[Width];
        for (int slot = 0; slot < Width; slot++)
        {
            engines[slot] = new drm_xe_engine_class_instance { engine_class = engineClass, engine_instance = (ushort)slot, gt_id = 1 };
        }

        var create = new drm_xe_exec_queue_create { vm_id = _gpu.Vm, width = Width, num_placements = 1, instances = (ulong)engines };
        Assert.Equal(0, _gpu.Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, ref create));
        return create.exec_queue_id;
    }

    private int Exec(uint queue, ulong fence, ulong value, params ReadOnlySpan<ulong> batches)
    {
        var sync = new drm_xe_sync { type = DRM_XE_SYNC_TYPE_USER_FENCE, flags = DRM_XE_SYNC_FLAG_SIGNAL, addr = fence, timeline_value = value };
        fixed (ulong* list = batches)
        {
            var exec = new drm_xe_exec { exec_queue_id = queue, num_batch_buffer = Width, address = (ulong)list, num_syncs = 1, syncs = (ulong)&sync };
            return _gpu.Ioctl(DRM_IOCTL_XE_EXEC, ref exec);
        }
    }
}
