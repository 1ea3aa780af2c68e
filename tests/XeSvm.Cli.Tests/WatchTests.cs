using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using XeSvm.Cli.Watching;
using XeSvm.Statistics;

namespace XeSvm.Cli.Tests;

public sealed class WatchTests
{
    [Theory]
    [InlineData(80)]
    [InlineData(200)]
    public void A_frame_is_whole_at_any_width(int width)
    {
        string[] lines = Render(Frame(others: 20), width);

        Assert.All(lines, line => Assert.InRange(line.Length, 0, width));
        string text = string.Join('\n', lines);
        Assert.DoesNotContain('\u2026', text);
        Assert.All(["size", "faults/s", "migr/s", "cpu us", "copy us", "share", "migrations"], heading =>
            Assert.Contains(lines, line => line.Contains(heading, StringComparison.Ordinal)));
        Assert.Contains(lines, line => Cells(line).Take(7).SequenceEqual(["2M", "50", "40", "552.36", "215.41", "71.9 %", "123456789"]));
        Assert.Contains(lines, line => Cells(line).Take(7).SequenceEqual(["4K", "0", "0", "-", "-", "-", "0"]));
        Assert.Contains("GT 0", text, StringComparison.Ordinal);
        Assert.Contains("GT 1: debugfs went away", text, StringComparison.Ordinal);
        Assert.Contains("and 8 more", text, StringComparison.Ordinal);
        Assert.Contains("flux_0_with_a_long_name (not known)", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_there_is_room_the_other_counters_stand_beside_the_table()
    {
        Assert.True(Render(Frame(others: 5), 200).Length < Render(Frame(others: 5), 80).Length);
    }

    [Fact]
    public void Statistics_that_were_reset_cost_one_frame_and_copies_without_faults_give_no_time()
    {
        WatchFrame reset = WatchFrame.Between(Sample(0, "svm_2M_pagefault_count: 5\n"), Sample(1, "svm_2M_pagefault_count: 1\n"));
        WatchFrame copies = WatchFrame.Between(
            Sample(0, "svm_2M_pagefault_count: 0\nsvm_2M_migrate_count: 0\nsvm_2M_migrate_us: 0\nsvm_2M_device_copy_us: 0\n"),
            Sample(1, "svm_2M_pagefault_count: 1\nsvm_2M_migrate_count: 1\nsvm_2M_migrate_us: 10\nsvm_2M_device_copy_us: 50\n"));

        Assert.Contains("ran backwards", Assert.Single(reset.Gts).Problem, StringComparison.Ordinal);
        WatchedSize size = Assert.Single(Assert.Single(copies.Gts).Sizes);
        Assert.Equal((1UL, null, null), (size.Migrations, size.CpuUs, size.CopyUs));
    }

    [Fact]
    public void Readings_of_the_software_backend_under_load_show_migrations()
    {
        CliRun run = CliRun.Of("watch", "--backend", "software", "--load", "--interval", "0.5", "--iterations", "4");

        Assert.Equal(0, run.ExitCode);
        Assert.Equal(4, run.Output.Split('\n').Count(line => line.Contains("migrations/s", StringComparison.Ordinal)));
        Assert.Contains(run.Output.Split('\n').Select(Words), words =>
            words is ["0", "2M" or "64K" or "4K", _, _, _, _, _, _, { } total] && int.Parse(total, CultureInfo.InvariantCulture) > 0);
        Assert.DoesNotContain('\u001b', run.Output);
    }

    [Fact]
    public void As_json_each_reading_is_one_line_with_exact_counts_even_on_a_terminal()
    {
        CliRun run = CliRun.Of(
            isTerminal: true, 80, useColor: true, CancellationToken.None,
            "watch", "--backend", "software", "--load", "--json", "--interval", "0.3", "--iterations", "3");

        Assert.Equal(0, run.ExitCode);
        string[] lines = run.Output.TrimEnd().Split('\n');
        Assert.Equal(3, lines.Length);
        ulong migrations = 0;
        foreach (string line in lines)
        {
            using JsonDocument document = JsonDocument.Parse(line);
            Assert.Equal("xesvm.watch/1", document.RootElement.GetProperty("schema").GetString());
            Assert.Equal("software", document.RootElement.GetProperty("backend").GetString());
            Assert.True(document.RootElement.GetProperty("intervalSeconds").GetDouble() >= 0.2);
            foreach (JsonElement size in document.RootElement.GetProperty("gts")[0].GetProperty("sizes").EnumerateArray())
            {
                migrations += size.GetProperty("migrations").GetUInt64();
                Assert.Equal(size.GetProperty("migrations").GetUInt64() == 0, size.GetProperty("cpuUs").ValueKind == JsonValueKind.Null);
            }
        }

        Assert.True(migrations > 0, run.Output);
    }

    [Theory]
    [InlineData(80)]
    [InlineData(200)]
    public void On_a_terminal_the_view_is_drawn_in_place_and_the_cursor_comes_back(int width)
    {
        CliRun run = CliRun.Of(
            isTerminal: true, width, useColor: false, CancellationToken.None,
            "watch", "--backend", "software", "--interval", "0.1", "--iterations", "2");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("\u001b[?25l", run.Output, StringComparison.Ordinal);
        Assert.True(run.Output.LastIndexOf("\u001b[?25h", StringComparison.Ordinal) > run.Output.LastIndexOf("\u001b[?25l", StringComparison.Ordinal));
        Assert.Contains("--load", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--interval", "0")]
    [InlineData("--interval", "nan")]
    [InlineData("--interval", "1e9")]
    [InlineData("--iterations", "0")]
    public void Values_that_are_not_valid_are_usage_errors(string option, string value) =>
        Assert.Equal(2, CliRun.Of("watch", "--backend", "software", option, value).ExitCode);

    [Fact]
    public async Task Control_C_ends_it_as_its_usual_end()
    {
        // A shell that starts the tests in the background lets them ignore SIGINT, and so would the tool.
        string[] arguments = ["--default-signal=INT", "dotnet", typeof(XesvmProgram).Assembly.Location, "watch", "--backend", "software", "--load", "--interval", "0.1"];
        ProcessStartInfo start = new("env", arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        for (string? line = ""; line?.Contains("migrations/s", StringComparison.Ordinal) != true;)
        {
            line = await process.StandardOutput.ReadLineAsync();
            Assert.NotNull(line);
        }

        using Process kill = Process.Start("kill", ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)]);
        await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal((0, ""), (process.ExitCode, await error));
    }

    [Fact]
    public void The_doctor_tells_every_check_and_gives_the_same_as_json()
    {
        CliRun text = CliRun.Of("doctor");
        CliRun json = CliRun.Of("doctor", "--json");

        Assert.Equal((0, 0), (text.ExitCode, json.ExitCode));
        using JsonDocument document = JsonDocument.Parse(json.Output);
        Assert.Equal("xesvm.doctor/1", document.RootElement.GetProperty("schema").GetString());
        string[] checks = [.. document.RootElement.GetProperty("findings").EnumerateArray().Select(finding => finding.GetProperty("check").GetString()!)];
        Assert.All(["kernel version", "GT statistics", "IOMMU", "userfaultfd", "limits"], check => Assert.Contains(check, checks));
        Assert.All(checks, check => Assert.Contains($"{check}: ", text.Output, StringComparison.Ordinal));
        Assert.Matches(@"\d+ good, \d+ warnings, 0 problems", text.Output);
    }

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static string[] Cells(string line) => line.Split('│', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static WatchFrame Frame(int others)
    {
        const string Zero = "svm_2M_pagefault_count: 0\nsvm_2M_migrate_count: 123456389\nsvm_2M_migrate_us: 0\nsvm_2M_device_copy_us: 0\n" +
            "svm_4K_pagefault_count: 0\nsvm_4K_migrate_count: 0\nsvm_4K_migrate_us: 0\nsvm_4K_device_copy_us: 0\n";
        const string Later = "svm_2M_pagefault_count: 500\nsvm_2M_migrate_count: 123456789\nsvm_2M_migrate_us: 307107\nsvm_2M_device_copy_us: 86163\n" +
            "svm_4K_pagefault_count: 0\nsvm_4K_migrate_count: 0\nsvm_4K_migrate_us: 0\nsvm_4K_device_copy_us: 0\n";
        return WatchFrame.Between(
            Sample(0, Zero + string.Concat(Enumerable.Range(0, others).Select(index => $"flux_{index}_with_a_long_name: 0\n"))),
            Sample(10, Later + string.Concat(Enumerable.Range(0, others).Select(index => $"flux_{index}_with_a_long_name: 18000000000\n")), "debugfs went away"));
    }

    private static WatchSample Sample(int seconds, string text, string? problemOfSecond = null) => WatchSample.Of(
        seconds * Stopwatch.Frequency,
        new Dictionary<int, GtStatistics> { [0] = GtStatistics.Parse(text, "gt0/stats") },
        problemOfSecond is null ? new Dictionary<int, string>() : new Dictionary<int, string> { [1] = problemOfSecond });

    private static string[] Render(WatchFrame frame, int width)
    {
        using StringWriter writer = new();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Out = new AnsiConsoleOutput(writer) });
        console.Profile.Width = width;
        console.Write(WatchView.Draw(frame, "kernel backend, /dev/dri/renderD128", width));
        return writer.ToString().TrimEnd().Split('\n');
    }
}
