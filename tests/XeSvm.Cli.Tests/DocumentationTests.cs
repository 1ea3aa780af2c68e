using System.CommandLine;
using System.Diagnostics;
using XeSvm.Cli.CommandLine;
using XeSvm.Cli.Documentation;

namespace XeSvm.Cli.Tests;

/// <summary>Completion scripts and the manual page: all of the tree of commands is in them, and shells and man understand them.</summary>
public sealed class DocumentationTests
{
    public static TheoryData<string> Shells => [.. ShellCompletion.Shells.Keys];

    [Theory]
    [MemberData(nameof(Shells))]
    public void Every_command_and_option_is_in_the_completion_script(string shell)
    {
        CliRun run = CliRun.Of("completion", shell);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        foreach (CommandNode node in CommandNode.All(Tree()))
        {
            Assert.All(node.Path, name => Assert.Contains(name, run.Output, StringComparison.Ordinal));
            Assert.All(node.Options, option => Assert.Contains(
                shell == "fish" ? $"-l {option.Names[0][2..]}" : option.Names[0], run.Output, StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("xesvm me", "measure")]
    [InlineData("xesvm measure --str", "--strategy")]
    [InlineData("xesvm measure --backend so", "software")]
    [InlineData("xesvm info --backend ", "auto kernel software")]
    [InlineData("xesvm measure --size 64K --b", "--backend")]
    [InlineData("xesvm stats --be", "--before")]
    public async Task Bash_completes(string line, string expected)
    {
        string script = CliRun.Of("completion", "bash").Output;
        string words = string.Join(' ', line.Split(' ').Select(word => $"'{word}'"));

        (int code, string output) = await Execute(
            "bash", ["-c", $"{script}\nCOMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _xesvm; echo \"${{COMPREPLY[*]}}\""]);

        Assert.Equal((0, expected), (code, output.Trim()));
    }

    [SkippableTheory]
    [InlineData("zsh")]
    [InlineData("fish")]
    public async Task Other_shells_understand_their_scripts(string shell)
    {
        Skip.IfNot(IsThere(shell), $"{shell} is not installed");
        string script = CliRun.Of("completion", shell).Output;

        (int code, string output) = await Execute(shell, ["-n", "-c", script]);

        Assert.Equal((0, ""), (code, output));
    }

    [SkippableTheory]
    [InlineData("xesvm mea", "measure")]
    [InlineData("xesvm measure --str", "--strategy")]
    [InlineData("xesvm info --backend so", "software")]
    public async Task Fish_completes(string line, string expected)
    {
        Skip.IfNot(IsThere("fish"), "fish is not installed");
        using TestFolder folder = new();
        string file = folder.Write("xesvm.fish", CliRun.Of("completion", "fish").Output);

        (int code, string output) = await Execute("fish", ["--no-config", "-c", $"source {file}; complete -C '{line}'"]);

        Assert.Equal(0, code);
        Assert.Equal(expected, Assert.Single(output.Split('\n', StringSplitOptions.RemoveEmptyEntries)).Split('\t')[0]);
    }

    [Fact]
    public void Every_command_and_option_is_in_the_manual_page()
    {
        CliRun run = CliRun.Of("man");

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.StartsWith(".TH XESVM 1", run.Output, StringComparison.Ordinal);
        foreach (CommandNode node in CommandNode.All(Tree()))
        {
            if (node.Path.Count > 0)
            {
                Assert.Contains($".SS {node.PathText}\n", run.Output, StringComparison.Ordinal);
            }

            Assert.All(node.Options, option => Assert.Contains(
                $"\\fB{option.Names[0].Replace("-", "\\-", StringComparison.Ordinal)}", run.Output, StringComparison.Ordinal));
        }

        Assert.All(
            run.Output.Split('\n').Where(line => line.StartsWith('.')),
            line => Assert.Contains(line.Split(' ')[0], (string[])[".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".I", ".br"]));
    }

    [SkippableFact]
    public async Task Groff_renders_the_manual_page_without_a_warning()
    {
        Skip.IfNot(IsThere("groff"), "groff is not installed");
        using TestFolder folder = new();
        string file = folder.PathOf("xesvm.1");
        await File.WriteAllTextAsync(file, CliRun.Of("man").Output);

        (int code, string output) = await Execute("groff", ["-man", "-Tascii", "-ww", "-P-cbou", file]);

        Assert.Equal(0, code);
        Assert.DoesNotContain("warning", output, StringComparison.Ordinal);
        Assert.Contains("xesvm measure", output, StringComparison.Ordinal);
        Assert.Contains("EXIT STATUS", output, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_shell_is_refused_with_those_that_are_valid()
    {
        CliRun run = CliRun.Of("completion", "tcsh");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("'tcsh' is not a shell that can be completed; valid: bash, zsh, fish.", run.Error, StringComparison.Ordinal);
    }

    private static Command Tree() => XesvmCommandLine.Create(
        new CliConsole(TextWriter.Null, TextWriter.Null, false, false, false, 80), CancellationToken.None);

    private static bool IsThere(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, program)));

    private static async Task<(int Code, string Output)> Execute(string program, string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await error);
    }
}
