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
        (int code, string output, string error) = await Shell($"{redirection}", "man");

        Assert.Equal((1, ""), (code, output));
        Assert.Contains("xesvm: The results cannot be written to the output: ", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2>&-")]
    [InlineData("2> /dev/full")]
    public async Task What_is_told_about_a_run_may_be_lost_and_the_results_are_not(string redirection)
    {
        (int code, string output, _) = await Shell(redirection, "measure", "--backend", "software", "--size", "4K", "--strategy", "iova", "--migrations", "4");

        Assert.Equal(0, code);
        Assert.Contains("4K    iova", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mistake_is_told_by_the_exit_code_when_it_cannot_be_told_in_words() =>
        Assert.Equal(2, (await Shell("2>&-", "bogus")).Code);

    [Fact]
    public async Task A_reader_that_went_away_is_no_error()
    {
        (int code, _, string error) = await Shell("| true; exit ${PIPESTATUS[0]}", "man");

        Assert.Equal((0, ""), (code, error));
    }

    private static async Task<(int Code, string Output, string Error)> Shell(string redirection, params string[] arguments)
    {
        ProcessStartInfo start = new("bash") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["-c", $"dotnet \"$@\" {redirection}", "bash", typeof(XesvmProgram).Assembly.Location, .. arguments])
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
