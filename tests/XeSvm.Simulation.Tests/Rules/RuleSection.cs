namespace XeSvm.Simulation.Tests.Rules;

/// <summary>A section of rules.</summary>
/// <param name="Prefix">What the numbers of its rules begin with.</param>
/// <param name="Title">What it is about.</param>
/// <param name="Items">Its rules: number and what each is about. None: tests name the section, or what they like below it.</param>
/// <param name="NotCovered">The rules that no test holds the driver to, each with the reason.</param>
internal sealed record RuleSection(string Prefix, string Title, IReadOnlyDictionary<string, string> Items, IReadOnlyDictionary<string, string> NotCovered);

/// <summary>A test and a rule that it names.</summary>
internal sealed record RuleOfTest(string Rule, string Class, string Method);
