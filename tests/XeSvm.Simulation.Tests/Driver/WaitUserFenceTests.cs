using System.Diagnostics;

using XeSvm.Interop.Native;
using XeSvm.Interop.Uapi;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>WAIT_USER_FENCE: checks in order, comparisons, times, and what ends a wait.</summary>
public sealed unsafe class WaitUserFenceTests : IDisposable
{
    private const uint UnknownQueue = 77;
    private const long Millisecond = 1_000_000;
    private const long LongEnough = 20_000 * Millisecond;
    private static readonly TimeSpan s_longEnough = TimeSpan.FromMinutes(2);

    private static readonly ErrnoTable<drm_xe_wait_user_fence> s_rules = new()
    {
        { "extensions", Errno.EINVAL, (ref args) => args.extensions = 1 },
        { "pad", Errno.EINVAL, (ref args) => args.pad = 1 },
        { "pad2", Errno.EINVAL, (ref args) => args.pad2 = 1 },
        { "reserved 0", Errno.EINVAL, (ref args) => args.reserved[0] = 1 },
        { "reserved 1", Errno.EINVAL, (ref args) => args.reserved[1] = 1 },
        { "unknown flag", Errno.EINVAL, (ref args) => args.flags = 2 },
        { "unknown operator", Errno.EINVAL, (ref args) => args.op = 6 },
        { "highest operator", Errno.EINVAL, (ref args) => args.op = ushort.MaxValue },
        { "unaligned address", Errno.EINVAL, (ref args) => args.addr += 4 },
        { "unaligned address before unknown queue", Errno.EINVAL, (ref args) => (args.addr, args.exec_queue_id) = (4, UnknownQueue) },
        { "operator before unknown queue", Errno.EINVAL, (ref args) => (args.op, args.exec_queue_id) = (6, UnknownQueue) },
        { "unknown queue", Errno.ENOENT, (ref args) => args.exec_queue_id = UnknownQueue },
        { "unknown queue before bad address", Errno.ENOENT, (ref args) => (args.exec_queue_id, args.addr) = (UnknownQueue, DrmClient.BadPointer) },
        { "bad address", Errno.EFAULT, (ref args) => args.addr = DrmClient.BadPointer },
        { "address 0", Errno.EFAULT, (ref args) => args.addr = 0 },
    };

    private readonly DrmClient _client = new();
    private readonly ulong* _words = (ulong*)DrmClient.Map(0x1000);

    public static TheoryData<string> Rules => s_rules.Names;

    public static TheoryData<ushort, ulong, ulong, ulong, bool> Comparisons
    {
        get
        {
            var rows = new TheoryData<ushort, ulong, ulong, ulong, bool>();
            (ulong Word, ulong Value, ulong Mask)[] operands =
            [
                (5, 5, ulong.MaxValue), (4, 5, ulong.MaxValue), (6, 5, ulong.MaxValue),
                (0, ulong.MaxValue, ulong.MaxValue), (ulong.MaxValue, 0, ulong.MaxValue), // unsigned
                (1UL << 63, 1, ulong.MaxValue),
                (0xff05, 0x0105, 0xff), (0xff05, 0x0106, 0xff), (0xff05, 0xff04, 0xff),
                (1UL << 32, 1UL << 33, uint.MaxValue), // differ outside the mask only
                (123, 456, 0),
            ];
            foreach ((ulong word, ulong value, ulong mask) in operands)
            {
                (ulong left, ulong right) = (word & mask, value & mask);
                rows.Add(DRM_XE_UFENCE_WAIT_OP_EQ, word, value, mask, left == right);
                rows.Add(DRM_XE_UFENCE_WAIT_OP_NEQ, word, value, mask, left != right);
                rows.Add(DRM_XE_UFENCE_WAIT_OP_GT, word, value, mask, left > right);
                rows.Add(DRM_XE_UFENCE_WAIT_OP_GTE, word, value, mask, left >= right);
                rows.Add(DRM_XE_UFENCE_WAIT_OP_LT, word, value, mask, left < right);
                rows.Add(DRM_XE_UFENCE_WAIT_OP_LTE, word, value, mask, left <= right);
            }

            return rows;
        }
    }

    public void Dispose()
    {
        _client.Dispose();
        DrmClient.Unmap((ulong)_words, 0x1000);
    }

    [Theory]
    [MemberData(nameof(Rules))]
    [Trait("Rule", "11.checks")]
    public void A_broken_rule_gives_its_errno(string rule)
    {
        drm_xe_wait_user_fence args = Met();
        Assert.Equal(0, Wait(ref args));
        args = Met();
        int expected = s_rules.Break(rule, ref args);
        Assert.Equal(expected, Wait(ref args));
    }

    [Theory]
    [MemberData(nameof(Comparisons))]
    [Trait("Rule", "11.compare")]
    public void Word_and_value_are_compared_under_the_mask_unsigned(ushort operation, ulong word, ulong value, ulong mask, bool holds)
    {
        _words[0] = word;
        var args = new drm_xe_wait_user_fence { addr = (ulong)_words, op = operation, value = value, mask = mask };
        Assert.Equal(holds ? 0 : -Errno.ETIME, Wait(ref args));
    }

    [Fact]
    [Trait("Rule", "11.timeout")]
    [Trait("Rule", "19.timeout")]
    public void A_relative_timeout_runs_out_and_nothing_remains_of_it()
    {
        drm_xe_wait_user_fence args = NotMet();
        args.timeout = 20 * Millisecond;
        long begin = Stopwatch.GetTimestamp();
        Assert.Equal(-Errno.ETIME, Wait(ref args));
        Assert.True(Stopwatch.GetElapsedTime(begin).TotalMilliseconds >= 20);
        Assert.Equal(0, args.timeout);
    }

    [Fact]
    [Trait("Rule", "11.timeout")]
    public void What_remains_of_a_relative_timeout_comes_back()
    {
        drm_xe_wait_user_fence args = Met();
        args.timeout = LongEnough;
        Assert.Equal(0, Wait(ref args));
        Assert.InRange(args.timeout, 1, LongEnough);

        // After a failed wait as well.
        args = Met();
        (args.timeout, args.addr) = (LongEnough, DrmClient.BadPointer);
        Assert.Equal(-Errno.EFAULT, Wait(ref args));
        Assert.InRange(args.timeout, 1, LongEnough);

        // But not when the arguments were refused before there was a wait.
        (args.timeout, args.op) = (LongEnough, 6);
        Assert.Equal(-Errno.EINVAL, Wait(ref args));
        Assert.Equal(LongEnough, args.timeout);
    }

    [Theory]
    [InlineData(-1L)]
    [InlineData(long.MinValue)]
    [InlineData(long.MaxValue)]
    [Trait("Rule", "11.timeout")]
    public void An_endless_wait_leaves_a_huge_time(long timeout)
    {
        drm_xe_wait_user_fence args = Met();
        args.timeout = timeout;
        Assert.Equal(0, Wait(ref args));
        Assert.True(args.timeout > long.MaxValue / 2);
    }

    [Theory]
    [InlineData(0L)]
    [InlineData(1L)]
    [Trait("Rule", "11.timeout")]
    public void An_absolute_time_in_the_past_is_a_poll_and_left_alone(long timeout)
    {
        drm_xe_wait_user_fence args = NotMet();
        (args.flags, args.timeout) = (DRM_XE_UFENCE_WAIT_FLAG_ABSTIME, timeout);
        Assert.Equal(-Errno.ETIME, Wait(ref args));
        Assert.Equal(timeout, args.timeout);
        args = Met();
        (args.flags, args.timeout) = (DRM_XE_UFENCE_WAIT_FLAG_ABSTIME, timeout);
        Assert.Equal(0, Wait(ref args));
    }

    [Fact]
    [Trait("Rule", "11.timeout")]
    public void An_absolute_time_is_of_the_monotonic_clock_and_left_alone()
    {
        long end = NativeMethods.xesvm_clock_monotonic_ns() + (20 * Millisecond);
        drm_xe_wait_user_fence args = NotMet();
        (args.flags, args.timeout) = (DRM_XE_UFENCE_WAIT_FLAG_ABSTIME, end);
        Assert.Equal(-Errno.ETIME, Wait(ref args));
        Assert.True(NativeMethods.xesvm_clock_monotonic_ns() >= end);
        Assert.Equal(end, args.timeout);
    }

    [Fact]
    [Trait("Rule", "11.timeout")]
    public void A_negative_absolute_time_is_endless_and_becomes_the_largest_number()
    {
        drm_xe_wait_user_fence args = Met();
        (args.flags, args.timeout) = (DRM_XE_UFENCE_WAIT_FLAG_ABSTIME, -5);
        Assert.Equal(0, Wait(ref args));
        Assert.Equal(long.MaxValue, args.timeout);
    }

    [Fact]
    [Trait("Rule", "11.wakes")]
    public void A_bind_fence_ends_a_wait()
    {
        uint vm = _client.CreateVm(0);
        int result = WhileWaiting(NotMet(), () => SignalByBind(vm, (ulong)_words, 1));
        Assert.Equal(0, result);
    }

    [Fact]
    [Trait("Rule", "11.wakes")]
    public void A_store_by_the_CPU_is_seen_at_the_next_wake_of_another_fence()
    {
        uint vm = _client.CreateVm(0);
        int result = WhileWaiting(NotMet(), () =>
        {
            Volatile.Write(ref _words[0], 1);
            SignalByBind(vm, (ulong)(_words + 1), 1);
        });
        Assert.Equal(0, result);
    }

    [Fact]
    [Trait("Rule", "11.wakes")]
    public void A_store_by_the_CPU_is_seen_at_the_latest_when_the_time_is_over()
    {
        drm_xe_wait_user_fence args = NotMet();
        args.timeout = 1000 * Millisecond;
        Assert.Equal(0, WhileWaiting(args, () => Volatile.Write(ref _words[0], 1)));
    }

    [Fact]
    [Trait("Rule", "11.wakes")]
    public void One_wake_serves_all_who_wait()
    {
        const int waiters = 8;
        uint vm = _client.CreateVm(0);
        var results = new int[waiters];
        drm_xe_wait_user_fence wait = NotMet() with { op = DRM_XE_UFENCE_WAIT_OP_GTE, timeout = -1 };
        Thread[] threads = [.. Enumerable.Range(0, waiters).Select(index => new Thread(() =>
        {
            drm_xe_wait_user_fence args = wait;
            args.value = (ulong)(index / 4) + 1; // two groups
            results[index] = Wait(ref args);
        }))];
        Array.ForEach(threads, thread => thread.Start());
        SignalByBind(vm, (ulong)_words, 1);
        Assert.All(threads[..4], thread => Assert.True(thread.Join(s_longEnough)));
        SignalByBind(vm, (ulong)_words, 2);
        Assert.All(threads, thread => Assert.True(thread.Join(s_longEnough)));
        Assert.All(results, result => Assert.Equal(0, result));
    }

    [Fact]
    [Trait("Rule", "11.banned")]
    [Trait("Rule", "19.banned-queue")]
    public void A_queue_that_is_banned_or_destroyed_meanwhile_is_EIO()
    {
        foreach (bool destroy in (ReadOnlySpan<bool>)[true, false])
        {
            uint vm = _client.CreateVm(0);
            uint queue = _client.CreateQueue(vm);
            drm_xe_wait_user_fence args = NotMet();
            args.exec_queue_id = queue;
            int result = WhileWaiting(args, () =>
            {
                if (destroy)
                {
                    Assert.Equal(0, _client.DestroyQueue(queue));
                    return;
                }

                // Nothing is mapped in this VM.
                var exec = new drm_xe_exec { exec_queue_id = queue, num_batch_buffer = 1, address = 0x10000 };
                Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_EXEC, ref exec));
            });
            Assert.Equal(-Errno.EIO, result);
        }
    }

    [Fact]
    [Trait("Rule", "11.order")]
    public void A_met_condition_wins_over_a_banned_queue_and_a_banned_queue_over_the_time()
    {
        uint queue = _client.CreateQueue(_client.CreateVm(0));
        var exec = new drm_xe_exec { exec_queue_id = queue, num_batch_buffer = 1, address = 0x10000 };
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_EXEC, ref exec));
        drm_xe_wait_user_fence args = NotMet();
        (args.exec_queue_id, args.timeout) = (queue, LongEnough);
        Assert.Equal(-Errno.EIO, Wait(ref args));
        args.timeout = 0;
        Assert.Equal(-Errno.EIO, Wait(ref args));
        args.op = DRM_XE_UFENCE_WAIT_OP_NEQ;
        Assert.Equal(0, Wait(ref args));
        args.addr = DrmClient.BadPointer;
        Assert.Equal(-Errno.EFAULT, Wait(ref args));
    }

    [Fact]
    [Trait("Rule", "11.EINTR")]
    public void Closing_the_file_ends_a_wait()
    {
        using var other = new DrmClient(_client);
        drm_xe_wait_user_fence args = NotMet();
        int result = WhileWaiting(args, other.File.Dispose, other);
        Assert.Contains(result, (int[])[-Errno.EINTR, -Errno.EBADF]);
    }

    private int Wait(ref drm_xe_wait_user_fence args) => _client.Ioctl(DRM_IOCTL_XE_WAIT_USER_FENCE, ref args);

    private drm_xe_wait_user_fence Met() => NotMet() with { op = DRM_XE_UFENCE_WAIT_OP_NEQ };

    /// <summary>Waits for the first word, which is 0 now, to be 1; a poll.</summary>
    private drm_xe_wait_user_fence NotMet()
    {
        _words[0] = 0;
        return new drm_xe_wait_user_fence { addr = (ulong)_words, value = 1, mask = ulong.MaxValue };
    }

    /// <summary>The result of a wait, endless unless it has a timeout, during which something is done.</summary>
    private static int WhileWaiting(drm_xe_wait_user_fence args, Action action, DrmClient client)
    {
        int result = 1;
        args.timeout = args.timeout == 0 ? -1 : args.timeout;
        var thread = new Thread(() => result = client.Ioctl(DRM_IOCTL_XE_WAIT_USER_FENCE, ref args));
        thread.Start();

        // Most of the time the wait has begun then; the test holds in either case.
        Thread.Yield();
        action();
        Assert.True(thread.Join(s_longEnough), "The wait does not end.");
        return result;
    }

    private int WhileWaiting(drm_xe_wait_user_fence args, Action action) => WhileWaiting(args, action, _client);

    private void SignalByBind(uint vm, ulong address, ulong value)
    {
        var sync = new drm_xe_sync { type = DRM_XE_SYNC_TYPE_USER_FENCE, flags = DRM_XE_SYNC_FLAG_SIGNAL, addr = address, timeline_value = value };
        var bind = new drm_xe_vm_bind { vm_id = vm, num_binds = 1, bind = Ops.Unmap(0, 0x1000), num_syncs = 1, syncs = (ulong)&sync };
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_VM_BIND, ref bind));
    }
}
