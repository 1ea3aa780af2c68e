using System.Globalization;

using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Svm.Torture;

/// <summary>
/// Everything at once: CPU threads that read, write, drop, unmap and replace memory, forks, GPU queues that store, copy and add to it,
/// prefetches, advice, eviction, and injected faults. Every byte is checked against a model. <c>XESVM_TORTURE_SECONDS</c> is the length.
/// </summary>
[Collection(TortureCollection.Name)]
public class TortureTests(ITestOutputHelper output)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    private static TimeSpan Length =>
        TimeSpan.FromSeconds(double.Parse(Environment.GetEnvironmentVariable("XESVM_TORTURE_SECONDS") ?? "15", CultureInfo.InvariantCulture));

    [Theory]
    [InlineData("auto")]
    [InlineData("coherent")]
    public void No_byte_is_lost_and_nothing_grows(string cpuFaults)
    {
        using TortureSession session = Open(cpuFaults, out _);
        session.Torture(Length, migrations: 0, sample => output.WriteLine(sample.ToString()));
        Report(session);
        Assert.Empty(session.Findings());
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("coherent")]
    public void A_device_that_is_lost_in_the_middle_takes_no_byte_along(string cpuFaults)
    {
        using TortureSession session = Open(cpuFaults, out int seed);
        TortureRun run = session.Run;
        List<Thread> threads = run.Start();
        Assert.True(SpinWait.SpinUntil(() => run.GpuJobs > 500 || run.Failures.Count != 0, s_patience), "Nothing happens.");
        run.ExpectLoss();
        session.Gpu.Device.Options.Faults.Add(new FaultRule(FaultPoint.DeviceLost) { At = new Random(seed).Next(1, 200) });

        // The GPU's actors end by themselves, the CPU's go on for ever.
        session.Join(threads.Skip(TortureRun.CpuThreads));
        run.Stop();
        session.Join(threads);
        run.CheckAll();
        Report(session);
        Assert.Empty(run.Failures);
    }

    private TortureSession Open(string cpuFaults, out int seed)
    {
        seed = Environment.TickCount & 0xfffffff;
        output.WriteLine($"seed {seed}");
        return new TortureSession(cpuFaults, seed);
    }

    private void Report(TortureSession session)
    {
        foreach (string line in session.Summary())
        {
            output.WriteLine(line);
        }
    }
}
