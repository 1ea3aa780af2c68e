using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Tests.Driver.Fences;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>Jobs of dma-fence mode and of fault mode on the engines of one group are never at work at the same time.</summary>
public sealed unsafe class EngineGroupTests
{
    private const ulong FenceControlBytes = 0x10000;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan s_glance = TimeSpan.FromMilliseconds(20);

    [Fact]
    [Trait("Rule", "8.groups")]
    [Trait("Rule", "svm 11.hw_engine_group")]
    public void A_job_that_signals_fences_suspends_faulting_ones_of_its_group_until_it_ends()
    {
        using var gpu = new GpuClient(Options());
        uint* counter = StartCounter(gpu);
        uint fenceVm = gpu.CreateVm(0);
        byte* control = MapControl(gpu, fenceVm);
        uint fenceQueue = gpu.CreateQueue(fenceVm);
        gpu.Spin(fenceQueue, (ulong)control);

        uint stopped = Volatile.Read(ref *counter);
        Assert.False(SpinWait.SpinUntil(() => Volatile.Read(ref *counter) != stopped, s_glance), "The other job goes on.");
        Assert.Equal(1, gpu.Counter("hw_engine_group_suspend_lr_queue_count"));
        GpuClient.EndSpin((ulong)control);
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref *counter) > stopped + 100, s_patience), "The other job does not go on.");
        Assert.Equal(0, gpu.DestroyQueue(gpu.Queue));
        Assert.Equal(1, gpu.Counter("hw_engine_group_wait_dma_queue_count"));
        gpu.UnmapBo(control, FenceControlBytes);
    }

    [Fact]
    [Trait("Rule", "8.groups")]
    public void Engines_of_another_group_are_not_held_up()
    {
        using var gpu = new GpuClient(Options());
        uint* counter = StartCounter(gpu);
        uint fenceVm = gpu.CreateVm(DrmXe.DRM_XE_VM_CREATE_FLAG_LR_MODE);
        byte* control = MapControl(gpu, fenceVm);
        gpu.Spin(gpu.CreateQueue(fenceVm, DrmXe.DRM_XE_ENGINE_CLASS_RENDER), (ulong)control);
        uint seen = Volatile.Read(ref *counter);
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref *counter) > seen + 100, s_patience));
        GpuClient.EndSpin((ulong)control);
        gpu.UnmapBo(control, FenceControlBytes);
    }

    [Fact]
    [Trait("Rule", "8.groups")]
    public void A_faulting_job_that_comes_later_waits_and_its_queue_can_be_destroyed_meanwhile()
    {
        using var gpu = new GpuClient(Options());
        uint fenceVm = gpu.CreateVm(DrmXe.DRM_XE_VM_CREATE_FLAG_LR_MODE);
        byte* control = MapControl(gpu, fenceVm);
        gpu.Spin(gpu.CreateQueue(fenceVm), (ulong)control);
        uint* word = (uint*)(gpu.Control + 0x4000);
        Assert.Equal(0, gpu.Submit(gpu.Queue, gpu.Control, Commands.Store((ulong)word, 5), 1));
        uint other = gpu.CreateQueue(gpu.Vm);
        Assert.Equal(0, gpu.Submit(other, gpu.Control, Commands.Store((ulong)word, 5), 1));
        Assert.True(BlockingCall.Start(() => gpu.DestroyQueue(other)).EndsWithin(s_patience));
        Assert.False(SpinWait.SpinUntil(() => Volatile.Read(ref *word) != 0, s_glance));
        GpuClient.EndSpin((ulong)control);
        Assert.Equal(0, gpu.Wait(gpu.Queue, gpu.Control, 1, 120_000_000_000));
        Assert.Equal(5u, *word);
        gpu.UnmapBo(control, FenceControlBytes);
    }

    [Fact]
    [Trait("Rule", "8.groups")]
    public void Jobs_of_both_kinds_from_many_threads_never_overlap_and_all_end()
    {
        var group = new EngineGroup(new GtStatistics());
        var stop = new StopRequest();
        int fenceJobs = 0;
        int faultJobs = 0;
        int overlaps = 0;
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(index => new Thread(() =>
        {
            bool faults = index % 2 == 0;
            EngineGroupMode mode = faults ? EngineGroupMode.Fault : EngineGroupMode.DmaFence;
            for (int job = 0; job < 2000; job++)
            {
                Assert.True(group.Begin(mode, stop));
                Interlocked.Increment(ref faults ? ref faultJobs : ref fenceJobs);
                for (int command = 0; command < 10; command++)
                {
                    if (faults && group.Suspends)
                    {
                        Interlocked.Decrement(ref faultJobs);
                        Assert.True(group.Yield(stop));
                        Interlocked.Increment(ref faultJobs);
                    }

                    Interlocked.Add(ref overlaps, !faults && Volatile.Read(ref faultJobs) != 0 ? 1 : 0);
                }

                Interlocked.Decrement(ref faults ? ref faultJobs : ref fenceJobs);
                group.End(mode);
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Equal(0, overlaps);
        Assert.False(group.Suspends);
    }

    private static SoftwareBackendOptions Options() => new() { VramBytes = 64 << 20, CpuFaults = "coherent" };

    /// <summary>Starts a batch on the client's fault-mode queue that counts for ever.</summary>
    private static uint* StartCounter(GpuClient gpu)
    {
        uint* counter = (uint*)(gpu.Control + 0x4000);
        uint[] commands = [.. Commands.Increment((ulong)counter), .. Commands.Jump(gpu.Control)];
        commands.CopyTo(new Span<uint>((void*)gpu.Control, commands.Length));
        var exec = new drm_xe_exec { exec_queue_id = gpu.Queue, num_batch_buffer = 1, address = gpu.Control };
        Assert.Equal(0, gpu.Ioctl(DrmXe.DRM_IOCTL_XE_EXEC, ref exec));
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref *counter) > 100, s_patience), "The job does not start.");
        return counter;
    }

    private static byte* MapControl(GpuClient gpu, uint vm)
    {
        uint handle = gpu.CreateBo(FenceControlBytes);
        byte* control = gpu.MapBo(handle, FenceControlBytes);
        Assert.Equal(0, gpu.BindBo(vm, handle, (ulong)control, FenceControlBytes));
        return control;
    }
}
