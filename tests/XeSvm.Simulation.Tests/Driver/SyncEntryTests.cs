using XeSvm.Interop.Uapi;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>The sync records of EXEC and VM_BIND (xe_sync_entry_parse).</summary>
public sealed unsafe class SyncEntryTests : IDisposable
{
    private const uint Unknown = 77;
    private static readonly ulong s_word = DrmClient.Map(0x1000);

    /// <summary>Rules that hold for every call that takes syncs, on a VM that is not long-running.</summary>
    private static readonly ErrnoTable<drm_xe_sync> s_rules = new()
    {
        { "unknown flag", Errno.EINVAL, (ref sync) => sync.flags = 3 },
        { "reserved 0", Errno.EINVAL, (ref sync) => sync.reserved[0] = 1 },
        { "reserved 1", Errno.EINVAL, (ref sync) => sync.reserved[1] = 1 },
        { "unknown type", Errno.EINVAL, (ref sync) => sync.type = 3 },
        { "syncobj with upper bits", Errno.EINVAL, (ref sync) => (sync.type, sync.addr) = (DRM_XE_SYNC_TYPE_SYNCOBJ, 1UL << 32) },
        { "unknown syncobj", Errno.ENOENT, (ref sync) => (sync.type, sync.addr) = (DRM_XE_SYNC_TYPE_SYNCOBJ, Unknown) },
        { "unknown syncobj to wait for", Errno.ENOENT, (ref sync) => (sync.type, sync.addr, sync.flags) = (DRM_XE_SYNC_TYPE_SYNCOBJ, Unknown, 0) },
        { "flag before unknown syncobj", Errno.EINVAL, (ref sync) => (sync.type, sync.addr, sync.flags) = (DRM_XE_SYNC_TYPE_SYNCOBJ, Unknown, 2) },
        { "timeline with upper bits", Errno.EINVAL, (ref sync) => (sync.type, sync.addr) = (DRM_XE_SYNC_TYPE_TIMELINE_SYNCOBJ, 1UL << 63 | Unknown) },
        { "timeline value 0 before unknown syncobj", Errno.EINVAL, (ref sync) =>
            (sync.type, sync.addr, sync.timeline_value) = (DRM_XE_SYNC_TYPE_TIMELINE_SYNCOBJ, Unknown, 0) },
        { "unknown timeline", Errno.ENOENT, (ref sync) => (sync.type, sync.addr) = (DRM_XE_SYNC_TYPE_TIMELINE_SYNCOBJ, Unknown) },
        { "user fence to wait for", Errno.EOPNOTSUPP, (ref sync) => sync.flags = 0 },
        { "user fence to wait for before its alignment", Errno.EOPNOTSUPP, (ref sync) => (sync.flags, sync.addr) = (0, 4) },
        { "unaligned user fence", Errno.EINVAL, (ref sync) => sync.addr += 4 },
        { "reserved before unaligned user fence", Errno.EINVAL, (ref sync) => (sync.reserved[0], sync.addr) = (1, 4) },
    };

    private readonly DrmClient _client = new();
    private readonly uint _fenceVm;
    private readonly uint _longRunningVm;

    public SyncEntryTests()
    {
        _fenceVm = _client.CreateVm(0);
        _longRunningVm = _client.CreateVm(DRM_XE_VM_CREATE_FLAG_LR_MODE);
    }

    public static TheoryData<string> Rules => s_rules.Names;

    public void Dispose() => _client.Dispose();

    [Theory]
    [MemberData(nameof(Rules))]
    [Trait("Rule", "10.checks")]
    [Trait("Rule", "10.0")]
    [Trait("Rule", "10.1")]
    [Trait("Rule", "10.2")]
    public void A_broken_rule_gives_its_errno_to_bind_and_exec_alike(string rule)
    {
        drm_xe_sync sync = Fence();
        int expected = s_rules.Break(rule, ref sync);
        Assert.Equal(expected, Bind(_fenceVm, sync));
        Assert.Equal("", _client.Areas(_fenceVm));
        Assert.Equal(expected, Exec(_fenceVm, sync));
    }

    [Theory]
    [InlineData(DRM_XE_SYNC_TYPE_SYNCOBJ)]
    [InlineData(DRM_XE_SYNC_TYPE_TIMELINE_SYNCOBJ)]
    [Trait("Rule", "10.0")]
    public void A_long_running_VM_refuses_to_signal_syncobjs_before_it_looks_at_them(uint type)
    {
        foreach (ulong handle in (ReadOnlySpan<ulong>)[Unknown, 1UL << 32])
        {
            var sync = new drm_xe_sync { type = type, flags = DRM_XE_SYNC_FLAG_SIGNAL, addr = handle };
            Assert.Equal(-Errno.EOPNOTSUPP, Bind(_longRunningVm, sync));
            Assert.Equal(-Errno.EOPNOTSUPP, Exec(_longRunningVm, sync));
        }

        var wait = new drm_xe_sync { type = type, addr = Unknown, timeline_value = 1 };
        Assert.Equal(-Errno.ENOENT, Bind(_longRunningVm, wait));
        wait.addr = 1UL << 32;
        Assert.Equal(-Errno.EINVAL, Bind(_longRunningVm, wait));
    }

    [Fact]
    [Trait("Rule", "10.checks")]
    public void The_first_bad_record_decides_and_extensions_are_not_looked_at()
    {
        drm_xe_sync good = Fence();
        good.extensions = 1;
        drm_xe_sync unknown = Fence();
        (unknown.type, unknown.addr) = (DRM_XE_SYNC_TYPE_SYNCOBJ, Unknown);
        drm_xe_sync bad = Fence();
        bad.flags = 2;
        Assert.Equal(0, Bind(_fenceVm, good));
        Assert.Equal(-Errno.ENOENT, Bind(_fenceVm, good, unknown, bad));
        Assert.Equal(-Errno.EINVAL, Bind(_fenceVm, good, bad, unknown));
    }

    [Fact]
    [Trait("Rule", "10.checks")]
    public void Records_are_read_one_after_the_other()
    {
        ulong page = DrmClient.MapWithGuard();
        var records = (drm_xe_sync*)(page + 0x1000) - 1;
        *records = Fence();
        Assert.Equal(0, Bind(_fenceVm, 1, (ulong)records));
        Assert.Equal(-Errno.EFAULT, Bind(_fenceVm, 2, (ulong)records));
        records->flags = 2;
        Assert.Equal(-Errno.EINVAL, Bind(_fenceVm, 2, (ulong)records));
        DrmClient.Unmap(page, 0x2000);
    }

    [Fact]
    [Trait("Rule", "7.1.H")]
    [Trait("Rule", "10.2")]
    public void A_bind_takes_one_user_fence_and_counts_them_after_all_records_were_looked_at()
    {
        drm_xe_sync unknown = Fence();
        (unknown.type, unknown.addr) = (DRM_XE_SYNC_TYPE_SYNCOBJ, Unknown);
        Assert.Equal(-Errno.EINVAL, Bind(_fenceVm, Fence(), Fence()));
        Assert.Equal(-Errno.ENOENT, Bind(_fenceVm, Fence(), Fence(), unknown));
        Assert.Equal("", _client.Areas(_fenceVm));
    }

    [Fact]
    [Trait("Rule", "10.2")]
    public void A_bind_probes_the_user_fence_and_an_exec_does_not()
    {
        drm_xe_sync sync = Fence();
        sync.addr = DrmClient.BadPointer;
        Assert.Equal(-Errno.EFAULT, Bind(_fenceVm, sync));
        Assert.Equal(0, Exec(_fenceVm, sync));
    }

    [Fact]
    [Trait("Rule", "10.2")]
    [Trait("Rule", "7.1.H")]
    public void An_empty_bind_allows_no_user_fence()
    {
        drm_xe_sync sync = Fence();
        var bind = new drm_xe_vm_bind { vm_id = _fenceVm, num_syncs = 1, syncs = (ulong)&sync };
        Assert.Equal(-Errno.EOPNOTSUPP, _client.Ioctl(DRM_IOCTL_XE_VM_BIND, ref bind));
        sync.reserved[0] = 1;
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DRM_IOCTL_XE_VM_BIND, ref bind));
    }

    [Fact]
    [Trait("Rule", "10.bind-user-fence")]
    public void A_bind_that_succeeds_writes_the_fence_and_one_that_fails_does_not()
    {
        ulong word = 0;
        drm_xe_sync sync = Fence();
        (sync.addr, sync.timeline_value) = ((ulong)&word, 0x1122334455667788);
        Assert.Equal(0, Bind(_fenceVm, sync));
        Assert.Equal(0x1122334455667788ul, word);
        word = 0;
        var bind = new drm_xe_vm_bind
        {
            vm_id = _fenceVm,
            num_binds = 2,
            vector_of_binds = Pinned.Copy(Ops.MapBo(_client.CreateBo(0x1000), 0x1000, 0x1000), Ops.Prefetch(0x1000, 0x1000, 1)),
            num_syncs = 1,
            syncs = (ulong)&sync,
        };
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DRM_IOCTL_XE_VM_BIND, ref bind));
        Assert.Equal(0ul, word);
    }

    [Fact]
    [Trait("Rule", "10.bind-user-fence")]
    public void A_fence_that_cannot_be_written_is_no_error()
    {
        ulong page = DrmClient.Map(0x1000);
        Assert.Equal(0, Interop.LibC.SystemCalls.Protect((nint)page, 0x1000, Interop.LibC.MemoryProtection.Read));
        drm_xe_sync sync = Fence();
        sync.addr = page;
        Assert.Equal(0, Bind(_fenceVm, sync));
        Assert.Equal("1000-2000 Null", _client.Areas(_fenceVm));
        DrmClient.Unmap(page, 0x1000);
    }

    private static drm_xe_sync Fence() => new()
    {
        type = DRM_XE_SYNC_TYPE_USER_FENCE,
        flags = DRM_XE_SYNC_FLAG_SIGNAL,
        addr = s_word,
        timeline_value = 1,
    };

    private int Bind(uint vm, params ReadOnlySpan<drm_xe_sync> syncs)
    {
        fixed (drm_xe_sync* first = syncs)
        {
            return Bind(vm, (uint)syncs.Length, (ulong)first);
        }
    }

    private int Bind(uint vm, uint count, ulong syncs)
    {
        var bind = new drm_xe_vm_bind { vm_id = vm, num_binds = 1, bind = Ops.MapNull(0x1000, 0x1000), num_syncs = count, syncs = syncs };
        return _client.Ioctl(DRM_IOCTL_XE_VM_BIND, ref bind);
    }

    /// <summary>An exec without a batch: it does nothing but look at its arguments.</summary>
    private int Exec(uint vm, drm_xe_sync sync)
    {
        var exec = new drm_xe_exec { exec_queue_id = _client.CreateQueue(vm), num_syncs = 1, syncs = (ulong)&sync };
        return _client.Ioctl(DRM_IOCTL_XE_EXEC, ref exec);
    }
}
