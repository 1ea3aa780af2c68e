using XeSvm.Interop.Uapi;

using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver.Fences;

/// <summary>The kinds of VMs: which flags make one, and what binds, queues and jobs each allows.</summary>
public sealed unsafe class VmKindTests : IDisposable
{
    private const uint Scratch = DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE;
    private const uint LongRunning = DRM_XE_VM_CREATE_FLAG_LR_MODE;
    private const uint Fault = DRM_XE_VM_CREATE_FLAG_FAULT_MODE;
    private const uint NoOvercommit = DRM_XE_VM_CREATE_FLAG_NO_VM_OVERCOMMIT;
    private const ulong Address = 0x10_0000_0000;
    private const long LongEnough = 20 * SyncobjClient.Second;

    private readonly DrmClient _client = new();

    public static TheoryData<uint> DmaFenceVms => [0u, Scratch];

    public static TheoryData<uint> AllKinds => [0u, Scratch, LongRunning, Scratch | LongRunning, LongRunning | Fault, Scratch | LongRunning | Fault];

    public void Dispose() => _client.Dispose();

    [Fact]
    [Trait("Rule", "5.flags")]
    public void Exactly_the_documented_combinations_of_flags_make_a_VM()
    {
        uint[] valid =
        [
            0, Scratch, LongRunning, Scratch | LongRunning, LongRunning | Fault, LongRunning | Fault | NoOvercommit,
            Scratch | LongRunning | Fault, Scratch | LongRunning | Fault | NoOvercommit,
        ];
        for (uint flags = 0; flags < 64; flags++)
        {
            var create = new drm_xe_vm_create { flags = flags };
            int expected = valid.Contains(flags) ? 0 : -Errno.EINVAL;
            Assert.True(expected == _client.Ioctl(DRM_IOCTL_XE_VM_CREATE, ref create), $"flags {flags:x}");
        }
    }

    [Theory]
    [MemberData(nameof(AllKinds))]
    [Trait("Rule", "8.CREATE.vm")]
    public void Every_kind_takes_engine_queues_and_bind_queues(uint flags)
    {
        uint vm = _client.CreateVm(flags);
        Assert.Equal(0, _client.TryCreateQueue(vm, DRM_XE_ENGINE_CLASS_COPY, out _));
        Assert.Equal(0, _client.TryCreateQueue(vm, DRM_XE_ENGINE_CLASS_VM_BIND, out _));
    }

    [Theory]
    [MemberData(nameof(AllKinds))]
    [Trait("Rule", "7.1.C.1")]
    [Trait("Rule", "7.2.MAP")]
    [Trait("Rule", "5.FAULT_MODE")]
    public void A_mirror_is_for_fault_mode_and_page_tables_are_deferred_there_only(uint flags)
    {
        bool fault = (flags & Fault) != 0;
        uint vm = _client.CreateVm(flags);
        Assert.Equal(fault ? 0 : -Errno.EINVAL, _client.BindMirror(vm, 0, 1UL << 47));
        Assert.Equal(0, _client.BindNull(vm, Address, 0x1000));
        Assert.Equal(fault ? Leaf.Nothing : Leaf.Null, _client.Walk(vm, Address));
        Assert.Equal(0, _client.Bind(vm, Ops.MapNull(Address, 0x1000, DRM_XE_VM_BIND_FLAG_IMMEDIATE)));
        Assert.Equal(Leaf.Null, _client.Walk(vm, Address));
    }

    [Theory]
    [InlineData(0u, true)]
    [InlineData(LongRunning, false)]
    [InlineData(LongRunning | Fault, false)]
    [Trait("Rule", "5.LR_MODE")]
    [Trait("Rule", "7.1.H")]
    public void Only_a_dma_fence_VM_signals_syncobjs(uint flags, bool allowed)
    {
        using var machine = new FenceMachine(flags);
        uint handle = machine.Gpu.CreateSyncobj();
        int expected = allowed ? 0 : -Errno.EOPNOTSUPP;
        drm_xe_sync signal = FenceMachine.Syncobj(handle, signal: true);
        Assert.Equal(expected, machine.Exec(machine.Gpu.Queue, machine.StoreBatch(0, machine.Word(0), 1), signal));
        Assert.Equal(expected, machine.Bind(0, [Ops.MapNull(Address, 0x1000, DRM_XE_VM_BIND_FLAG_IMMEDIATE)], signal));
        Assert.Equal(0, machine.Bind(
            0, [Ops.MapNull(Address + 0x1000, 0x1000, DRM_XE_VM_BIND_FLAG_IMMEDIATE)], FenceMachine.UserFence(machine.Word(2), 4)));
        Assert.Equal(4ul, *(ulong*)machine.Word(2));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(LongRunning)]
    [InlineData(LongRunning | Fault)]
    [Trait("Rule", "17.no-area")]
    [Trait("Rule", "9.failure")]
    public void An_access_to_a_hole_bans_the_queue_of_every_kind_of_VM_without_a_scratch_page(uint flags)
    {
        using var gpu = NewClient(flags);
        if ((flags & Fault) != 0)
        {
            Assert.Equal(0, gpu.UnbindRange(gpu.Vm, Address, 0x100000));
        }

        Assert.Equal(-Errno.EIO, gpu.Store(Address, 1));
        Assert.True(gpu.IsBanned(gpu.Queue));
        Assert.Equal(-Errno.ECANCELED, gpu.Store(gpu.Control + 0x8000, 1));
    }

    [Theory]
    [InlineData(Scratch)]
    [InlineData(Scratch | LongRunning)]
    [InlineData(Scratch | LongRunning | Fault)]
    [Trait("Rule", "5.SCRATCH_PAGE")]
    public void With_a_scratch_page_a_hole_reads_0_and_writes_to_it_vanish(uint flags)
    {
        using var gpu = NewClient(flags);
        if ((flags & Fault) != 0)
        {
            Assert.Equal(0, gpu.UnbindRange(gpu.Vm, Address, 0x100000));
        }

        uint* word = (uint*)(gpu.Control + 0x8000);
        *word = 0xFFFF;
        Assert.Equal(0, gpu.Store(Address, 0x1234));
        Assert.Equal(0, gpu.Run(Commands.Copy((ulong)word, Address, sizeof(uint))));
        Assert.Equal(0u, *word);

        // What is mapped afterwards is not hidden by the scratch page.
        uint handle = gpu.CreateBo(0x1000);
        uint* content = (uint*)gpu.MapBo(handle, 0x1000);
        *content = 77;
        Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, Address, 0x1000));
        Assert.Equal(0, gpu.Run(Commands.Copy((ulong)word, Address, sizeof(uint))));
        Assert.Equal(77u, *word);
        Assert.Equal(0, gpu.UnbindRange(gpu.Vm, Address, 0x1000));
        Assert.Equal(0, gpu.Run(Commands.Copy((ulong)word, Address, sizeof(uint))));
        Assert.Equal(0u, *word);
        gpu.UnmapBo(content, 0x1000);
    }

    [Theory]
    [InlineData(0u, 0)]
    [InlineData(LongRunning, -Errno.EBUSY)]
    [InlineData(LongRunning | Fault, 0)]
    [Trait("Rule", "6.preempt-busy")]
    [Trait("Rule", "19.closed-vm")]
    public void A_VM_with_queues_is_busy_in_preempt_mode_only(uint flags, int expected)
    {
        uint vm = _client.CreateVm(flags);
        uint bindQueue = _client.CreateQueue(vm, DRM_XE_ENGINE_CLASS_VM_BIND); // does not count
        uint queue = _client.CreateQueue(vm);
        Assert.Equal(expected, _client.DestroyVm(vm));
        if (expected == 0)
        {
            var exec = new drm_xe_exec { exec_queue_id = queue };
            Assert.Equal(-Errno.ECANCELED, _client.Ioctl(DRM_IOCTL_XE_EXEC, ref exec));
            Assert.Equal(-Errno.ENOENT, _client.TryCreateQueue(vm, DRM_XE_ENGINE_CLASS_COPY, out _));
        }

        Assert.Equal(0, _client.DestroyQueue(queue));
        Assert.Equal(expected == 0 ? -Errno.ENOENT : 0, _client.DestroyVm(vm));
        Assert.Equal(0, _client.DestroyQueue(bindQueue));
    }

    [Fact]
    [Trait("Rule", "6.checks")]
    public void Destroying_a_VM_checks_pad_and_reserved_before_the_id()
    {
        var destroy = new drm_xe_vm_destroy { vm_id = 99, pad = 1 };
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DRM_IOCTL_XE_VM_DESTROY, ref destroy));
        destroy = new drm_xe_vm_destroy { vm_id = 99 };
        destroy.reserved[1] = 1;
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DRM_IOCTL_XE_VM_DESTROY, ref destroy));
        Assert.Equal(-Errno.ENOENT, _client.DestroyVm(99));
    }

    [Theory]
    [MemberData(nameof(DmaFenceVms))]
    [Trait("Rule", "9.timeout")]
    public void A_job_of_a_dma_fence_VM_that_does_not_end_is_stopped_and_bans_its_queue(uint flags)
    {
        using var untouched = new DrmClient();
        Assert.Equal(TimeSpan.FromSeconds(5), untouched.Device.JobTimeout);
        using var machine = new FenceMachine(flags);
        machine.Gpu.Device.JobTimeout = TimeSpan.FromMilliseconds(50);
        uint done = machine.Gpu.CreateSyncobj();
        uint queue = machine.Spin(0, 0, FenceMachine.Syncobj(done, signal: true));
        Assert.Equal(0, machine.Gpu.WaitFor(done, SyncobjClient.Later));
        Assert.True(machine.Gpu.IsBanned(queue));
        Assert.False(machine.Gpu.IsBanned(machine.Gpu.Queue));
        Assert.Equal(-Errno.ECANCELED, machine.Exec(queue, machine.StoreBatch(1, machine.Word(0), 1)));
        Assert.Contains("job timeout", machine.Gpu.Backend, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(LongRunning)]
    [InlineData(LongRunning | Fault)]
    [Trait("Rule", "5.LR_MODE")]
    public void A_long_running_job_has_no_time_limit(uint flags)
    {
        using var machine = new FenceMachine(flags);
        machine.Gpu.Device.JobTimeout = TimeSpan.FromMilliseconds(1);
        uint queue = machine.Spin(0, 0, FenceMachine.UserFence(machine.Word(0), 5));
        machine.WaitUntilRuns(0);
        Assert.Equal(-Errno.ETIME, machine.Gpu.WaitForWord(machine.Word(0), 5, timeout: 50_000_000));
        Assert.False(machine.Gpu.IsBanned(queue));
        machine.End(0);
        Assert.Equal(0, machine.Gpu.WaitForWord(machine.Word(0), 5, LongEnough));
    }

    private static GpuClient NewClient(uint flags) =>
        new(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = "coherent" }, flags);
}
