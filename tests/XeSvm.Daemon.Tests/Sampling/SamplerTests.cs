using XeSvm.Daemon.History;
using XeSvm.Daemon.Probes;
using XeSvm.Daemon.Sampling;
using XeSvm.Daemon.State;
using XeSvm.Daemon.Tests.Support;
using XeSvm.Interop;
using XeSvm.Simulation;
using XeSvm.Statistics;

namespace XeSvm.Daemon.Tests.Sampling;

public sealed class SamplerTests
{
    [Fact]
    public void Migrations_between_two_samples_are_the_figures_of_the_later_one_and_go_into_the_history()
    {
        using Watch watch = new();
        watch.Second();
        ProbeResult probe = new ProbeRunner(watch.Time).Run(watch.Devices.Devices[0], SvmSizeClass.Size64K, watch.Settings.Current, CancellationToken.None);
        GtState gt = watch.Second().Devices.Single().Gts[0];

        // Each batch of a probe has a round ahead that is not counted.
        Assert.Equal(2 * probe.Migrations, gt.Last!.Sizes[1].Migrations);
        Assert.Equal(1, gt.Last.Seconds, 6);
        Assert.Equal(gt.Last.Sizes[1].CpuMicroseconds, gt.Window!.Sizes[1].CpuMicroseconds);
        Assert.Equal(2 * probe.Migrations * 64, gt.Last.ToDeviceKilobytes);
        Assert.Equal(0, watch.Second().Devices.Single().Gts[0].Last!.ToDeviceKilobytes);
        Assert.Equal(2 * probe.Migrations, watch.History.Query(connection => HistoryQueries.Scalar(connection, "SELECT sum(n64) FROM sample"), -1));
    }

    [Fact]
    public void Every_gt_of_every_device_is_sampled()
    {
        using Watch watch = new(null, "--software.device=dual-bmg");
        StateSnapshot snapshot = watch.Second(2);

        Assert.Equal(["0000:03:00.0", "0000:04:00.0"], snapshot.Devices.Select(device => device.Reading.HardwareId));
        Assert.All(snapshot.Devices, device => Assert.All(device.Gts, gt => Assert.NotNull(gt.Last)));
        Assert.Equal(snapshot.Devices.Sum(device => device.Gts.Count), watch.History.Query(connection => HistoryQueries.Scalar(connection, "SELECT count(*) FROM series"), -1));
        Assert.Equal(2, watch.State.Read().Count);
    }

    [Fact]
    public void Without_a_device_the_daemon_stays_up_says_why_once_and_takes_the_device_when_it_appears()
    {
        bool present = false;
        using Watch watch = new((choice, options) => present
            ? XeBackends.Select(choice, options)
            : throw new XeDeviceNotFoundException("/dev/dri does not exist", "Load the driver."));
        StateSnapshot without = watch.Second(20);
        Assert.Equal("none", without.Backend);
        Assert.Contains("/dev/dri does not exist", without.Reason, StringComparison.Ordinal);
        Assert.Single(watch.FaultLines.All);
        Assert.Equal(20, without.Samples);

        present = true;
        StateSnapshot with = watch.Second(6);

        Assert.Equal("software", with.Backend);
        Assert.Single(with.Devices);
        Assert.Empty(watch.Faults.Ongoing);
        Assert.Contains(watch.FaultLines.All, line => line.Contains("backend: works again", StringComparison.Ordinal));
    }

    [Fact]
    public void A_lost_device_is_let_go_and_comes_back()
    {
        List<SoftwareBackend> backends = [];
        using Watch watch = new((_, options) =>
        {
            SoftwareBackend backend = new(options);
            backends.Add(backend);
            return new BackendSelection(backend, backend.Enumerate()[0], BackendChoice.Software, "the test chose it");
        });
        Assert.Single(watch.Second(2).Devices);

        backends[0].DeclareWedged();
        StateSnapshot lost = watch.Second();
        Assert.Empty(lost.Devices);
        Assert.Contains("is lost", watch.Second().Reason, StringComparison.Ordinal);
        Assert.Contains(watch.DeviceLines.All, line => line.StartsWith("Error: 0000:03:00.0 is lost", StringComparison.Ordinal));

        StateSnapshot back = watch.Second(6);
        Assert.Single(back.Devices);
        Assert.Equal(2, backends.Count);
        Assert.NotNull(watch.Second().Devices[0].Gts[0].Last);
    }

    [Fact]
    public void Software_settings_that_change_make_a_new_machine()
    {
        using TestFolder folder = new();
        string file = folder.Write("c.json", """{ "software": { "strategy": "iova" } }""");
        using Watch watch = new(null, "--config", file);
        Assert.Equal("iova", watch.Second().Devices.Single().Reading.Strategy);

        folder.Write("c.json", """{ "software": { "strategy": "per-page" } }""");
        watch.Settings.Reload();

        Assert.Equal("per-page", watch.Second().Devices.Single().Reading.Strategy);
    }

    [Fact]
    public void Statistics_that_cannot_be_read_are_a_fault_of_that_gt_and_the_device_stays()
    {
        using SoftwareBackend inner = new(new SoftwareBackendOptions { CpuFaults = "coherent" });
        using Watch watch = new((_, _) => new BackendSelection(new MuteBackend(inner), inner.Enumerate()[0], BackendChoice.Kernel, "the test chose it"));

        StateSnapshot snapshot = watch.Second(10);

        GtState gt = snapshot.Devices.Single().Gts[0];
        Assert.Equal("root only", gt.Unavailable);
        Assert.Null(gt.Last);
        Assert.Single(watch.FaultLines.All, line => line.Contains("gt0: root only", StringComparison.Ordinal));
        Assert.Empty(watch.State.Read().Single().Gts);
    }

    [Theory]
    [InlineData(-365)]
    [InlineData(365)]
    public void The_window_stays_the_last_minute_when_the_clock_is_set(int days)
    {
        FigureWindow window = new();
        for (int second = 0; second < 400; second++)
        {
            DateTimeOffset time = DateTimeOffset.UnixEpoch.AddYears(50).AddSeconds(second).AddDays(second < 200 ? 0 : days);
            window.Add(new GtSample("a", "software", 0, time, 1, [default, default, new SizeFigures(1, 10, 4, 1)], 2, 0));
            Assert.Equal(Math.Min(second + 1, 60), window.Sum().Seconds);
        }
    }

    [Fact]
    public void The_window_is_the_last_minute()
    {
        FigureWindow window = new();
        for (int second = 0; second < 200; second++)
        {
            window.Add(new GtSample("a", "software", 0, DateTimeOffset.UnixEpoch.AddSeconds(second), 1, [default, default, new SizeFigures(1, 10, 4, 1)], 2, 0));
        }

        WindowFigures sum = window.Sum();
        Assert.Equal(60, sum.Seconds);
        Assert.Equal(60, sum.Sizes[2].Migrations);
        Assert.Equal(6, sum.Sizes[2].CpuMicroseconds);
        Assert.Equal(0.6, sum.Sizes[2].Share!.Value, 9);
        Assert.Null(sum.Sizes[0].CpuMicroseconds);
    }

    /// <summary>A backend whose debug files may not be read, as those of the kernel without privileges.</summary>
    private sealed class MuteBackend(DrmBackend inner) : DrmBackend
    {
        public override string Name => "kernel";

        public override IReadOnlyList<DrmNode> Enumerate() => inner.Enumerate();

        public override int Open(DrmNode node, out DrmFile? file)
        {
            int result = inner.Open(node, out DrmFile? opened);
            file = opened is null ? null : new MuteFile(opened);
            return result;
        }
    }

    private sealed unsafe class MuteFile(DrmFile inner) : DrmFile
    {
        public override int Ioctl(uint request, void* argument) => inner.Ioctl(request, argument);

        public override int Map(ulong offset, nuint length, DrmMapProtection protection, out nint address) => inner.Map(offset, length, protection, out address);

        public override int Unmap(nint address, nuint length) => inner.Unmap(address, length);

        public override DrmDebugText ReadDebugFile(string name) => DrmDebugText.Unavailable("root only");

        protected override void Dispose(bool disposing) => inner.Dispose();
    }
}
