using System.Collections.Immutable;
using System.Globalization;

namespace XeSvm.Simulation;

/// <summary>
/// What fails in a software backend, and when: rules and the seed of what is random. The same plan with the same operations in the same
/// order gives the same failures.
/// </summary>
/// <example><c>seed=7; link:page=3,at=2; vram:p=0.01,times=5; slow-copy:p=0.1,us=500; lost:at=1000</c></example>
public sealed record FaultPlan
{
    /// <summary>Nothing fails.</summary>
    public static FaultPlan None { get; } = new();

    /// <summary>Seed of the random choices; 0 by default.</summary>
    public long Seed { get; init; }

    /// <summary>The rules. An occurrence that several rules of a point name fails once.</summary>
    public ImmutableArray<FaultRule> Rules { get; init; } = [];

    /// <summary>
    /// Reads a plan: clauses separated by <c>;</c>. A clause is <c>seed=N</c> or <c>POINT:ARGUMENTS</c>, with <c>POINT</c> one of iova, link,
    /// map, sync, vram, copy, isolate, lost, slow-copy, userfaultfd, thread, and <c>ARGUMENTS</c> separated by <c>,</c>: <c>at=K</c> (the K-th
    /// occurrence, from 1), <c>p=X</c> (each with probability X), <c>times=N</c> (N failures at most), <c>page=K</c> (link: page K of its
    /// range), <c>us=N</c> (slow-copy: microseconds). White space is ignored. Empty text is no failure.
    /// </summary>
    /// <param name="text">The plan.</param>
    /// <exception cref="FormatException">The text is not valid; the message says which part, and what is valid there.</exception>
    public static FaultPlan Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        long? seed = null;
        ImmutableArray<FaultRule>.Builder rules = ImmutableArray.CreateBuilder<FaultRule>();
        foreach (string clause in text.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (clause.StartsWith("seed", StringComparison.Ordinal))
            {
                (string name, string value) = SplitArgument(clause);
                if (name != "seed" || seed is not null)
                {
                    throw new FormatException($"'{clause}' is not valid; one seed=N is.");
                }

                seed = ParseInteger(name, value);
                continue;
            }

            rules.Add(ParseRule(clause));
        }

        return new FaultPlan { Seed = seed ?? 0, Rules = rules.ToImmutable() };
    }

    /// <summary>The plan as <see cref="Parse"/> takes it.</summary>
    public override string ToString() => string.Join("; ", Rules.Select(rule => rule.ToString()).Prepend($"seed={Seed.ToString(CultureInfo.InvariantCulture)}"));

    /// <summary>Whether the seed and all rules are equal.</summary>
    /// <param name="other">Another plan.</param>
    public bool Equals(FaultPlan? other) => other is not null && Seed == other.Seed && Rules.SequenceEqual(other.Rules);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Seed, Rules.Length);

    private static FaultRule ParseRule(string clause)
    {
        int colon = clause.IndexOf(':', StringComparison.Ordinal);
        string word = (colon < 0 ? clause : clause[..colon]).Trim();
        if (!FaultPointNames.TryParse(word, out FaultPoint point))
        {
            throw new FormatException($"'{word}' is no point where faults are injected; {FaultPointNames.All} are.");
        }

        var rule = new FaultRule(point);
        var seen = new HashSet<string>();
        string[] arguments = colon < 0 ? [] : clause[(colon + 1)..].Split(',', StringSplitOptions.TrimEntries);
        foreach (string argument in arguments)
        {
            (string name, string value) = SplitArgument(argument);
            if (!seen.Add(name))
            {
                throw new FormatException($"'{name}' is given twice in '{clause}'.");
            }

            rule = name switch
            {
                "at" => rule with { At = ParsePositive(name, value) },
                "times" => rule with { Times = ParsePositive(name, value) },
                "p" => rule with { Probability = ParseProbability(value) },
                "page" => rule with { Page = (int)Math.Min(ParseInteger(name, value), int.MaxValue) },
                "us" => rule with { Delay = TimeSpan.FromMicroseconds(Math.Min(ParsePositive(name, value), int.MaxValue)) },
                _ => throw new FormatException($"'{argument}' of '{word}' is not valid; at=K, p=X, times=N, page=K and us=N are."),
            };
        }

        rule.Validate();
        return rule;
    }

    private static (string Name, string Value) SplitArgument(string argument)
    {
        int equals = argument.IndexOf('=', StringComparison.Ordinal);
        return equals < 0 ? (argument, "") : (argument[..equals].Trim(), argument[(equals + 1)..].Trim());
    }

    private static long ParsePositive(string name, string value) => ParseInteger(name, value) is > 0 and long number
        ? number
        : throw new FormatException($"{name}={value} is not valid; a number from 1 on is.");

    private static long ParseInteger(string name, string value) =>
        long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            ? number
            : throw new FormatException($"{name}={value} is not valid; a whole number is.");

    private static double ParseProbability(string value) =>
        double.TryParse(value, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out double number) && number is > 0 and <= 1
            ? number
            : throw new FormatException($"p={value} is not valid; a number above 0 and at most 1 is, such as 0.01.");
}
