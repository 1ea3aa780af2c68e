using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using XeSvm.Benchmarks.Reporting;

namespace XeSvm.Benchmarks.Fences;

/// <summary>User fences and syncobjs, by ioctls alone.</summary>
[Config(typeof(Configuration))]
[TableDescription(
    "Round trips of fences on the software backend, ioctl by ioctl, without the library: EXEC of a batch in a buffer object that stores 4 bytes, and the wait "
    + "for its user fence or for its syncobj; SIGNAL, WAIT and RESET of a syncobj in one thread; a ball between two threads, one point of a timeline each way. "
    + "No access goes through the IOMMU and no page is mapped for DMA.")]
public class FenceBenchmarks
{
    private const int AllocationRepetitions = 100;

    private FenceClient? _client;
    private Thread? _partner;
    private uint _binary;
    private uint _ping;
    private uint _pong;
    private ulong _value;
    private ulong _point;
    private volatile bool _stop;

    /// <summary>Opens the device and starts the partner of the ball.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _client = new FenceClient();
        _binary = _client.CreateSyncobj();
        _ping = _client.CreateSyncobj();
        _pong = _client.CreateSyncobj();
        _partner = new Thread(Return) { IsBackground = true };
        _partner.Start();
        WarmUp.Run(() =>
        {
            ExecAndUserFence();
            ExecAndSyncobj();
            SignalWaitReset();
            TimelineBetweenThreads();
        });
    }

    /// <summary>Counts what is allocated, checks that the batch has run, and ends.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        Record(nameof(ExecAndUserFence), ExecAndUserFence);
        Record(nameof(ExecAndSyncobj), ExecAndSyncobj);
        Record(nameof(SignalWaitReset), SignalWaitReset);
        Record(nameof(TimelineBetweenThreads), TimelineBetweenThreads);
        _stop = true;
        _client!.SignalPoint(_ping, ++_point);
        _partner!.Join();
        uint stored = _client.Stored;
        _client.Dispose();
        if (stored != 2)
        {
            throw new InvalidOperationException($"The batch has stored {stored}: the figures are void.");
        }
    }

    /// <summary>One batch and its user fence.</summary>
    [Benchmark]
    public void ExecAndUserFence() => _client!.ExecWithUserFence(++_value);

    /// <summary>One batch and the syncobj that has its fence.</summary>
    [Benchmark]
    public void ExecAndSyncobj() => _client!.ExecWithSyncobj(_binary);

    /// <summary>A syncobj signalled, waited for and reset.</summary>
    [Benchmark]
    public void SignalWaitReset() => _client!.SignalWaitReset(_binary);

    /// <summary>To another thread and back.</summary>
    [Benchmark]
    public void TimelineBetweenThreads()
    {
        _point++;
        _client!.SignalPoint(_ping, _point);
        _client.WaitForPoint(_pong, _point);
    }

    private static void Record(string method, Action operation) =>
        AllocationProbe.Record(typeof(FenceBenchmarks), method, [], operation, AllocationRepetitions);

    private void Return()
    {
        for (ulong point = 1; !_stop; point++)
        {
            _client!.WaitForPoint(_ping, point);
            _client.SignalPoint(_pong, point);
        }
    }

    private sealed class Configuration : ManualConfig
    {
        public Configuration() => AddColumn(AllocationProbe.Column);
    }
}
