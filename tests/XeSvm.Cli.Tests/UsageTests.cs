namespace XeSvm.Cli.Tests;

public sealed class UsageTests
{
    [Theory]
    [InlineData]
    [InlineData("--help")]
    [InlineData("measure", "--help")]
    [InlineData("measure", "--size", "wrong", "--help")]
    public void Help_goes_to_the_output_and_is_a_success(params string[] args)
    {
        CliRun run = CliRun.Of(args);

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("Usage:", run.Output, StringComparison.Ordinal);
        Assert.Empty(run.Error);
    }

    [Fact]
    public void Help_names_the_program_the_commands_and_the_exit_codes()
    {
        CliRun run = CliRun.Of();

        Assert.Contains("xesvm [command]", run.Output, StringComparison.Ordinal);
        Assert.All(["info", "measure", "stats", "calibrate"], command => Assert.Contains(command, run.Output, StringComparison.Ordinal));
        Assert.All(["1    something failed", "2    usage", "3    no device", "4    an input file"], code =>
            Assert.Contains(code, run.Output, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("'bogus'", "bogus")]
    [InlineData("'--bogus'", "measure", "--bogus")]
    [InlineData("'3M' is not valid for --size; valid: 2M, 64K, 4K", "measure", "--size", "3M")]
    [InlineData("'' is not valid for --size", "measure", "--size", "2M,")]
    [InlineData("'fast' is not valid for --strategy; valid: per-page, iova, iova-runs", "measure", "--strategy", "iova,fast")]
    [InlineData("'wet' is not valid for --walker; valid: coherent, non-coherent", "measure", "--walker", "coherent,wet")]
    [InlineData("'2' is not valid for --levels; valid: a whole number from 3 to 5", "measure", "--levels", "2")]
    [InlineData("--explain explains modelled time: it needs --profile", "measure", "--explain")]
    [InlineData("--json - and --csv - cannot both have the output", "measure", "--json", "-", "--csv", "-")]
    [InlineData("'x.out' cannot hold two outputs", "measure", "--json", "x.out", "--html", "./x.out")]
    [InlineData("'x.json' cannot hold two outputs", "record", "x", "--html", "x.json")]
    [InlineData("'--matrices'", "measure", "--matrices")]
    [InlineData("--rows", "calibrate", "--profile", "xe-2026-01")]
    [InlineData("--profile", "calibrate", "--rows", "2M")]
    [InlineData("'-1' is not valid for --fixed; valid: a number of 0 or more", "calibrate", "--profile", "flat", "--rows", "2M", "--fixed=-1")]
    [InlineData("'NaN' is not valid for --fixed", "calibrate", "--profile", "flat", "--rows", "2M", "--fixed", "NaN")]
    [InlineData("'loose' is not valid for --iommu; valid: strict, lazy, passthrough, off", "measure", "--iommu", "loose")]
    [InlineData("'0' is not valid for --migrations", "measure", "--migrations", "0")]
    [InlineData("'-5' is not valid for --migrations", "measure", "--migrations", "-5")]
    [InlineData("'99999999999' is not valid for --migrations", "measure", "--migrations", "99999999999")]
    [InlineData("'gpu' is not valid for --backend; valid: auto, kernel, software", "info", "--backend", "gpu")]
    [InlineData("--backend", "info", "--backend")]
    [InlineData("--backend", "info", "--backend", "auto", "--backend", "kernel")]
    [InlineData("--before", "stats", "--after", "x")]
    [InlineData("--after", "stats", "--before", "x")]
    public void A_mistake_in_the_arguments_is_named_with_the_usage_on_the_error_output(string expected, params string[] args)
    {
        CliRun run = CliRun.Of(args);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
        Assert.Contains("Usage:", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Fact]
    public void The_usage_is_that_of_the_command_with_the_mistake()
    {
        Assert.Contains("Usage: xesvm measure [options]; 'xesvm measure --help'", CliRun.Of("measure", "--bogus").Error, StringComparison.Ordinal);
        Assert.Contains("Usage: xesvm stats [options]", CliRun.Of("stats").Error, StringComparison.Ordinal);
        Assert.Contains("Usage: xesvm compare [options] RECORDS...;", CliRun.Of("compare").Error, StringComparison.Ordinal);
        Assert.Contains("Usage: xesvm run [options] -- PROGRAM ARGUMENTS;", CliRun.Of("run").Error, StringComparison.Ordinal);
        Assert.Contains("Usage: xesvm COMMAND [options]", CliRun.Of("bogus").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_command_is_named_once_with_those_that_exist_and_everything_fits_on_a_small_terminal()
    {
        CliRun run = CliRun.Of("bogus");

        Assert.StartsWith("xesvm: 'bogus' is not a command; valid: info, measure, record,", run.Error, StringComparison.Ordinal);
        Assert.Equal(2, run.Error.TrimEnd().Split('\n').Length);
        Assert.Equal(2, CliRun.Of("measure", "--size", "3M").Error.TrimEnd().Split('\n').Length);
    }

    [Theory]
    [InlineData("--layout", "tidy", "'tidy' is no page layout; valid are scattered")]
    [InlineData("--layout", "runs:0", "'runs:0' is no page layout")]
    public void A_layout_that_the_backend_does_not_know_is_a_usage_error(string option, string value, string expected)
    {
        CliRun run = CliRun.Of("measure", "--backend", "software", "--migrations", "1", option, value);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Theory]
    [InlineData("XESVM_BACKEND", "gpu", "XESVM_BACKEND is 'gpu'; valid are auto, kernel and software.")]
    [InlineData("XESVM_VRAM_BYTES", "much", "XESVM_VRAM_BYTES is 'much'")]
    [InlineData("XESVM_VRAM_BYTES", "1", "VRAM of 1 bytes is not possible; a multiple of 2097152 from 2097152 to 68719476736 is.")]
    [InlineData("XESVM_CPU_FAULTS", "nope", "'nope' is no way to notice CPU faults; auto,")]
    public void An_environment_variable_that_is_not_valid_is_a_usage_error(string variable, string value, string expected)
    {
        string? before = Environment.GetEnvironmentVariable(variable);
        Environment.SetEnvironmentVariable(variable, value);
        try
        {
            CliRun run = CliRun.Of("info");

            Assert.Equal(2, run.ExitCode);
            Assert.Contains(expected, run.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("Parameter", run.Error, StringComparison.Ordinal);
            Assert.Empty(run.Output);
        }
        finally
        {
            Environment.SetEnvironmentVariable(variable, before);
        }
    }

    [SkippableFact]
    public void The_kernel_backend_without_a_device_says_what_was_searched_and_what_to_do()
    {
        Skip.If(HasKernelDevice(), "this machine has a device that can mirror CPU addresses");

        CliRun run = CliRun.Of("measure", "--backend", "kernel");

        Assert.Equal(3, run.ExitCode);
        Assert.Contains("/dev/dri", run.Error, StringComparison.Ordinal);
        Assert.Contains("--backend software", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    private static bool HasKernelDevice()
    {
        using BackendSelection selection = XeBackends.Select(BackendChoice.Auto);
        return selection.Backend.Name == "kernel";
    }
}
