using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using Xunit;

namespace XeSvm.Simulation.Tests.Rules;

/// <summary>The table rule -> test of this project, made from the tests' traits: <c>[Trait("Rule", "7.1.C")]</c> names a rule of section 7.</summary>
internal static class RuleTable
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web);

    public static IReadOnlyList<RuleSection> ReadSections(string path) =>
        JsonSerializer.Deserialize<RuleSection[]>(File.ReadAllText(path), s_options)
        ?? throw new InvalidDataException($"{path}: not a list of sections.");

    /// <summary>Every pair of a rule and a test that names it, methods and classes alike.</summary>
    public static IReadOnlyList<RuleOfTest> Collect(Assembly assembly)
    {
        List<RuleOfTest> found = [];
        foreach (Type type in assembly.GetTypes().Where(type => !type.IsAbstract))
        {
            string[] ofClass = [.. RulesOf(type)];
            foreach (MethodInfo method in type.GetMethods().Where(method => method.GetCustomAttributes<FactAttribute>().Any()))
            {
                foreach (string rule in ofClass.Concat(RulesOf(method)).Distinct(StringComparer.Ordinal))
                {
                    found.Add(new RuleOfTest(rule, type.Name, method.Name));
                }
            }
        }

        return found;
    }

    /// <summary>The section that a rule belongs to: the longest prefix that ends where a part of the rule's number ends.</summary>
    public static RuleSection? SectionOf(string rule, IReadOnlyList<RuleSection> sections) =>
        sections.Where(section => rule == section.Prefix || rule.StartsWith(section.Prefix + ".", StringComparison.Ordinal))
            .MaxBy(section => section.Prefix.Length);

    /// <summary>The table as Markdown, in a stable order.</summary>
    public static string Write(IReadOnlyList<RuleSection> sections, IReadOnlyList<RuleOfTest> tests)
    {
        var text = new StringBuilder();
        text.Append("# Rules of the driver, and the tests that hold it to them\n\n");
        text.Append("Made by `RuleTableTests` from the traits of the tests; do not edit. `XESVM_UPDATE_RULES=1 ./build.sh test` writes it anew.\n");
        foreach (RuleSection section in sections)
        {
            RuleOfTest[] own = [.. tests.Where(test => SectionOf(test.Rule, sections) == section)];
            text.Append(CultureInfo.InvariantCulture, $"\n## {section.Prefix}. {section.Title}\n\n");
            text.Append("| rule | about | test |\n|---|---|---|\n");
            foreach ((string rule, string about) in Rules(section, own))
            {
                string[] names = [.. own.Where(test => test.Rule == rule).Select(Describe).Order(StringComparer.Ordinal)];
                string cell = names.Length != 0 ? string.Join("<br>", names) : $"not covered: {section.NotCovered.GetValueOrDefault(rule, "nobody knows why.")}";
                text.Append(CultureInfo.InvariantCulture, $"| {rule} | {about} | {cell} |\n");
            }
        }

        return text.ToString();
    }

    /// <summary>The rules of a section as they are listed there; of one without a list, those that tests name.</summary>
    private static IEnumerable<(string Rule, string About)> Rules(RuleSection section, RuleOfTest[] own) =>
        section.Items.Count != 0
            ? section.Items.Select(item => (item.Key, item.Value))
            : own.Select(test => test.Rule).Distinct().OrderBy(SortKey, StringComparer.Ordinal).Select(rule => (rule, ""));

    private static string Describe(RuleOfTest test) => $"{test.Class}: {test.Method.Replace('_', ' ')}";

    // Numbers sort as numbers: 7.10 after 7.9.
    private static string SortKey(string rule) =>
        string.Join('.', rule.Split('.').Select(part => int.TryParse(part, CultureInfo.InvariantCulture, out int number)
            ? number.ToString("D4", CultureInfo.InvariantCulture)
            : part));

    private static IEnumerable<string> RulesOf(MemberInfo member) =>
        member.GetCustomAttributesData()
            .Where(data => data.AttributeType == typeof(TraitAttribute) && (string?)data.ConstructorArguments[0].Value == "Rule")
            .Select(data => (string)data.ConstructorArguments[1].Value!);
}
