using System.Collections.Concurrent;
using System.Globalization;

using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Svm.Torture;

/// <summary>The actors of a torture: CPU threads, GPU queues, and one thread that moves memory about. They stop at the first wrong byte.</summary>
internal sealed class TortureRun(GpuClient gpu, TortureMemory memory, int seed)
{
    public const int CpuThreads = 4;
    public const int GpuQueues = 3;

    // Lines of a page: one of each CPU thread, three of each queue.
    private const int FirstGpuLine = 8;
    private const int LinesPerQueue = 4;
    private const int CopyLine = 1;
    private const int AtomicLine = 2;
    private const int FirstUnusedLine = FirstGpuLine + (GpuQueues * LinesPerQueue);

    private readonly ConcurrentQueue<string> _failures = new();
    private readonly ConcurrentDictionary<(int Page, int Line), uint> _undecided = new();
    private volatile bool _stop;
    private volatile bool _isLost;
    private long _cpuWrites;
    private long _gpuJobs;
    private long _refusedAtomics;
    private long _drops;
    private long _forks;
    private long _moves;

    /// <summary>What went wrong; nothing when all is well.</summary>
    public IReadOnlyCollection<string> Failures => _failures;

    public string Summary => string.Create(
        CultureInfo.InvariantCulture,
        $"{_cpuWrites} CPU writes, {_gpuJobs} GPU jobs, {_refusedAtomics} atomics refused, {_drops} drops, {_moves} moves and advices, {_forks} forks");

    public long GpuJobs => Interlocked.Read(ref _gpuJobs);

    private bool IsOver => _stop || !_failures.IsEmpty;

    public List<Thread> Start()
    {
        var threads = new List<Thread>();
        for (int i = 0; i < CpuThreads; i++)
        {
            int index = i;
            threads.Add(new Thread(() => Guard(() => RunCpu(index, new Random(seed + index)))) { Name = $"torture CPU {i}" });
        }

        for (int i = 0; i < GpuQueues; i++)
        {
            int index = i;
            threads.Add(new Thread(() => Guard(() => RunGpu(index, new Random(seed + 100 + index)))) { Name = $"torture GPU {i}" });
        }

        threads.Add(new Thread(() => Guard(() => RunMover(new Random(seed + 200)))) { Name = "torture mover" });
        threads.Add(new Thread(() => Guard(() => RunForker(new Random(seed + 300)))) { Name = "torture forker" });
        threads.ForEach(thread => thread.Start());
        return threads;
    }

    /// <summary>From here on calls may fail with what a lost device answers, and an actor that gets that ends.</summary>
    public void ExpectLoss() => _isLost = true;

    public void Stop() => _stop = true;

    /// <summary>Every byte that anybody could have written.</summary>
    public void CheckAll()
    {
        for (int page = 0; page < memory.Pages && _failures.Count < 10; page++)
        {
            for (int line = 0; line < CpuThreads; line++)
            {
                Note(memory.CheckWhole(page, line));
            }

            for (int line = CpuThreads; line < TortureMemory.Lines; line++)
            {
                Note(memory.CheckWord(page, line, _undecided.TryGetValue((page, line), out uint other) ? other : memory.ValueOf(page, line)));
            }
        }
    }

    private void RunCpu(int line, Random random)
    {
        uint value = 1;
        while (!IsOver)
        {
            int block = random.Next(memory.Blocks);
            if (random.Next(400) == 0)
            {
                memory.Drop(block, random);
                Interlocked.Increment(ref _drops);
                continue;
            }

            memory.EnterShared(block);
            try
            {
                int page = (block * TortureMemory.BlockPages) + random.Next(TortureMemory.BlockPages);
                for (int i = random.Next(1, 16); i > 0; i--)
                {
                    page = (block * TortureMemory.BlockPages) + ((page + 1) % TortureMemory.BlockPages);
                    Note(memory.CheckWhole(page, line) ?? memory.CheckZero(page, FirstUnusedLine + line, 0));
                    memory.Write(page, line, value++);
                    Interlocked.Increment(ref _cpuWrites);
                }
            }
            finally
            {
                memory.ExitShared(block);
            }

            // The GPU shall have a turn with the pages.
            Thread.SpinWait(random.Next(20_000));
        }
    }

    private void RunGpu(int index, Random random)
    {
        const ulong ControlBytes = 64 << 10;
        ulong control = DrmClient.Map(ControlBytes);
        uint queue = gpu.CreateQueue(gpu.Vm);
        int line = FirstGpuLine + (index * LinesPerQueue);
        uint value = 1;
        while (!IsOver)
        {
            int from = random.Next(memory.Blocks);
            int to = random.Next(memory.Blocks);
            (int low, int high) = (Math.Min(from, to), Math.Max(from, to));
            memory.EnterShared(low);
            if (low != high)
            {
                memory.EnterShared(high);
            }

            try
            {
                int source = (from * TortureMemory.BlockPages) + random.Next(TortureMemory.BlockPages);
                int target = (to * TortureMemory.BlockPages) + random.Next(TortureMemory.BlockPages);
                int dice = random.Next(10);
                if (dice == 0)
                {
                    Note(Check(target, line) ?? Check(target, line + CopyLine) ?? Check(target, line + AtomicLine));
                    continue;
                }

                (int changed, uint expected, uint[] commands) = dice switch
                {
                    < 5 => (line, value++, Commands.Store(memory.AddressOf(target, line), value - 1)),
                    < 8 => (line + CopyLine, memory.ValueOf(source, line),
                        Commands.Copy(memory.AddressOf(target, line + CopyLine), memory.AddressOf(source, line), TortureMemory.Line)),
                    _ => (line + AtomicLine, memory.ValueOf(target, line + AtomicLine) + 1, Commands.Increment(memory.AddressOf(target, line + AtomicLine))),
                };
                if (!TryRun(ref queue, control, commands, target, changed, expected, isAtomic: dice >= 8))
                {
                    break;
                }
            }
            finally
            {
                if (low != high)
                {
                    memory.ExitShared(high);
                }

                memory.ExitShared(low);
            }
        }

        DrmClient.Unmap(control, ControlBytes);
    }

    /// <summary>Runs one job and takes its effect into the model; false when the actor has to end.</summary>
    private bool TryRun(ref uint queue, ulong control, uint[] commands, int page, int line, uint expected, bool isAtomic)
    {
        int result = gpu.Run(queue, control, commands);
        Interlocked.Increment(ref _gpuJobs);
        if (result == 0)
        {
            memory.ValueOf(page, line) = expected;
            return true;
        }

        if (_isLost)
        {
            // The engine runs on until it is stopped: the job may have its effect, or not.
            _undecided.TryAdd((page, line), expected);
            return Expect(result is -Errno.ECANCELED or -Errno.EIO, $"a job on a lost device: {result}") && false;
        }

        // An atomic needs its page in VRAM, and is refused when that cannot be had: the queue is banned.
        Interlocked.Increment(ref _refusedAtomics);
        return Expect(isAtomic && result == -Errno.EIO, $"a job of {commands[0]:x}: {result}, {gpu.Device.LastBan}")
            && gpu.DestroyQueue(queue) == 0
            && gpu.TryCreateQueue(gpu.Vm, (ushort)DrmXe.DRM_XE_ENGINE_CLASS_COPY, out queue) == 0;
    }

    private string? Check(int page, int line) => memory.CheckWord(page, line, memory.ValueOf(page, line));

    private void RunMover(Random random)
    {
        while (!IsOver)
        {
            int block = random.Next(memory.Blocks);
            ulong start = memory.Address + ((ulong)block * TortureMemory.Block);
            ulong part = start + ((ulong)random.Next(31) << 16);
            int result = random.Next(8) switch
            {
                0 => gpu.Prefetch(start, TortureMemory.Block, region: 0),
                1 or 2 or 3 => gpu.Prefetch(start, TortureMemory.Block, region: 1),
                4 => gpu.Prefetch(part, 2 << 16, region: 1),
                5 => gpu.Advise(random.Next(2) == 0 ? start : part, 1 << 16, random.Next(2) - 1),
                6 => gpu.AdviseAtomic(gpu.Vm, start, TortureMemory.Block, random.Next(2) == 0 ? 0u : 2u),
                _ => TakeVram(random),
            };
            Interlocked.Increment(ref _moves);
            if (_isLost && result is (-Errno.ECANCELED or -Errno.ENODEV))
            {
                return;
            }

            // A prefetch reports what keeps its pages from being mapped: here, injected failures of the DMA API.
            bool isExpected = result is 0 or -Errno.EIO or -Errno.ENOMEM;
            Expect(isExpected, isExpected ? "" : $"a prefetch, advice or buffer object: {Errno.Describe(result)}; mappings:\n{memory.DescribeMappings()}");
        }
    }

    /// <summary>Forks now and then: everything comes home for it, and what is shared with the child cannot leave again before it ends.</summary>
    private void RunForker(Random random)
    {
        using var never = new ManualResetEventSlim();
        while (!IsOver && !_isLost)
        {
            string? wrong = memory.Fork(random.Next(memory.Blocks));

            // Of a lost device nobody knows which jobs had their effect.
            Note(_isLost ? null : wrong);
            Interlocked.Increment(ref _forks);
            never.Wait(random.Next(50, 300));
        }
    }

    /// <summary>A buffer object comes and goes: SVM allocations make room for it.</summary>
    private int TakeVram(Random random)
    {
        int result = gpu.TryCreateBo((ulong)random.Next(1, 4) * TortureMemory.Block, DrmClient.VramMemory, out uint handle);
        return result == -Errno.ENOMEM ? 0 : result < 0 ? result : gpu.CloseBo(handle);
    }

    private void Guard(Action action)
    {
        try
        {
            action();
        }
        catch (Xunit.Sdk.XunitException e)
        {
            Note(e.Message);
        }
    }

    private bool Expect(bool condition, string message)
    {
        Note(condition ? null : message);
        return condition;
    }

    /// <summary>Remembers what is wrong; null is nothing.</summary>
    public void Note(string? failure)
    {
        if (failure is not null)
        {
            _failures.Enqueue(failure);
        }
    }
}
