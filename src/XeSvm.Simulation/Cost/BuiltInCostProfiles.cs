namespace XeSvm.Simulation.Cost;

/// <summary>The profiles that come with the project: files in the form that a user's own has, embedded from <c>Cost/Profiles</c>.</summary>
internal static class BuiltInCostProfiles
{
    private static readonly string[] s_names = ["xe-2026-01", "xe-2026-01-strict", "flat"];
    private static readonly string[] s_texts = Array.ConvertAll(s_names, ReadResource);
    private static readonly Lazy<CostProfile[]> s_profiles = new(() => Array.ConvertAll(s_texts, CostProfileReader.Read));

    /// <summary>The profiles.</summary>
    public static ReadOnlySpan<CostProfile> All => s_profiles.Value;

    /// <summary>A profile's JSON, to start an own file from.</summary>
    /// <exception cref="FormatException">There is none of that name; the message lists those that there are.</exception>
    public static string Text(string name) => s_texts[Index(name)];

    /// <summary>A profile by name.</summary>
    /// <exception cref="FormatException">There is none of that name; the message lists those that there are.</exception>
    public static CostProfile Get(string name) => s_profiles.Value[Index(name)];

    private static int Index(string name)
    {
        int index = Array.IndexOf(s_names, name);
        return index >= 0
            ? index
            : throw new FormatException($"'{name}' is no built-in cost profile; there are {string.Join(", ", s_names)}.");
    }

    private static string ReadResource(string name)
    {
        using Stream stream = typeof(BuiltInCostProfiles).Assembly.GetManifestResourceStream($"XeSvm.Simulation.Cost.Profiles.{name}.json")
            ?? throw new InvalidOperationException($"The cost profile '{name}' is not embedded in the assembly.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
