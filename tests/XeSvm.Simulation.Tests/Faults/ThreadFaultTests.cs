using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Server;
using XeSvm.Simulation.Tests.Driver;
using XeSvm.Simulation.Tests.Driver.Fences;
using XeSvm.Simulation.Tests.Gpu.Support;
using XeSvm.Simulation.Tests.Server;

namespace XeSvm.Simulation.Tests.Faults;

/// <summary>A system that has no more threads: an error for whoever asked, and everything else goes on.</summary>
public sealed unsafe class ThreadFaultTests
{
    private const ulong Address = 0x10_0000_0000;
    private const ulong Block = 2 << 20;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    [Fact]
    public void A_queue_without_a_thread_refuses_the_job_and_takes_the_next()
    {
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = "coherent" });
        ulong memory = GpuClient.Map(4096);
        Refuse(gpu.Device.Options.Faults);
        Assert.Equal(-Errno.ENOMEM, gpu.Store(memory, 1));
        Assert.Equal(0u, *(uint*)memory);
        Assert.Equal(0, gpu.Store(memory, 2));
        Assert.Equal(2u, *(uint*)memory);
        GpuClient.Unmap(memory, 4096);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_parallel_queue_that_lacks_one_of_its_threads_ends_the_others(int refused)
    {
        using var machine = new GpuMachine();
        var faults = new FaultInjector(FaultPlan.None);
        var queue = new ExecQueue("lacking", machine.CreateEngine(), 3, machine.Space, new UserFenceWaiters(), null) { Faults = faults };
        faults.Add(new FaultRule(FaultPoint.Thread) { At = refused });
        Assert.Equal(-Errno.ENOMEM, queue.Submit([0, 0, 0], null, out _));
        Assert.Equal(0, machine.Space.Gate.SlotCount);
        Assert.True(queue.IsIdle);
        queue.Kill();
    }

    [Fact]
    public void A_bind_that_would_have_to_wait_is_refused_and_changes_nothing()
    {
        using var machine = new FenceMachine();
        uint pending = machine.PendingSyncobj(0);
        string areas = machine.Gpu.Areas(machine.Vm);
        Refuse(machine.Gpu.Device.Options.Faults);
        Assert.Equal(-Errno.ENOMEM, machine.Bind(0, [Ops.MapNull(Address, 0x1000)], FenceMachine.Syncobj(pending, signal: false)));
        Assert.Equal(areas, machine.Gpu.Areas(machine.Vm));
        uint done = machine.Gpu.CreateSyncobj();
        Assert.Equal(0, machine.Bind(0, [Ops.MapNull(Address, 0x1000)], FenceMachine.Syncobj(pending, signal: false), FenceMachine.Syncobj(done, signal: true)));
        machine.End(0);
        Assert.Equal(0, machine.Gpu.WaitFor(done, SyncobjClient.Later));
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("coherent")]
    public void A_device_that_is_lost_still_sends_its_data_home(string cpuFaults)
    {
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = cpuFaults });
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Store(memory + 8, 7));
        Refuse(gpu.Device.Options.Faults);
        gpu.Device.Options.Faults.Add(new FaultRule(FaultPoint.DeviceLost) { At = 1 });
        Assert.Equal(-Errno.ECANCELED, gpu.Store(memory + 8, 8));
        Assert.True(SpinWait.SpinUntil(() => gpu.Device.Pagemap.AllocationCount == 0, s_patience), "Data stays in VRAM.");
        Assert.Equal(1, gpu.Device.Options.Faults.Injected(FaultPoint.Thread));
        Assert.Equal(7u, *(uint*)(memory + 8));
        GpuClient.Unmap(memory, Block);
    }

    [Fact]
    public void A_server_refuses_the_call_of_a_client_and_serves_the_others()
    {
        using var machine = new ServerMachine();
        using ServerConnection file = ServerConnection.OpenFile(machine.Socket);
        using ServerConnection good = ServerConnection.OpenChannel(machine.Socket);
        Refuse(machine.Server.Faults);
        using (ServerConnection refused = ServerConnection.OpenChannel(machine.Socket, space: 2))
        {
            Assert.Equal(-Errno.ENOMEM, refused.Card.Result);
            Assert.Null(refused.Call(new RequestMessage { Call = ServerCall.Settle }, out _));
        }

        machine.AwaitRest(files: 1, processes: 1, channels: 1);
        var version = default(drm_version);
        Assert.Equal(0, good.Ioctl(file, Drm.DRM_IOCTL_VERSION, ref version));
        using ServerConnection next = ServerConnection.OpenChannel(machine.Socket, space: 2);
        Assert.Equal(0, next.Ioctl(file, Drm.DRM_IOCTL_VERSION, ref version));
    }

    private static void Refuse(FaultInjector faults) => faults.Add(new FaultRule(FaultPoint.Thread) { At = 1 });
}
