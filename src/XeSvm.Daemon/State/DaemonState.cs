using XeSvm.Daemon.Sampling;
using XeSvm.Hosting.Statistics;

namespace XeSvm.Daemon.State;

/// <summary>What was sampled last, for everybody who asks. Written by the sampler, read by all.</summary>
internal sealed class DaemonState(TimeProvider time) : IXeStatisticsSource
{
    private StateSnapshot _snapshot = new(null, 0, "none", "no device was looked for yet", []);
    private readonly TaskCompletionSource _firstSample = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _sampledAt;

    /// <summary>Done when the first sample was taken.</summary>
    internal Task FirstSample => _firstSample.Task;

    internal StateSnapshot Snapshot => Volatile.Read(ref _snapshot);

    /// <summary>How long ago the last sample was taken; <see langword="null"/> before the first.</summary>
    internal TimeSpan? SampleAge => Snapshot.Samples == 0 ? null : time.GetElapsedTime(Volatile.Read(ref _sampledAt));

    /// <inheritdoc/>
    public IReadOnlyList<XeDeviceReading> Read() => [.. Snapshot.Devices.Select(device => device.Reading)];

    internal void Publish(StateSnapshot snapshot)
    {
        Volatile.Write(ref _sampledAt, time.GetTimestamp());
        Volatile.Write(ref _snapshot, snapshot);
        _firstSample.TrySetResult();
    }
}

/// <summary>The state after one round of samples.</summary>
/// <param name="SampledAt">When.</param>
/// <param name="Samples">Rounds since the start.</param>
/// <param name="Backend">The backend, or <c>none</c>.</param>
/// <param name="Reason">Why this one.</param>
/// <param name="Devices">The devices.</param>
internal sealed record StateSnapshot(DateTimeOffset? SampledAt, long Samples, string Backend, string Reason, IReadOnlyList<DeviceState> Devices);

/// <summary>A device in the state.</summary>
/// <param name="Reading">What was read.</param>
/// <param name="Node">The node's path.</param>
/// <param name="Gts">The GTs.</param>
internal sealed record DeviceState(XeDeviceReading Reading, string Node, IReadOnlyList<GtState> Gts);

/// <summary>A GT in the state.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Unavailable">Why it has no statistics, or <see langword="null"/>.</param>
/// <param name="Last">The last sample.</param>
/// <param name="Window">The last minute.</param>
internal sealed record GtState(int Id, string? Unavailable, GtSample? Last, WindowFigures? Window);
