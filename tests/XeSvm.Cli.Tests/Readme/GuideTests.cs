using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace XeSvm.Cli.Tests.Readme;

/// <summary>That the guide's commands do what it says, in its order, in one folder.</summary>
public sealed class GuideTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly string _before = Directory.GetCurrentDirectory();

    public GuideTests() => Directory.SetCurrentDirectory(_folder.FullPath);

    [Fact]
    public void Every_command_of_the_guide_runs_in_its_order()
    {
        string[] commands = Commands();
        Assert.True(commands.Length > 15, $"{commands.Length} commands were found");
        foreach (string command in commands)
        {
            StringWriter output = new(CultureInfo.InvariantCulture);
            StringWriter error = new(CultureInfo.InvariantCulture);

            int code = XesvmProgram.Run(command.Split(' ')[1..], new CliConsole(output, error, false, false, false, 120), CancellationToken.None);

            Assert.True(code == 0, $"{command}: exit code {code}: {error}");
            Assert.NotEqual("", output.ToString());
        }

        Assert.All(["before.json", "after.json", "again.json", "run.html", "both.html", "compared.html"], name =>
            Assert.True(new FileInfo(_folder.PathOf(name)).Length > 1000, name));
    }

    [Fact]
    public void Every_command_of_the_program_is_in_the_guide_or_the_readme()
    {
        string text = Guide() + File.ReadAllText(Path.Combine(Root(), "README.md"));
        string help = CliRun.Of("--help").Output;
        string[] commands = [.. Regex.Matches(help[help.IndexOf("Commands:", StringComparison.Ordinal)..], @"(?m)^  ([a-z]+) ").Select(match => match.Groups[1].Value)];

        Assert.True(commands.Length >= 10, $"{commands.Length} commands were found");
        Assert.All(commands, command => Assert.Matches($@"(xesvm|\./build\.sh run) {command}\b", text));
    }

    public void Dispose()
    {
        Directory.SetCurrentDirectory(_before);
        _folder.Dispose();
    }

    private static string[] Commands() =>
    [
        .. Regex.Matches(Guide(), "(?ms)^```console\n(.*?)^```").SelectMany(block => block.Groups[1].Value.Split('\n'))
            .Where(line => line.StartsWith("$ xesvm ", StringComparison.Ordinal)).Select(line => line[2..].Trim()),
    ];

    private static string Guide() => File.ReadAllText(Path.Combine(Root(), "src", "XeSvm.Cli", "docs", "measure-your-own-machine.md"));

    private static string Root([CallerFilePath] string path = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "..", "..", ".."));
}
