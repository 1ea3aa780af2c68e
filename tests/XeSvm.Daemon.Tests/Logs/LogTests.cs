using Serilog;
using XeSvm.Daemon.Logs;
using XeSvm.Daemon.Tests.Support;

namespace XeSvm.Daemon.Tests.Logs;

public sealed class LogTests
{
    [Fact]
    public void A_fault_is_logged_once_then_counted_and_its_end_is_logged()
    {
        LogLines<FaultLog> lines = new();
        FaultLog faults = new(lines);

        for (int repeat = 0; repeat < 100; repeat++)
        {
            faults.Report("statistics a gt0", "no debugfs");
        }

        Assert.Equal(["Warning: statistics a gt0: no debugfs"], lines.All);
        Assert.Equal(100, faults.Ongoing.Single().Count);
        Assert.Equal(new KeyValuePair<string, long>("statistics", 100), faults.Counts.Single());

        faults.Report("statistics a gt0", "another reason");
        faults.Clear("statistics a gt0");
        faults.Clear("statistics a gt0");

        Assert.Equal(3, lines.All.Count);
        Assert.StartsWith("Information: statistics a gt0: works again", lines.All[2], StringComparison.Ordinal);
        Assert.Empty(faults.Ongoing);
    }

    [Theory]
    [InlineData("journal", "<4>disk full: line one line two\n")]
    [InlineData("text", " warning disk full: line one line two\n")]
    [InlineData("json", "\"level\":\"warning\",\"message\":\"disk full: line one line two\"}\n")]
    public void Each_event_is_one_line_whatever_it_holds(string format, string expected)
    {
        StringWriter output = new();
        using (Serilog.Core.Logger logger = new LoggerConfiguration().WriteTo.Sink(new LogSink(new LogFormatter(format), output)).CreateLogger())
        {
            logger.Warning("disk {State}: {Detail}", "full", "line one\nline two");
        }

        Assert.EndsWith(expected, output.ToString(), StringComparison.Ordinal);
        Assert.Single(output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void Priorities_are_those_of_the_journal()
    {
        StringWriter output = new();
        using (Serilog.Core.Logger logger = new LoggerConfiguration().MinimumLevel.Verbose().WriteTo.Sink(new LogSink(new LogFormatter("journal"), output)).CreateLogger())
        {
            logger.Verbose("v");
            logger.Debug("d");
            logger.Information("i");
            logger.Warning("w");
            logger.Error("e");
            logger.Fatal("f");
        }

        Assert.Equal("<7>v\n<7>d\n<6>i\n<4>w\n<3>e\n<2>f\n", output.ToString());
    }
}
