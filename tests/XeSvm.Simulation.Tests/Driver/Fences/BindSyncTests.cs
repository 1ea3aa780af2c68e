using System.Diagnostics.CodeAnalysis;

using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;

using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver.Fences;

/// <summary>VM_BIND with fences: when page tables are written, in what order, and what is signalled.</summary>
public sealed unsafe class BindSyncTests : IDisposable
{
    private const ulong Address = 0x10_0000_0000;
    private const ulong Elsewhere = 0x20_0000_0000;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);
    private readonly FenceMachine _machine = new();

    private GpuClient Gpu => _machine.Gpu;

    public void Dispose() => _machine.Dispose();

    [Fact]
    [Trait("Rule", "7.3.fences")]
    public void A_bind_with_an_in_fence_returns_at_once_and_writes_page_tables_when_the_fence_is_signalled()
    {
        uint pending = _machine.PendingSyncobj(0);
        uint done = Gpu.CreateSyncobj();
        uint handle = Gpu.CreateBo(0x1000);
        Assert.Equal(0, _machine.Bind(0, [Ops.MapBo(handle, Address, 0x1000)], In(pending), Out(done)));
        Assert.Contains($"{Address:x}-{Address + 0x1000:x} BufferObject", Gpu.Areas(_machine.Vm), StringComparison.Ordinal);
        Assert.Equal(Leaf.Nothing, Gpu.Walk(_machine.Vm, Address));
        Assert.Equal(-Errno.ETIME, Gpu.WaitFor(done));
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(done, SyncobjClient.Later));
        Assert.Equal(GpuPteKind.Host, Gpu.Walk(_machine.Vm, Address).Kind);
    }

    [Fact]
    [Trait("Rule", "7.3.fences")]
    public void A_bind_without_fences_to_wait_for_is_done_when_the_call_returns()
    {
        uint signaled = Gpu.CreateSyncobj(Drm.DRM_SYNCOBJ_CREATE_SIGNALED);
        uint done = Gpu.CreateSyncobj();
        Assert.Equal(0, _machine.Bind(0, [Ops.MapNull(Address, 0x1000)], In(signaled), Out(done), FenceMachine.Syncobj(done, signal: true, point: 4)));
        Assert.Equal(Leaf.Null, Gpu.Walk(_machine.Vm, Address));
        Assert.Equal(4ul, Gpu.QueryPoint(done));
    }

    [Fact]
    [Trait("Rule", "7.1.J")]
    public void A_prefetch_of_a_userptr_pins_at_once_whatever_it_waits_for()
    {
        uint pending = _machine.PendingSyncobj(0);
        ulong memory = DrmClient.Map(0x1000);
        Assert.Equal(0, Gpu.Bind(Ops.MapUserptr(memory, Address, 0x1000)));
        Assert.Equal(0, _machine.Bind(0, [Ops.Prefetch(Address, 0x1000, 0)], In(pending)));
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(pending, SyncobjClient.Later));

        uint again = _machine.PendingSyncobj(1);
        Assert.Equal(0, SystemCalls.Protect((nint)memory, 0x1000, MemoryProtection.None));
        Gpu.Inspect(_machine.Vm).Client.Notifiers.Invalidate(memory, memory + 0x1000, MmuEvent.Migrate);
        Assert.Equal(-Errno.EFAULT, _machine.Bind(0, [Ops.Prefetch(Address, 0x1000, 0)], In(again)));
        _machine.End(1);
        DrmClient.Unmap(memory, 0x1000);
    }

    [Fact]
    [Trait("Rule", "7.3.order")]
    public void Binds_on_one_queue_are_done_in_order_and_the_default_queue_is_not_held_up()
    {
        MakeTables(Address, Elsewhere);
        uint pending = _machine.PendingSyncobj(0);
        uint queue = Gpu.CreateQueue(_machine.Vm, DRM_XE_ENGINE_CLASS_VM_BIND);
        uint first = Gpu.CreateSyncobj();
        uint second = Gpu.CreateSyncobj();
        Assert.Equal(0, _machine.Bind(queue, [Ops.MapNull(Address, 0x1000)], In(pending), Out(first)));
        Assert.Equal(0, _machine.Bind(queue, [Ops.MapNull(Elsewhere, 0x1000)], Out(second)));
        Assert.Equal(Leaf.Nothing, Gpu.Walk(_machine.Vm, Elsewhere));
        Assert.Equal(0, _machine.Bind(0, [Ops.MapNull(Elsewhere + 0x1000, 0x1000)]));
        Assert.Equal(Leaf.Null, Gpu.Walk(_machine.Vm, Elsewhere + 0x1000));
        Assert.Equal(-Errno.ETIME, Gpu.WaitFor([first, second], 0, 0, out _));
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(second, SyncobjClient.Later));
        Assert.Equal(0, Gpu.WaitFor(first));
        Assert.Equal(Leaf.Null, Gpu.Walk(_machine.Vm, Elsewhere));
    }

    [Fact]
    [Trait("Rule", "7.3.order")]
    [Trait("Rule", "20.bind-queue")]
    public void Overlapping_binds_of_different_queues_are_done_in_the_order_of_the_calls()
    {
        uint pending = _machine.PendingSyncobj(0);
        uint queue = Gpu.CreateQueue(_machine.Vm, DRM_XE_ENGINE_CLASS_VM_BIND);
        uint handle = Gpu.CreateBo(0x4000);
        uint done = Gpu.CreateSyncobj();
        Assert.Equal(0, _machine.Bind(queue, [Ops.MapBo(handle, Address, 0x4000)], In(pending)));
        Assert.Equal(0, _machine.Bind(0, [Ops.Unmap(Address + 0x1000, 0x1000)], Out(done)));
        Assert.Equal(-Errno.ETIME, Gpu.WaitFor(done));
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(done, SyncobjClient.Later));
        Assert.Equal(GpuPteKind.Host, Gpu.Walk(_machine.Vm, Address).Kind);
        Assert.Equal(Leaf.Nothing, Gpu.Walk(_machine.Vm, Address + 0x1000));
        Assert.Equal(GpuPteKind.Host, Gpu.Walk(_machine.Vm, Address + 0x3000).Kind);
    }

    [Fact]
    [Trait("Rule", "7.3.order")]
    [Trait("Rule", "20.bind-queue")]
    public void Binds_of_different_queues_that_need_the_same_new_table_are_done_in_the_order_of_the_calls()
    {
        MakeTables(Address);
        uint pending = _machine.PendingSyncobj(0);
        uint queue = Gpu.CreateQueue(_machine.Vm, DRM_XE_ENGINE_CLASS_VM_BIND);
        uint done = Gpu.CreateSyncobj();
        const ulong hole = Address + (2 << 20);
        Assert.Equal(0, _machine.Bind(queue, [Ops.MapNull(hole + 0x10000, 0x1000)], In(pending)));

        // No address in common, but both are below an entry that is not there.
        Assert.Equal(0, _machine.Bind(0, [Ops.MapNull(hole + 0x20000, 0x1000)], Out(done)));
        Assert.Equal(-Errno.ETIME, Gpu.WaitFor(done));
        Assert.Equal(Leaf.Nothing, Gpu.Walk(_machine.Vm, hole + 0x20000));
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(done, SyncobjClient.Later));
        Assert.Equal(Leaf.Null, Gpu.Walk(_machine.Vm, hole + 0x10000));
        Assert.Equal(Leaf.Null, Gpu.Walk(_machine.Vm, hole + 0x20000));
    }

    [Fact]
    [Trait("Rule", "7.3.order")]
    public void Binds_of_different_queues_in_a_table_that_is_there_do_not_wait_for_each_other()
    {
        MakeTables(Address);
        uint pending = _machine.PendingSyncobj(0);
        uint queue = Gpu.CreateQueue(_machine.Vm, DRM_XE_ENGINE_CLASS_VM_BIND);
        Assert.Equal(0, _machine.Bind(queue, [Ops.MapNull(Address + 0x20000, 0x1000)], In(pending)));
        Assert.Equal(0, _machine.Bind(0, [Ops.MapNull(Address + 0x30000, 0x1000)]));
        Assert.Equal(Leaf.Null, Gpu.Walk(_machine.Vm, Address + 0x30000));
        Assert.Equal(Leaf.Nothing, Gpu.Walk(_machine.Vm, Address + 0x20000));
        _machine.End(0);
    }

    [Fact]
    [Trait("Rule", "7.3.order")]
    public void The_operations_of_one_call_are_one_interval_of_addresses_for_those_that_come_later()
    {
        MakeTables(Address);
        uint pending = _machine.PendingSyncobj(0);
        uint queue = Gpu.CreateQueue(_machine.Vm, DRM_XE_ENGINE_CLASS_VM_BIND);
        uint done = Gpu.CreateSyncobj();
        Assert.Equal(0, _machine.Bind(queue, [Ops.MapNull(Address + 0x20000, 0x1000), Ops.MapNull(Address + 0x40000, 0x1000)], In(pending)));
        Assert.Equal(0, _machine.Bind(0, [Ops.MapNull(Address + 0x30000, 0x1000)], Out(done)));
        Assert.Equal(-Errno.ETIME, Gpu.WaitFor(done));
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(done, SyncobjClient.Later));
    }

    [Fact]
    [Trait("Rule", "7.1.L")]
    [Trait("Rule", "7.1.unwind")]
    public void An_array_whose_batch_does_not_fit_is_ENOBUFS_where_it_has_to_wait_and_changes_nothing()
    {
        const ulong step = (2 << 20) + 0x1000; // each bind fills up the table of the one before
        uint pending = _machine.PendingSyncobj(0);
        uint done = Gpu.CreateSyncobj();
        string before = Gpu.Areas(_machine.Vm);
        drm_xe_vm_bind_op[] maps = [.. Enumerable.Range(0, 1024).Select(i => Ops.MapNull(Address + ((ulong)i * step), step))];
        drm_xe_vm_bind_op[] unmaps = [.. maps.Select(map => Ops.Unmap(map.addr, map.range))];
        Assert.Equal(-Errno.ENOBUFS, _machine.Bind(0, maps, In(pending), Out(done)));
        Assert.Equal(before, Gpu.Areas(_machine.Vm));
        Assert.Equal(-Errno.EINVAL, Gpu.WaitFor(done)); // no fence

        // In pieces it can wait; and what does not wait is written by the CPU, however much it is.
        for (int at = 0; at < maps.Length; at += maps.Length / 4)
        {
            Assert.Equal(0, _machine.Bind(0, maps.AsSpan(at, maps.Length / 4), In(pending), Out(done)));
        }

        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(done, SyncobjClient.Later));
        Assert.Equal(0, _machine.Bind(0, unmaps));
        Assert.Equal(0, _machine.Bind(0, maps));
        Assert.Equal(Leaf.Null, Gpu.Walk(_machine.Vm, maps[^1].addr));
    }

    [Fact]
    [Trait("Rule", "7.3.fences")]
    public void A_map_and_an_unmap_that_are_queued_around_a_job_let_the_job_see_the_mapping()
    {
        // As a driver for sparse resources does it: bind, use, unbind, all submitted before any of it has begun.
        uint pending = _machine.PendingSyncobj(0);
        uint mapped = Gpu.CreateSyncobj();
        uint used = Gpu.CreateSyncobj();
        uint unmapped = Gpu.CreateSyncobj();
        uint handle = Gpu.CreateBo(0x1000);
        uint* content = (uint*)Gpu.MapBo(handle, 0x1000);
        uint queue = Gpu.CreateQueue(_machine.Vm);
        Assert.Equal(0, _machine.Bind(0, [Ops.MapBo(handle, Address, 0x1000)], In(pending), Out(mapped)));
        Assert.Equal(0, _machine.Exec(queue, _machine.StoreBatch(1, Address + 8, 42), In(mapped), Out(used)));
        Assert.Equal(0, _machine.Bind(0, [Ops.Unmap(Address, 0x1000)], In(used), Out(unmapped)));
        Assert.Equal(0, Gpu.CloseBo(handle));
        Assert.Equal(-Errno.ETIME, Gpu.WaitFor(unmapped));
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(unmapped, SyncobjClient.Later));
        Assert.False(Gpu.IsBanned(queue));
        Assert.Equal(42u, content[2]);
        Assert.Equal(Leaf.Nothing, Gpu.Walk(_machine.Vm, Address));
        Gpu.UnmapBo(content, 0x1000);
    }

    [Fact]
    [Trait("Rule", "7.3.fences")]
    [Trait("Rule", "7.6.lifetime")]
    public void An_object_that_a_queued_unmap_takes_away_stays_until_the_page_tables_are_written()
    {
        uint handle = Gpu.CreateBo(0x10000, DrmClient.VramMemory);
        ulong used = Gpu.Device.Vram.Used;
        Assert.Equal(0, Gpu.BindBo(_machine.Vm, handle, Address, 0x10000));
        uint pending = _machine.PendingSyncobj(0);
        uint done = Gpu.CreateSyncobj();
        Assert.Equal(0, _machine.Bind(0, [Ops.Unmap(Address, 0x10000)], In(pending), Out(done)));
        Assert.Equal(0, Gpu.CloseBo(handle));
        Assert.Equal(GpuPteKind.Vram, Gpu.Walk(_machine.Vm, Address).Kind);
        Assert.Equal(used, Gpu.Device.Vram.Used);
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(done, SyncobjClient.Later));
        Assert.Equal(Leaf.Nothing, Gpu.Walk(_machine.Vm, Address));
        Assert.True(SpinWait.SpinUntil(() => Gpu.Device.Vram.Used == 0, s_patience));
    }

    [Fact]
    [Trait("Rule", "7.1.unwind")]
    [Trait("Rule", "7.1.J")]
    public void A_call_that_fails_binds_nothing_and_signals_nothing()
    {
        uint done = Gpu.CreateSyncobj();
        uint handle = Gpu.CreateBo(0x1000);
        string before = Gpu.Areas(_machine.Vm);
        Assert.Equal(-Errno.EINVAL, _machine.Bind(
            0, [Ops.MapBo(handle, Address, 0x1000), Ops.Prefetch(Address, 0x1000, 1)], Out(done))); // the object cannot be in VRAM
        Assert.Equal(before, Gpu.Areas(_machine.Vm));
        Assert.Equal(-Errno.EINVAL, Gpu.WaitFor(done)); // no fence
    }

    [Fact]
    [Trait("Rule", "10.bind-user-fence")]
    [Trait("Rule", "11.wakes")]
    public void A_user_fence_of_a_queued_bind_is_written_when_the_bind_is_done()
    {
        uint pending = _machine.PendingSyncobj(0);
        ulong* word = (ulong*)_machine.Word(0);
        *word = 0;
        Assert.Equal(0, _machine.Bind(0, [Ops.MapNull(Address, 0x1000)], In(pending), FenceMachine.UserFence((ulong)word, 11)));
        Assert.Equal(0ul, Volatile.Read(ref *word));
        var wait = BlockingCall.Start(() => Gpu.WaitForWord((ulong)word, 11));
        _machine.End(0);
        Assert.True(wait.EndsWithin(s_patience));
        Assert.Equal(0, wait.Result);
        Assert.Equal(Leaf.Null, Gpu.Walk(_machine.Vm, Address));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Rule", "10.bind-user-fence")]
    public void A_user_fence_is_written_to_the_memory_of_whoever_makes_the_call(bool queued)
    {
        uint pending = queued ? _machine.PendingSyncobj(0) : Gpu.CreateSyncobj(Drm.DRM_SYNCOBJ_CREATE_SIGNALED);
        ulong* words = (ulong*)_machine.Word(0);
        words[0] = words[1] = 0;
        var caller = new Caller((ulong)words);
        int result = -1;
        var thread = new Thread(() =>
        {
            caller.Enter();
            result = _machine.Bind(0, [Ops.MapNull(Address, 0x1000)], In(pending), FenceMachine.UserFence((ulong)words, 11));
        });
        thread.Start();
        Assert.True(thread.Join(s_patience));
        Assert.Equal(0, result);
        if (queued)
        {
            _machine.End(0);
        }

        Assert.Equal(0, Gpu.WaitForWord((ulong)(words + 1), 11));
        Assert.Equal(0ul, words[0]);
    }

    [Fact]
    [Trait("Rule", "7.1.L")]
    [Trait("Rule", "7.3.user-fence")]
    public void What_was_mapped_with_a_user_fence_cannot_be_unmapped_before_the_fence_is_signalled()
    {
        uint pending = _machine.PendingSyncobj(0);
        ulong* word = (ulong*)_machine.Word(0);
        *word = 0;
        Assert.Equal(0, _machine.Bind(0, [Ops.MapNull(Address, 0x4000)], In(pending), FenceMachine.UserFence((ulong)word, 1)));
        string areas = Gpu.Areas(_machine.Vm);
        Assert.Equal(-Errno.EBUSY, Gpu.UnbindRange(_machine.Vm, Address, 0x4000));
        Assert.Equal(-Errno.EBUSY, Gpu.UnbindRange(_machine.Vm, Address + 0x1000, 0x1000)); // nor cut
        Assert.Equal(-Errno.EBUSY, Gpu.BindNull(_machine.Vm, Address, 0x8000)); // nor replaced
        Assert.Equal(areas, Gpu.Areas(_machine.Vm));
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitForWord((ulong)word, 1));
        Assert.Equal(0, Gpu.UnbindRange(_machine.Vm, Address, 0x4000));
    }

    [Fact]
    [Trait("Rule", "7.1.I")]
    [Trait("Rule", "7.4.signal")]
    public void An_empty_bind_signals_once_the_queue_has_drained()
    {
        uint pending = _machine.PendingSyncobj(0);
        uint done = Gpu.CreateSyncobj();
        Assert.Equal(0, _machine.Bind(0, [], Out(done)));
        Assert.Equal(0, Gpu.WaitFor(done));
        Assert.Equal(0, _machine.Bind(0, [Ops.MapNull(Address, 0x1000)], In(pending)));
        Assert.Equal(0, _machine.Bind(0, [], Out(done)));
        Assert.Equal(-Errno.ETIME, Gpu.WaitFor(done));
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(done, SyncobjClient.Later));
        Assert.Equal(Leaf.Null, Gpu.Walk(_machine.Vm, Address));
    }

    [Fact]
    [Trait("Rule", "7.4.in-fence")]
    [Trait("Rule", "7.1.K")]
    public void Where_nothing_is_to_be_executed_an_in_fence_is_EOPNOTSUPP_and_the_areas_have_changed()
    {
        uint signaled = Gpu.CreateSyncobj(Drm.DRM_SYNCOBJ_CREATE_SIGNALED);
        Assert.Equal(-Errno.EOPNOTSUPP, _machine.Bind(0, [], In(signaled)));
        Assert.Equal(-Errno.EOPNOTSUPP, _machine.Bind(0, [Ops.Unmap(Address, 0x1000)], In(signaled))); // a hole
        Assert.Equal(-Errno.EOPNOTSUPP, _machine.Bind(0, [Ops.Prefetch(Address, 0x1000, 0)], In(signaled)));
        Assert.Equal(0, _machine.Bind(0, [Ops.MapNull(Address, 0x1000)], In(signaled)));

        using var faulting = new FenceMachine(DrmClient.FaultMode);
        signaled = faulting.Gpu.CreateSyncobj(Drm.DRM_SYNCOBJ_CREATE_SIGNALED);
        Assert.Equal(0, faulting.Gpu.UnbindRange(faulting.Vm, Address, 0x100000));
        Assert.Equal(-Errno.EOPNOTSUPP, faulting.Bind(0, [Ops.MapMirror(Address, 0x10000)], In(signaled)));
        Assert.Contains("CpuAddressMirror", faulting.Gpu.Areas(faulting.Vm), StringComparison.Ordinal);
        Assert.Equal(-Errno.EOPNOTSUPP, faulting.Bind(0, [Ops.MapNull(Elsewhere, 0x1000)], In(signaled)));
        Assert.Contains($"{Elsewhere:x}-{Elsewhere + 0x1000:x} Null", faulting.Gpu.Areas(faulting.Vm), StringComparison.Ordinal);
        Assert.Equal(0, faulting.Bind(0, [Ops.MapNull(Elsewhere, 0x1000, DRM_XE_VM_BIND_FLAG_IMMEDIATE)], In(signaled)));
    }

    [Fact]
    [Trait("Rule", "7.4.signal")]
    public void A_user_fence_of_a_mirror_bind_waits_for_what_is_queued_before_it()
    {
        using var faulting = new FenceMachine(DrmClient.FaultMode);
        GpuClient gpu = faulting.Gpu;
        uint there = Share(Gpu, _machine.PendingSyncobj(0), gpu);
        ulong* word = (ulong*)faulting.Word(0);
        *word = 0;
        Assert.Equal(0, gpu.UnbindRange(faulting.Vm, Address, 0x100000));
        Assert.Equal(0, faulting.Bind(0, [Ops.MapNull(Elsewhere, 0x1000, DRM_XE_VM_BIND_FLAG_IMMEDIATE)], In(there)));
        Assert.Equal(0, faulting.Bind(0, [Ops.MapMirror(Address, 0x10000)], FenceMachine.UserFence((ulong)word, 3)));
        Assert.Equal(0ul, Volatile.Read(ref *word));
        _machine.End(0);
        Assert.Equal(0, gpu.WaitForWord((ulong)word, 3));
        Assert.Equal(Leaf.Null, gpu.Walk(faulting.Vm, Elsewhere));
    }

    [Fact]
    [Trait("Rule", "5.SCRATCH_PAGE")]
    [Trait("Rule", "7.3.fences")]
    public void On_a_VM_with_a_scratch_page_a_queued_map_reads_as_a_hole_until_it_is_done()
    {
        using var machine = new FenceMachine(DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE);
        GpuClient gpu = machine.Gpu;
        uint pending = machine.PendingSyncobj(0);
        uint done = gpu.CreateSyncobj();
        uint handle = gpu.CreateBo(0x1000);
        uint* content = (uint*)gpu.MapBo(handle, 0x1000);
        content[0] = 7;
        Assert.Equal(0, machine.Bind(0, [Ops.MapBo(handle, Address, 0x1000)], In(pending), Out(done)));
        uint* word = (uint*)machine.Word(0);
        *word = 1;
        Assert.Equal(0, gpu.Run(Commands.Copy((ulong)word, Address, 4)));
        Assert.Equal(0u, *word);
        machine.End(0);
        Assert.Equal(0, gpu.WaitFor(done, SyncobjClient.Later));
        Assert.Equal(0, gpu.Run(Commands.Copy((ulong)word, Address, 4)));
        Assert.Equal(7u, *word);
        gpu.UnmapBo(content, 0x1000);
    }

    [Fact]
    [Trait("Rule", "6.waits")]
    public void Destroying_a_VM_waits_for_its_queued_binds()
    {
        uint pending = _machine.PendingSyncobj(0);
        uint vm = Gpu.CreateVm(0);
        uint done = Gpu.CreateSyncobj();
        drm_xe_sync* syncs = stackalloc drm_xe_sync[2];
        syncs[0] = In(pending);
        syncs[1] = Out(done);
        var bind = new drm_xe_vm_bind { vm_id = vm, num_binds = 1, bind = Ops.MapNull(Address, 0x1000), num_syncs = 2, syncs = (ulong)syncs };
        Assert.Equal(0, Gpu.Ioctl(DRM_IOCTL_XE_VM_BIND, ref bind));
        var destroy = BlockingCall.Start(() => Gpu.DestroyVm(vm));
        Assert.False(destroy.EndsWithin(20));
        _machine.End(0);
        Assert.True(destroy.EndsWithin(s_patience));
        Assert.Equal(0, destroy.Result);
        Assert.Equal(0, Gpu.WaitFor(done));
    }

    [Fact]
    [Trait("Rule", "1.close")]
    public void Closing_the_file_cancels_queued_binds_and_signals_their_fences()
    {
        using var other = new FenceMachine();
        uint there = Share(other.Gpu, other.PendingSyncobj(0), Gpu); // a fence that closing this file does not end
        uint done = Gpu.CreateSyncobj();
        uint vm = _machine.Vm;
        Assert.Equal(0, _machine.Bind(0, [Ops.MapNull(Address, 0x1000)], In(there), Out(done)));
        uint kept = Share(Gpu, done, other.Gpu);
        var destroy = BlockingCall.Start(() => Gpu.DestroyVm(vm));
        Assert.False(destroy.EndsWithin(5));
        Assert.True(BlockingCall.Start(Gpu.File.Dispose).EndsWithin(s_patience));
        Assert.True(destroy.EndsWithin(s_patience));
        Assert.Equal(0, other.Gpu.WaitFor(kept, SyncobjClient.Later));
        other.End(0);
    }

    [Fact]
    [Trait("Rule", "8.DESTROY")]
    public void Binds_of_a_destroyed_bind_queue_are_done_all_the_same()
    {
        uint pending = _machine.PendingSyncobj(0);
        uint queue = Gpu.CreateQueue(_machine.Vm, DRM_XE_ENGINE_CLASS_VM_BIND);
        uint done = Gpu.CreateSyncobj();
        Assert.Equal(0, _machine.Bind(queue, [Ops.MapNull(Address, 0x1000)], In(pending), Out(done)));
        Assert.Equal(0, Gpu.DestroyQueue(queue));
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(done, SyncobjClient.Later));
        Assert.Equal(Leaf.Null, Gpu.Walk(_machine.Vm, Address));
    }

    [Fact]
    [Trait("Rule", "7.1.D")]
    public void A_bind_queue_must_exist_be_for_binds_and_be_of_the_VM()
    {
        uint otherVm = Gpu.CreateVm(0);
        uint otherQueue = Gpu.CreateQueue(otherVm, DRM_XE_ENGINE_CLASS_VM_BIND);
        Assert.Equal(-Errno.ENOENT, _machine.Bind(77, [Ops.MapNull(Address, 0x1000)]));
        Assert.Equal(-Errno.EINVAL, _machine.Bind(Gpu.Queue, [Ops.MapNull(Address, 0x1000)]));
        Assert.Equal(-Errno.EINVAL, _machine.Bind(otherQueue, [Ops.MapNull(Address, 0x1000)]));
    }

    [Fact]
    [Trait("Rule", "7.3.fences")]
    public void An_area_that_advice_cuts_while_its_bind_is_queued_is_bound_as_a_whole()
    {
        uint pending = _machine.PendingSyncobj(0);
        uint done = Gpu.CreateSyncobj();
        Assert.Equal(0, _machine.Bind(0, [Ops.MapNull(Address, 0x4000)], In(pending), Out(done)));
        Assert.Equal(0, Gpu.AdviseLocation(_machine.Vm, Address + 0x1000, 0x1000, -1));
        _machine.End(0);
        Assert.Equal(0, Gpu.WaitFor(done, SyncobjClient.Later));
        for (ulong at = 0; at < 0x4000; at += 0x1000)
        {
            Assert.Equal(Leaf.Null, Gpu.Walk(_machine.Vm, Address + at));
        }
    }

    [Fact]
    [Trait("Rule", "7.3.order")]
    public void Many_queued_binds_end_in_what_they_would_have_been_one_after_the_other()
    {
        uint pending = _machine.PendingSyncobj(0);
        uint[] queues = [0, .. Enumerable.Range(0, 3).Select(_ => Gpu.CreateQueue(_machine.Vm, DRM_XE_ENGINE_CLASS_VM_BIND))];
        uint[] done = [.. Enumerable.Range(0, 4).Select(_ => Gpu.CreateSyncobj())];
        int seed = Environment.TickCount;
        var random = new Random(seed);
        bool[] mapped = new bool[64];
        for (int i = 0; i < 400; i++)
        {
            int start = random.Next(64);
            int pages = random.Next(1, 65 - start);
            bool map = random.Next(2) == 0;
            ulong address = Address + ((ulong)start << 12);
            drm_xe_vm_bind_op op = map ? Ops.MapNull(address, (ulong)pages << 12) : Ops.Unmap(address, (ulong)pages << 12);
            mapped.AsSpan(start, pages).Fill(map);
            int queue = random.Next(4);

            // An unmap of a hole has nothing that could wait.
            int result = _machine.Bind(queues[queue], [op], In(pending), Out(done[queue]));
            Assert.Contains(result, (int[])[0, -Errno.EOPNOTSUPP]);
        }

        _machine.End(0);
        foreach (uint handle in done)
        {
            Assert.Equal(0, Gpu.WaitFor(handle, SyncobjClient.Later));
        }

        for (int page = 0; page < 64; page++)
        {
            Leaf leaf = Gpu.Walk(_machine.Vm, Address + ((ulong)page << 12));
            Assert.True(leaf == (mapped[page] ? Leaf.Null : Leaf.Nothing), $"Page {page} of seed {seed} is {leaf}.");
        }
    }

    /// <summary>Maps a page 64 KiB behind each address, so that the tables are there.</summary>
    private void MakeTables(params ReadOnlySpan<ulong> addresses)
    {
        foreach (ulong address in addresses)
        {
            Assert.Equal(0, Gpu.BindNull(_machine.Vm, address + 0x10000, 0x1000));
        }
    }

    private static drm_xe_sync In(uint handle) => FenceMachine.Syncobj(handle, signal: false);

    private static drm_xe_sync Out(uint handle) => FenceMachine.Syncobj(handle, signal: true);

    /// <summary>Hands a syncobj of one file to another.</summary>
    private static uint Share(DrmClient from, uint handle, DrmClient to)
    {
        Assert.Equal(0, from.Export(handle, out int descriptor));
        uint there = 0;
        Assert.Equal(0, to.Import(descriptor, ref there));
        SyncobjClient.Own(descriptor).Dispose();
        return there;
    }

    /// <summary>Another process that makes calls: one word of its memory is not where the VM's client has it.</summary>
    private sealed class Caller(ulong word) : IoctlCaller
    {
        public override ClientMemory Memory { get; } = new CallerMemory(word);

        public override bool IsGone => false;

        protected override int TakeFrom(int descriptor, out FileDescriptorHandle? file)
        {
            file = null;
            return -Errno.EBADF;
        }

        protected override bool TryFindFileOf(int descriptor, [NotNullWhen(true)] out SoftwareFile? file)
        {
            file = null;
            return false;
        }

        protected override void GiveAway(int descriptor) => Assert.Fail("No descriptor is given.");
    }

    private sealed class CallerMemory(ulong word) : CoherentClientMemory("Another process.")
    {
        public override int Read(ulong address, void* destination, nuint length) => base.Read(Shift(address), destination, length);

        public override int Write(ulong address, void* source, nuint length) => base.Write(Shift(address), source, length);

        private ulong Shift(ulong address) => address == word ? address + sizeof(ulong) : address;
    }
}
