using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace XeSvm.Cli.Tests.Readme;

/// <summary>That what the README shows is true: its code is compiled and run, its commands exist and run.</summary>
public partial class ReadmeTests
{
    private static readonly string s_root = FindRoot();

    private static string Readme { get; } = File.ReadAllText(Path.Combine(s_root, "README.md"));

    [Fact]
    public void The_code_blocks_are_the_tested_example_and_the_tested_sample()
    {
        string service = string.Join('\n', File.ReadLines(Path.Combine(s_root, "samples", "HostedApp", "Program.cs")).SkipWhile(line => line.StartsWith("//", StringComparison.Ordinal)));
        Assert.Equal([ExampleText().TrimEnd(), service.TrimEnd()], Blocks("csharp").Select(block => block.TrimEnd()));
    }

    [Fact]
    public void Every_program_and_file_of_the_project_that_is_shown_exists()
    {
        Assert.NotEmpty(ProgramName().Matches(Readme));
        Assert.All(ProgramName().Matches(Readme), match => Assert.True(
            Directory.Exists(Path.Combine(s_root, "src", match.Groups[1].Value)) || Directory.Exists(Path.Combine(s_root, "tests", match.Groups[1].Value)),
            match.Value));
        Assert.NotEmpty(LinkedFile().Matches(Readme));
        Assert.All(LinkedFile().Matches(Readme), match => Assert.True(File.Exists(Path.Combine(s_root, match.Groups[1].Value)), match.Value));
    }

    [Fact]
    public void Every_member_that_stands_for_one_of_another_system_exists()
    {
        string table = Readme[Readme.IndexOf("Coming from CUDA", StringComparison.Ordinal)..Readme.IndexOf("`SvmManager` (`XeSvm.Management`)", StringComparison.Ordinal)];
        Match[] members = MemberName().Matches(table).ToArray();

        Assert.True(members.Length > 15, $"{members.Length} members");
        Assert.All(members, member => Assert.Contains(
            typeof(XeDevice).Assembly.GetExportedTypes(),
            type => type.Name.Split('`')[0] == member.Groups[1].Value && type.GetMember(member.Groups[2].Value).Length > 0));
    }

    [Fact]
    public void The_example_runs_and_moves_memory()
    {
        (uint value, ulong? migrations) = ReadmeExample.Run();
        Assert.Equal(42u, value);
        Assert.InRange(migrations ?? 0, 1ul, 2ul);
    }

    [Fact]
    public void Every_verb_of_build_sh_that_is_shown_exists()
    {
        string script = File.ReadAllText(Path.Combine(s_root, "build.sh"));
        Assert.NotEmpty(Commands());
        Assert.All(Commands(), command =>
        {
            string[] words = command.Split(' ');
            Assert.Equal("./build.sh", words[0]);
            Assert.Matches($@"(?m)^  {Regex.Escape(words[1])}\)", script);
        });
    }

    [Theory]
    [MemberData(nameof(XesvmArguments))]
    public void Every_xesvm_command_that_is_shown_runs(string arguments)
    {
        var output = new StringWriter(CultureInfo.InvariantCulture);
        var error = new StringWriter(CultureInfo.InvariantCulture);
        int exitCode = XesvmProgram.Run(arguments.Split(' '), new CliConsole(output, error, false, false, false, 200), CancellationToken.None);
        Assert.True(exitCode == 0, $"exit code {exitCode}: {error}");
        Assert.NotEqual("", output.ToString());
    }

    [Fact]
    public void Every_dependency_is_named_with_a_reason()
    {
        string versions = File.ReadAllText(Path.Combine(s_root, "Directory.Packages.props"));
        Assert.All(PackageName().Matches(versions), match => Assert.Contains(match.Groups[1].Value, Readme, StringComparison.Ordinal));
    }

    public static TheoryData<string> XesvmArguments()
    {
        const string Prefix = "./build.sh run ";
        return [.. Commands().Where(command => command.StartsWith(Prefix, StringComparison.Ordinal)).Select(command => command[Prefix.Length..])];
    }

    private static List<string> Commands() =>
        [.. Blocks("console").SelectMany(block => block.Split('\n')).Where(line => line.StartsWith("$ ", StringComparison.Ordinal)).Select(line => line[2..].Trim())];

    private static IEnumerable<string> Blocks(string language)
    {
        foreach (Match match in Regex.Matches(Readme, $"(?ms)^```{language}\n(.*?)^```"))
        {
            yield return match.Groups[1].Value;
        }
    }

    /// <summary>What stands between the marks of the example's source, without its indentation.</summary>
    private static string ExampleText()
    {
        var lines = new List<string>();
        bool inside = false;
        foreach (string line in File.ReadLines(Path.Combine(s_root, "tests", "XeSvm.Cli.Tests", "Readme", "ReadmeExample.cs")))
        {
            string text = line.Trim();
            if (text is "// begin README" or "// end README")
            {
                inside = text.StartsWith("// begin", StringComparison.Ordinal);
            }
            else if (inside)
            {
                lines.Add(text);
            }
        }

        return string.Join('\n', lines);
    }

    private static string FindRoot([CallerFilePath] string path = "")
    {
        string? folder = Path.GetDirectoryName(path);
        while (folder is not null && !File.Exists(Path.Combine(folder, "XeSvm.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new DirectoryNotFoundException($"No folder above {path} has XeSvm.sln.");
    }

    [GeneratedRegex("<(?:PackageVersion|GlobalPackageReference) Include=\"([^\"]+)\"")]
    private static partial Regex PackageName();

    [GeneratedRegex(@"`([A-Z]\w+)\.(\w+)`")]
    private static partial Regex MemberName();

    [GeneratedRegex("artifacts/bin/([^/]+)/release/")]
    private static partial Regex ProgramName();

    [GeneratedRegex(@"\]\(((?:src|tests|samples|native)/[^)#]+)\)")]
    private static partial Regex LinkedFile();
}
