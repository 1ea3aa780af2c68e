using Xunit;
using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Rules;

/// <summary>That the table of rules in the repository is the one that the tests' traits make.</summary>
public class RuleTableTests(ITestOutputHelper output)
{
    private static readonly string s_folder = Path.Combine(FindRoot(), "tests", "XeSvm.Simulation.Tests", "Rules");

    [Fact]
    public void The_table_in_the_repository_is_what_the_tests_say()
    {
        string path = Path.Combine(s_folder, "RULES.md");
        string wanted = RuleTable.Write(Sections(), RuleTable.Collect(typeof(RuleTableTests).Assembly));
        if (Environment.GetEnvironmentVariable("XESVM_UPDATE_RULES") == "1")
        {
            File.WriteAllText(path, wanted);
        }

        Assert.True(wanted == File.ReadAllText(path), "RULES.md is out of date: run this test with XESVM_UPDATE_RULES=1.");
    }

    [Fact]
    public void Every_trait_names_a_rule_that_is_listed()
    {
        IReadOnlyList<RuleSection> sections = Sections();
        Assert.All(RuleTable.Collect(typeof(RuleTableTests).Assembly), test =>
        {
            RuleSection? section = RuleTable.SectionOf(test.Rule, sections);
            Assert.True(
                section is not null && (section.Items.Count == 0 || section.Items.ContainsKey(test.Rule)),
                $"{test.Class}.{test.Method}: rule {test.Rule} is not listed in sections.json");
        });
    }

    [Fact]
    public void Every_rule_has_a_test_or_says_why_not_and_never_both()
    {
        ILookup<string, RuleOfTest> tests = RuleTable.Collect(typeof(RuleTableTests).Assembly).ToLookup(test => test.Rule);
        var wrong = new List<string>();
        foreach (RuleSection section in Sections())
        {
            Assert.All(section.NotCovered.Keys, rule => Assert.Contains(rule, section.Items.Keys));
            wrong.AddRange(section.Items.Keys.Where(rule => tests[rule].Any() == section.NotCovered.ContainsKey(rule)));
            output.WriteLine($"{section.Prefix}: {section.Items.Count} rules, {section.NotCovered.Count} not covered");
        }

        Assert.True(wrong.Count == 0, $"These have neither a test nor a reason, or both: {string.Join(", ", wrong)}");
    }

    [Theory]
    [InlineData("1", "1")]
    [InlineData("1.6", "1")]
    [InlineData("12.3", "12")]
    [InlineData("7.1.C3", "7")]
    [InlineData("99", null)]
    public void A_rule_belongs_to_the_section_that_its_number_begins_with(string rule, string? prefix) =>
        Assert.Equal(prefix, RuleTable.SectionOf(rule, Sections())?.Prefix);

    private static IReadOnlyList<RuleSection> Sections() => RuleTable.ReadSections(Path.Combine(s_folder, "sections.json"));

    private static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "XeSvm.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new DirectoryNotFoundException("No XeSvm.sln above the tests.");
    }
}
