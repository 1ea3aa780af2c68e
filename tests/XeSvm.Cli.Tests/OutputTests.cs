using System.Diagnostics;

namespace XeSvm.Cli.Tests;

/// <summary>The process's own outputs, when they are closed, full, or read by nobody.</summary>
public sealed class OutputTests
{
    [Theory]
    [InlineData("1>&-")]
    [InlineData("> /dev/full")]
    public async Task Results_that_cannot_be_written_are_an_error_that_says_so(string redirection)
    {
        (int code, string output, string error) = await Shell(redirection, before: "", "man");

        Assert.Equal((1, ""), (code, output));
        Assert.Contains("xesvm: The results cannot be written to the output: ", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2>&-")]
    [InlineData("2> /dev/full")]
    public async Task What_is_told_about_a_run_may_be_lost_and_the_results_are_not(string redirection)
    {
        (int code, string output, _) = await Shell(redirection, before: "", "measure", "--backend", "software", "--size", "4K", "--strategy", "iova", "--migrations", "4");

        Assert.Equal(0, code);
        Assert.Contains("4K    iova", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mistake_is_told_by_the_exit_code_when_it_cannot_be_told_in_words() =>
        Assert.Equal(2, (await Shell("2>&-", before: "", "bogus")).Code);

    [Fact]
    public async Task A_reader_that_went_away_is_no_error()
    {
        (int code, _, string error) = await Shell("| true; exit ${PIPESTATUS[0]}", before: "", "man");

        Assert.Equal((0, ""), (code, error));
    }

    [Fact]
    public async Task A_file_that_is_replaced_keeps_its_content_when_the_new_one_does_not_fit_on_the_disk()
    {
        using TestFolder folder = new();
        string record = folder.PathOf("record.json");
        string page = folder.Write("page.html", "the old page");
        Assert.Equal(0, CliRun.Of("record", record, "--backend", "software", "--size", "4K", "--strategy", "iova", "--migrations", "2").ExitCode);

        // The largest file of the process has 1 KiB; the runtime's own file for compiled code is left out.
        (int code, _, string error) = await Shell("", before: "trap '' XFSZ; ulimit -f 1; export DOTNET_EnableWriteXorExecute=0; ", "report", record, "--html", page);

        Assert.Equal(1, code);
        Assert.Contains("page.html cannot be written: ", error, StringComparison.Ordinal);
        Assert.Equal("the old page", File.ReadAllText(page));
        Assert.Equal(["page.html", "record.json"], Directory.EnumerateFiles(folder.FullPath).Select(Path.GetFileName).Order());
        Assert.Equal(0, CliRun.Of("report", record, "--html", page).ExitCode);
        Assert.StartsWith("<!DOCTYPE html>", File.ReadAllText(page), StringComparison.Ordinal);
    }

    private static async Task<(int Code, string Output, string Error)> Shell(string redirection, string before, params string[] arguments)
    {
        ProcessStartInfo start = new("bash") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["-c", $"{before}dotnet \"$@\" {redirection}", "bash", typeof(XesvmProgram).Assembly.Location, .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output, await error);
    }
}
