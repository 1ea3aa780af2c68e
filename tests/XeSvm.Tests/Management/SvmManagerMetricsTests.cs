using System.Diagnostics.Metrics;
using XeSvm.Management;
using XeSvm.Tests.Software;

namespace XeSvm.Tests.Management;

/// <summary>What a manager shows as metrics.</summary>
[Collection(nameof(SoftwareCollection))]
public sealed class SvmManagerMetricsTests
{
    private const ulong Mega = 1 << 20;

    [Fact]
    public void Metrics_tell_what_was_moved_with_all_their_tags()
    {
        using Factory factory = new();
        using ManagedMachine machine = new(new SvmManagerOptions { BlockBytes = 2 << 20, MeterFactory = factory, VramLimit = 4 * Mega });
        Dictionary<string, List<(double Value, string Tags)>> seen = [];
        using MeterListener listener = new()
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (ReferenceEquals(instrument.Meter, factory.Made))
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        listener.Start();
        using SvmBuffer<uint> buffer = machine.Manager.Allocate<uint>((nuint)(2 * Mega));
        buffer.Span.Fill(1);

        machine.Manager.Prefetch(buffer.Range, MemoryLocation.Device());
        Assert.True(machine.TryStore(buffer.GpuAddressOf((nuint)(2 * Mega) - 1), 2).IsSuccess);
        listener.RecordObservableInstruments();

        Assert.Equal("XeSvm.Manager", factory.Made!.Name);
        Assert.Equal((double)(4 * Mega), Single("xesvm.prefetch.left_out", ""));
        Assert.Equal(1, Single("xesvm.bind.operations", "xesvm.operation=prefetch,error.type=none"));
        Assert.InRange(Single("xesvm.bind.duration", "xesvm.operation=prefetch"), 1e-9, 60);
        Assert.Equal((double)(4 * Mega), Single("xesvm.range.size", "xesvm.location=device"));
        Assert.Equal(2, Single("xesvm.range.count", "xesvm.location=default"));
        Assert.Equal((double)(6 * Mega), Single("xesvm.migration.io", "xesvm.gt=0,xesvm.direction=to_device,xesvm.page_size=2m"));
        Assert.Equal(6 * Mega / 4096.0, Single("xesvm.migration.pages", "xesvm.gt=0,xesvm.direction=to_device,xesvm.page_size=2m"));
        Assert.Equal(0, Single("xesvm.migration.io", "xesvm.gt=0,xesvm.direction=to_system,xesvm.page_size=other"));
        Assert.Equal(1, Single("xesvm.fault.count", "xesvm.gt=0,xesvm.page_size=2m,xesvm.outcome=served"));
        Assert.Equal(64.0 * Mega, Single("hw.gpu.memory.limit", "hw.name=8086:e20b,hw.vendor=Intel,xesvm.region=1"));
        Assert.InRange(Single("hw.gpu.memory.usage", "hw.name=8086:e20b,hw.vendor=Intel,xesvm.region=1"), 6.0 * Mega, 64.0 * Mega);
        Assert.Equal(1, Assert.Single(seen["xesvm.info"]).Value);
        Assert.Contains("xesvm.backend=software", seen["xesvm.info"][0].Tags, StringComparison.Ordinal);
        Assert.All(seen.Values.SelectMany(all => all), measurement => Assert.StartsWith("hw.id=", measurement.Tags, StringComparison.Ordinal));

        machine.Backend.DeclareWedged();
        Assert.False(machine.Manager.TryPrefetch(buffer.Range, MemoryLocation.System, out _).IsSuccess);
        Assert.Equal(1, Single("xesvm.ioctl.errors", "xesvm.operation=vm_bind,error.type=ECANCELED"));

        void Note<T>(Instrument instrument, T value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
            where T : struct, IConvertible
        {
            string text = string.Join(',', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}"));
            if (!seen.TryGetValue(instrument.Name, out List<(double, string)>? list))
            {
                seen[instrument.Name] = list = [];
            }

            list.Add((value.ToDouble(null), text));
        }

        double Single(string name, string tags) => Assert.Single(
            seen[name], measurement => measurement.Tags.EndsWith(tags, StringComparison.Ordinal)).Value;
    }

    private sealed class Factory : IMeterFactory
    {
        internal Meter? Made { get; private set; }

        public Meter Create(MeterOptions options) => Made = new Meter(options);

        public void Dispose() => Made?.Dispose();
    }
}
