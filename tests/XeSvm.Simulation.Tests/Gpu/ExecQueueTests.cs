using System.Collections.Concurrent;
using System.Diagnostics;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Tests.Gpu.Support;

namespace XeSvm.Simulation.Tests.Gpu;

[Collection(ConcurrencyCollection.Name)]
public sealed unsafe class ExecQueueTests : IDisposable
{
    private const ulong Batch = GpuMachine.VramVa;
    private const ulong Spinner = GpuMachine.VramVa + 0x8000;
    private const ulong Data = GpuMachine.HostVa;
    private const ulong Fence = GpuMachine.HostVa + 0x1000;

    private readonly GpuMachine _machine = new GpuMachine().MapEverything();
    private readonly UserFenceWaiters _waiters = new();
    private readonly Owner _owner = new();
    private readonly List<ExecQueue> _queues = [];

    public void Dispose()
    {
        _queues.ForEach(queue => queue.Kill());
        _machine.Dispose();
    }

    [Fact]
    public void A_job_runs_its_batch_writes_its_fence_and_wakes_the_waiters()
    {
        ExecQueue queue = CreateQueue();
        new BatchBuilder().StoreDword(Data, 42).End().PlaceAt(_machine, Batch);
        Assert.True(queue.IsIdle);
        Assert.Equal(0, queue.Submit([Batch], new UserFenceWrite(Fence, 0xfe_ce00_0000_0001), out long sequence));
        Assert.Equal(1, sequence);
        WaitForFence(0xfe_ce00_0000_0001);
        Assert.Equal(42U, *(uint*)_machine.Backing(Data));
        Assert.True(queue.WaitIdle(Soon()));
        Assert.Equal((1, 0), _owner.Done.Single());
        Assert.False(queue.IsBanned);
    }

    [Fact]
    public void The_fence_of_a_job_is_taken_before_the_job_can_run_and_not_when_it_is_refused()
    {
        ExecQueue queue = CreateQueue();
        new BatchBuilder().StoreDword(Data, 42).End().PlaceAt(_machine, Batch);
        var taker = new Taker(queue);
        for (long job = 1; job <= 3; job++)
        {
            Assert.Equal(0, queue.Submit([Batch], null, [], taker, out _));
            Assert.Equal((job, job - 1), taker.Taken.Last());
        }

        Assert.True(queue.WaitIdle(Soon()));
        queue.Kill();
        Assert.Equal(-Errno.ECANCELED, queue.Submit([Batch], null, [], taker, out _));
        Assert.Equal(3, taker.Taken.Count);
    }

    [Fact]
    public void Jobs_run_in_order_and_a_parallel_job_runs_every_batch()
    {
        ExecQueue queue = CreateQueue(width: 3);
        for (uint slot = 0; slot < 3; slot++)
        {
            new BatchBuilder().AtomicIncrement(Data + (slot * 4)).End().PlaceAt(_machine, Batch + (slot * 0x1000));
        }

        Assert.Equal(-Errno.EINVAL, queue.Submit([Batch], null, out _));
        for (ulong job = 1; job <= 50; job++)
        {
            Assert.Equal(0, queue.Submit([Batch, Batch + 0x1000, Batch + 0x2000], new UserFenceWrite(Fence, job), out _));
        }

        Assert.True(queue.WaitIdle(Soon()));
        Assert.Equal(50UL, Read(Fence));
        Assert.Equal([50, 50, 50], new Span<uint>(_machine.Backing(Data), 3).ToArray().Select(value => (int)value));
        Assert.Equal(Enumerable.Range(1, 50).Select(job => ((long)job, 0)), _owner.Done);
    }

    [Fact]
    public void A_bad_batch_bans_the_queue_wakes_the_waiters_and_drops_what_follows()
    {
        ExecQueue queue = CreateQueue();
        PlaceSpinner();
        new BatchBuilder().Raw(0xffff_ffff).PlaceAt(_machine, Batch);
        Assert.Equal(0, queue.Submit([Spinner], new UserFenceWrite(Fence, 1), out _));
        Assert.Equal(0, queue.Submit([Batch], new UserFenceWrite(Fence, 2), out _));
        Assert.Equal(0, queue.Submit([Spinner], new UserFenceWrite(Fence, 3), out _));
        EndSpinner();
        WaitUntil(() => queue.IsBanned);
        Assert.True(queue.WaitIdle(Soon()));
        Assert.Equal(1UL, Read(Fence));
        Assert.Equal([(1L, 0), (2L, -Errno.EINVAL), (3L, -Errno.ECANCELED)], _owner.Done);
        Assert.Equal(new BatchError(-Errno.EINVAL, Batch, 0xffff_ffff, "unknown command"), Assert.Single(_owner.Errors));
        Assert.Equal(-Errno.ECANCELED, queue.Submit([Batch], null, out _));
        Assert.True(queue.WaitForSpace(0));
    }

    [Fact]
    public void A_fence_that_cannot_be_written_bans_the_queue()
    {
        ExecQueue queue = CreateQueue();
        new BatchBuilder().End().PlaceAt(_machine, Batch);
        Assert.Equal(0, queue.Submit([Batch], new UserFenceWrite(GpuMachine.UnmappedVa, 1), out _));
        WaitUntil(() => queue.IsBanned);
        Assert.True(queue.WaitIdle(Soon()));
        Assert.Equal(new BatchError(-Errno.EINVAL, GpuMachine.UnmappedVa, 0, "user fence"), Assert.Single(_owner.Errors));
    }

    [Fact]
    public void A_fence_may_fault_and_is_written_after_the_replay()
    {
        ExecQueue queue = CreateQueue();
        _machine.Faults.Service = (address, _) =>
        {
            _machine.Map(address, 4096, GpuMachine.Entry(GpuPteKind.Host, (ulong)_machine.Backing(Fence)));
            return 0;
        };
        new BatchBuilder().End().PlaceAt(_machine, Batch);
        Assert.Equal(0, queue.Submit([Batch], new UserFenceWrite(GpuMachine.UnmappedVa, 77), out _));
        WaitForFence(77);
        Assert.False(queue.IsBanned);
    }

    [Fact]
    public void A_thousand_jobs_may_be_outstanding_and_a_place_can_be_waited_for()
    {
        ExecQueue queue = CreateQueue();
        PlaceSpinner();
        new BatchBuilder().AtomicIncrement(Data).End().PlaceAt(_machine, Batch);
        Assert.Equal(0, queue.Submit([Spinner], null, out _));
        for (int job = 1; job < ExecQueue.MaxOutstandingJobs; job++)
        {
            Assert.Equal(0, queue.Submit([Batch], null, out _));
        }

        Assert.Equal(-Errno.EAGAIN, queue.Submit([Batch], null, out _));
        Assert.False(queue.WaitForSpace(0));
        EndSpinner();
        Assert.True(queue.WaitForSpace(Soon()));
        Assert.Equal(0, queue.Submit([Batch], null, out long sequence));
        Assert.Equal(1001, sequence);
        Assert.True(queue.WaitIdle(Soon()));
        Assert.Equal(1000U, *(uint*)_machine.Backing(Data));
        Assert.Equal(Enumerable.Range(1, 1001).Select(job => (long)job), _owner.Done.Select(done => done.Sequence));
    }

    [Fact]
    public void Kill_stops_an_endless_spinner_and_drops_the_jobs_behind_it()
    {
        ExecQueue queue = CreateQueue();
        new BatchBuilder().AtomicIncrement(Data).Jump(Spinner).PlaceAt(_machine, Spinner);
        Assert.Equal(0, queue.Submit([Spinner], new UserFenceWrite(Fence, 1), out _));
        Assert.Equal(0, queue.Submit([Spinner], null, out _));
        SpinWait.SpinUntil(() => Volatile.Read(ref *(uint*)_machine.Backing(Data)) > 100);
        long generation = _waiters.Generation;
        queue.Kill();
        Assert.NotEqual(generation, _waiters.Generation);
        Assert.True(queue.IsBanned);
        Assert.True(queue.IsIdle);
        Assert.Equal(0UL, Read(Fence));
        Assert.Equal([(1L, -Errno.ECANCELED), (2L, -Errno.ECANCELED)], _owner.Done);
        Assert.Empty(_owner.Errors);
        Assert.Equal(-Errno.ECANCELED, queue.Submit([Spinner], null, out _));
        uint count = *(uint*)_machine.Backing(Data);
        queue.Kill();
        Assert.Equal(count, *(uint*)_machine.Backing(Data));
    }

    [Fact]
    public void Kill_ends_a_fault_that_is_replayed_for_ever()
    {
        ExecQueue queue = CreateQueue();
        _machine.Faults.Service = (_, _) => 0;
        Assert.Equal(0, queue.Submit([GpuMachine.UnmappedVa], null, out _));
        WaitUntil(() => _machine.Faults.Seen.Count > 10, poll: true);
        queue.Kill();
        Assert.True(queue.IsIdle);
        Assert.Empty(_owner.Errors);
    }

    [Fact]
    public void Kill_from_the_queues_own_thread_does_not_wait_for_itself()
    {
        ExecQueue queue = CreateQueue();
        _machine.Faults.Service = (_, _) =>
        {
            queue.Kill();
            return 0;
        };
        Assert.Equal(0, queue.Submit([GpuMachine.UnmappedVa], null, out _));
        Assert.True(queue.WaitIdle(Soon()));
        queue.Kill();
    }

    [Fact]
    public void The_CPU_ends_a_spinner_by_changing_the_batch_itself()
    {
        ExecQueue queue = CreateQueue();
        new BatchBuilder().AtomicIncrement(Data).Noop().Jump(Spinner).PlaceAt(_machine, Spinner);
        Assert.Equal(0, queue.Submit([Spinner], new UserFenceWrite(Fence, 5), out _));
        SpinWait.SpinUntil(() => Volatile.Read(ref *(uint*)_machine.Backing(Data)) > 10);
        Volatile.Write(ref *(uint*)_machine.Backing(Spinner + 12), 0x05000000);
        WaitForFence(5);
    }

    [Fact]
    public void An_unused_queue_has_no_thread_and_can_be_killed()
    {
        int before = _machine.Gate.SlotCount;
        ExecQueue queue = CreateQueue();
        queue.Kill();
        Assert.Equal(before, _machine.Gate.SlotCount);
        Assert.Equal(-Errno.ECANCELED, queue.Submit([Batch], null, out _));
    }

    [Fact]
    public void Ten_thousand_queues_that_come_and_go_leave_no_thread_and_no_slot()
    {
        new BatchBuilder().AtomicIncrement(Data).End().PlaceAt(_machine, Batch);
        new BatchBuilder().Jump(Spinner).PlaceAt(_machine, Spinner);
        const string name = "xe cycle";
        for (int cycle = 0; cycle < 10_000; cycle++)
        {
            var queue = new ExecQueue(name, _machine.CreateEngine(), 1, _machine.Space, _waiters, null);
            Assert.Equal(0, queue.Submit([(cycle & 1) == 0 ? Batch : Spinner], null, out _));
            Assert.True(cycle != 1 || SpinWait.SpinUntil(() => ThreadsNamed(name) == 1, 120_000), "The thread has not the queue's name.");
            queue.Kill();
            Assert.True(queue.IsIdle);
        }

        Assert.Equal(0, _machine.Gate.SlotCount);

        // A thread that was joined may be listed for a moment longer.
        Assert.True(SpinWait.SpinUntil(() => ThreadsNamed(name) == 0, 120_000), "Threads are left.");
    }

    [Fact]
    public void Several_threads_may_submit_to_one_queue()
    {
        ExecQueue queue = CreateQueue();
        new BatchBuilder().AtomicIncrement(Data).End().PlaceAt(_machine, Batch);
        Parallel.For(0, 4, _ =>
        {
            for (int job = 0; job < 2000;)
            {
                int result = queue.Submit([Batch], null, out long _);
                if (result == 0)
                {
                    job++;
                }
                else
                {
                    Assert.Equal(-Errno.EAGAIN, result);
                    Assert.True(queue.WaitForSpace(Soon()));
                }
            }
        });
        Assert.True(queue.WaitIdle(Soon()));
        Assert.Equal(8000U, *(uint*)_machine.Backing(Data));
        Assert.Equal(8000, queue.Completed);
    }

    [Fact]
    public void Submitting_and_waiting_allocates_nothing()
    {
        ExecQueue queue = new("quiet", _machine.CreateEngine(), 1, _machine.Space, _waiters, null);
        _queues.Add(queue);
        new BatchBuilder().StoreDword(Data, 1).End().PlaceAt(_machine, Batch);
        ulong value = 0;
        Allocations.AssertNone(() =>
        {
            queue.Submit([Batch], new UserFenceWrite(Fence, ++value), out _);
            WaitForFence(value);
        });
    }

    /// <summary>How many threads of this process the kernel knows by a name.</summary>
    private static int ThreadsNamed(string name) => Directory.GetDirectories("/proc/self/task").Count(task =>
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm")).TrimEnd() == name;
        }
        catch (IOException)
        {
            return false;
        }
    });

    private static long Soon() => Stopwatch.GetTimestamp() + (Stopwatch.Frequency * 120);

    private ExecQueue CreateQueue(int width = 1)
    {
        var queue = new ExecQueue("test queue", _machine.CreateEngine(), width, _machine.Space, _waiters, _owner);
        _queues.Add(queue);
        return queue;
    }

    private void PlaceSpinner()
    {
        *(uint*)_machine.Backing(Data + 0x100) = 1;
        new BatchBuilder().EndUnless(Data + 0x100, 0, 0).Raw(0x02800000).Jump(Spinner).PlaceAt(_machine, Spinner);
    }

    private void EndSpinner() => Volatile.Write(ref *(uint*)_machine.Backing(Data + 0x100), 0);

    private ulong Read(ulong va) => Volatile.Read(ref *(ulong*)_machine.Backing(va));

    private void WaitForFence(ulong value)
    {
        long deadline = Soon();
        while (true)
        {
            long generation = _waiters.Generation;
            if (Read(Fence) == value)
            {
                return;
            }

            Assert.True(_waiters.Wait(generation, deadline), "The fence was not written in time.");
        }
    }

    private void WaitUntil(Func<bool> condition, bool poll = false)
    {
        long deadline = Soon();
        while (true)
        {
            long generation = _waiters.Generation;
            if (condition())
            {
                return;
            }

            Assert.True(_waiters.Wait(generation, poll ? Math.Min(deadline, Stopwatch.GetTimestamp()) : deadline) || (poll && Stopwatch.GetTimestamp() < deadline));
        }
    }

    private sealed class Owner : IExecQueueOwner
    {
        private readonly ConcurrentQueue<(long Sequence, int Result)> _done = new();
        private readonly ConcurrentQueue<BatchError> _errors = new();

        public IReadOnlyList<(long Sequence, int Result)> Done => [.. _done];

        public IReadOnlyList<BatchError> Errors => [.. _errors];

        public void OnJobDone(ExecQueue queue, long sequence, int result) => _done.Enqueue((sequence, result));

        public void OnBanned(ExecQueue queue, in BatchError error) => _errors.Enqueue(error);
    }

    private sealed class Taker(ExecQueue queue) : IJobFenceTaker
    {
        /// <summary>The sequence number of each fence, and that of the last job that the queue could run when it was taken.</summary>
        public List<(long Sequence, long Submitted)> Taken { get; } = [];

        public void Take(in DmaFence fence)
        {
            Assert.Same(queue.Timeline, fence.Timeline);
            Assert.False(fence.IsSignaled);
            Taken.Add((fence.Sequence, queue.Submitted));
        }
    }
}
