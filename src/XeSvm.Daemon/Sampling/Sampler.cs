using XeSvm.Daemon.Devices;
using XeSvm.Daemon.History;
using XeSvm.Daemon.Logs;
using XeSvm.Daemon.Settings;
using XeSvm.Daemon.State;
using XeSvm.Hosting.Statistics;
using XeSvm.Interop;
using XeSvm.Statistics;

namespace XeSvm.Daemon.Sampling;

/// <summary>Takes one round of samples: of every GT of every device.</summary>
internal sealed class Sampler(
    DeviceManager devices, HistoryStore history, DaemonState state, SettingsHolder settings, FaultLog faults, TimeProvider time)
{
    private long _samples;

    /// <summary>Takes a round.</summary>
    internal void Sample()
    {
        devices.Update(settings.Current);
        List<DeviceState> states = [];
        List<GtSample> samples = [];
        foreach (WatchedDevice device in devices.Devices)
        {
            try
            {
                states.Add(Sample(device, samples));
            }
            catch (XeException exception) when (exception.Errno is Errno.ENODEV or Errno.ECANCELED)
            {
                devices.Lose(device, exception.Message);
            }
            catch (Exception exception) when (exception is XeException or InvalidDataException)
            {
                faults.Report($"sample {device.Id}", exception.Message);
            }
        }

        DateTimeOffset now = time.GetUtcNow();
        history.Append(samples);
        history.Maintain(now, settings.Current);
        state.Publish(new StateSnapshot(now, ++_samples, devices.Backend, devices.Reason, states));
    }

    private DeviceState Sample(WatchedDevice device, List<GtSample> samples)
    {
        // The query is what notices a lost device: debug files stay readable.
        IReadOnlyList<XeMemoryRegion> memory = device.Device.QueryMemoryRegions();
        List<XeGtReading> readings = [];
        List<GtState> gts = [];
        foreach (XeGt gt in device.Device.Gts)
        {
            GtState gtState = Sample(device, gt.Id, readings);
            gts.Add(gtState);
            if (gtState.Last is { } sample)
            {
                samples.Add(sample);
            }
        }

        faults.Clear($"sample {device.Id}");
        return new DeviceState(device.Facts.With(readings, memory), device.Device.Node.Path, gts);
    }

    private GtState Sample(WatchedDevice device, int gt, List<XeGtReading> readings)
    {
        string subject = $"statistics {device.Id} gt{gt}";
        GtStatistics? statistics;
        try
        {
            if (!device.Device.TryReadGtStatistics(gt, out statistics, out string? reason))
            {
                faults.Report(subject, reason);
                device.Last.Remove(gt);
                return new GtState(gt, reason, null, null);
            }
        }
        catch (CounterTextException exception)
        {
            faults.Report(subject, exception.Message);
            device.Last.Remove(gt);
            return new GtState(gt, exception.Message, null, null);
        }

        faults.Clear(subject);
        SvmCounters counters = SvmCounters.From(statistics);
        readings.Add(new XeGtReading(gt, counters));
        long now = time.GetTimestamp();
        bool hasLast = device.Last.TryGetValue(gt, out (SvmCounters Counters, long Timestamp) last);
        device.Last[gt] = (counters, now);

        // After a reset of the statistics the next difference is the first one again.
        if (!hasLast || counters.Since(last.Counters) is not { } moved)
        {
            return new GtState(gt, null, null, null);
        }

        GtSample sample = GtSample.Of(
            device.Id, device.Facts.Backend, gt, time.GetUtcNow(), time.GetElapsedTime(last.Timestamp, now).TotalSeconds, moved);
        if (!device.Windows.TryGetValue(gt, out FigureWindow? window))
        {
            device.Windows[gt] = window = new FigureWindow();
        }

        window.Add(sample);
        return new GtState(gt, null, sample, window.Sum());
    }
}
