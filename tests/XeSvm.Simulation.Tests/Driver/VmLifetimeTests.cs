using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>VM_CREATE and VM_DESTROY.</summary>
public sealed class VmLifetimeTests : IDisposable
{
    private const uint S = DrmXe.DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE;
    private const uint L = DrmXe.DRM_XE_VM_CREATE_FLAG_LR_MODE;
    private const uint F = DrmXe.DRM_XE_VM_CREATE_FLAG_FAULT_MODE;
    private const uint N = DrmXe.DRM_XE_VM_CREATE_FLAG_NO_VM_OVERCOMMIT;
    private const ushort BindClass = DrmXe.DRM_XE_ENGINE_CLASS_VM_BIND;
    private const ushort Copy = DrmXe.DRM_XE_ENGINE_CLASS_COPY;

    private static readonly ErrnoTable<drm_xe_vm_create> s_createRules = new()
    {
        { "extensions", Errno.EINVAL, (ref args) => args.extensions = 1 },
        { "reserved 0", Errno.EINVAL, (ref args) => args.reserved[0] = 1 },
        { "reserved 1", Errno.EINVAL, (ref args) => args.reserved[1] = 1 },
        { "unknown flag", Errno.EINVAL, (ref args) => args.flags = 0x10 },
        { "highest flag", Errno.EINVAL, (ref args) => args.flags = 1u << 31 },
    };

    private static readonly ErrnoTable<drm_xe_vm_destroy> s_destroyRules = new()
    {
        { "pad", Errno.EINVAL, (ref args) => args.pad = 1 },
        { "reserved 0", Errno.EINVAL, (ref args) => args.reserved[0] = 1 },
        { "reserved 1", Errno.EINVAL, (ref args) => args.reserved[1] = 1 },
        { "id 0", Errno.ENOENT, (ref args) => args.vm_id = 0 },
        { "unknown id", Errno.ENOENT, (ref args) => args.vm_id = 2 },
        { "huge id", Errno.ENOENT, (ref args) => args.vm_id = uint.MaxValue },
        { "pad before unknown id", Errno.EINVAL, (ref args) => (args.pad, args.vm_id) = (1, 2) },
        { "reserved before unknown id", Errno.EINVAL, (ref args) => (args.reserved[0], args.vm_id) = (1, 2) },
    };

    private readonly DrmClient _client = new();

    public static TheoryData<string> CreateRules => s_createRules.Names;

    public static TheoryData<string> DestroyRules => s_destroyRules.Names;

    public static TheoryData<uint> AllFlags => [.. Enumerable.Range(0, 16).Select(flags => (uint)flags)];

    public void Dispose() => _client.Dispose();

    [Theory]
    [MemberData(nameof(CreateRules))]
    [Trait("Rule", "5.checks")]
    public void A_broken_rule_of_VM_CREATE_gives_its_errno_and_no_VM(string rule)
    {
        var args = new drm_xe_vm_create();
        int expected = s_createRules.Break(rule, ref args);
        Assert.Equal(expected, _client.Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE, ref args));
        Assert.Equal(0u, args.vm_id);
        Assert.Equal(1u, _client.CreateVm(0));
    }

    [Theory]
    [MemberData(nameof(AllFlags))]
    [Trait("Rule", "5.flags")]
    public void The_valid_combinations_of_flags_are_those_of_the_kernel(uint flags)
    {
        uint[] valid = [0, S, L, S | L, L | F, L | F | N, S | L | F, S | L | F | N];
        var args = new drm_xe_vm_create { flags = flags };
        Assert.Equal(valid.Contains(flags) ? 0 : -Errno.EINVAL, _client.Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE, ref args));
    }

    [Theory]
    [MemberData(nameof(DestroyRules))]
    [Trait("Rule", "6.checks")]
    [Trait("Rule", "19.unknown-vm")]
    public void A_broken_rule_of_VM_DESTROY_gives_its_errno_and_the_VM_lives(string rule)
    {
        var args = new drm_xe_vm_destroy { vm_id = _client.CreateVm(0) };
        int expected = s_destroyRules.Break(rule, ref args);
        Assert.Equal(expected, _client.Ioctl(DrmXe.DRM_IOCTL_XE_VM_DESTROY, ref args));
        Assert.Equal(0, _client.DestroyVm(1));
        Assert.Equal(-Errno.ENOENT, _client.DestroyVm(1));
    }

    [Theory]
    [InlineData(0u, Copy, 0)]
    [InlineData(S, Copy, 0)]
    [InlineData(L, Copy, -Errno.EBUSY)]
    [InlineData(L | S, Copy, -Errno.EBUSY)]
    [InlineData(L | F, Copy, 0)]
    [InlineData(L, BindClass, 0)]
    [InlineData(L | F, BindClass, 0)]
    [Trait("Rule", "6.preempt-busy")]
    public void Only_queues_that_run_work_in_preempt_mode_forbid_to_destroy_their_VM(uint flags, ushort queueClass, int expected)
    {
        uint vm = _client.CreateVm(flags);
        Assert.Equal(0, _client.TryCreateQueue(vm, queueClass, out uint queue));
        Assert.Equal(expected, _client.DestroyVm(vm));
        Assert.Equal(0, _client.DestroyQueue(queue));
        Assert.Equal(expected == 0 ? -Errno.ENOENT : 0, _client.DestroyVm(vm));
    }

    [Fact]
    [Trait("Rule", "6.checks")]
    public void A_busy_VM_with_a_bad_argument_is_EINVAL()
    {
        uint vm = _client.CreateVm(L);
        _client.CreateQueue(vm);
        var args = new drm_xe_vm_destroy { vm_id = vm, pad = 1 };
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DrmXe.DRM_IOCTL_XE_VM_DESTROY, ref args));
    }

    [Fact]
    [Trait("Rule", "6.drops")]
    public void A_destroyed_VM_lets_go_of_its_objects()
    {
        uint vm = _client.CreateVm(0);
        uint handle = _client.CreateBo(0x10000, DrmClient.VramMemory);
        Assert.Equal(0, _client.BindBo(vm, handle, 0x10000, 0x10000));
        Assert.Equal(0, _client.BindBo(vm, handle, 0x40000, 0x8000, 0x4000));
        Assert.Equal(0, _client.CloseBo(handle));
        Assert.Equal(0x10000ul, _client.Device.Vram.Used);
        Assert.Equal(0, _client.DestroyVm(vm));
        Assert.Equal(0ul, _client.Device.Vram.Used);
    }

    [Fact]
    [Trait("Rule", "6.closed")]
    [Trait("Rule", "7.1.E")]
    [Trait("Rule", "12.closed")]
    [Trait("Rule", "19.closed-vm")]
    public void A_closed_VM_is_unknown_to_every_ioctl()
    {
        uint vm = _client.CreateVm(L | F);
        uint queue = _client.CreateQueue(vm);
        Assert.Equal(0, _client.DestroyVm(vm));
        Assert.Equal(-Errno.EINVAL, _client.BindNull(vm, 0x1000, 0x1000));
        Assert.Equal(-Errno.EINVAL, _client.AdviseLocation(vm, 0x1000, 0x1000, -1));
        Assert.Equal(-Errno.ENOENT, _client.TryCreateQueue(vm, Copy, out _));
        Assert.Equal(-Errno.ENOENT, _client.TryCreateQueue(vm, BindClass, out _));
        var create = new drm_xe_gem_create { size = 0x1000, placement = 1, cpu_caching = DrmClient.WriteBack, vm_id = vm };
        Assert.Equal(-Errno.ENOENT, _client.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref create));
        var exec = new drm_xe_exec { exec_queue_id = queue, num_batch_buffer = 1, address = 0x1000 };
        Assert.Equal(-Errno.ECANCELED, _client.Ioctl(DrmXe.DRM_IOCTL_XE_EXEC, ref exec));
    }
}
