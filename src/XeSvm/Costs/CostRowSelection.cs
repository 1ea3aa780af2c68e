using XeSvm.Statistics;

namespace XeSvm.Costs;

/// <summary>Finds rows by what a person calls them.</summary>
public static class CostRowSelection
{
    private const int PageBytes = 4096;

    /// <summary>What a selector may be, for messages and help.</summary>
    public const string Valid =
        "a row's name, a size (2M, 64K, 4K), a role (calibrated, checked, explained, predicted) or the path of a profile file";

    /// <summary>
    /// Finds rows. A size stands for the profile's measured rows of that size whose setup is known, a role for all rows of that role, a file
    /// for all of its rows.
    /// </summary>
    /// <param name="model">The profile whose rows are meant.</param>
    /// <param name="selectors">What is wanted; see <see cref="Valid"/>.</param>
    /// <param name="explained">Whether a size stands for explained rows too: to look at, never to fit.</param>
    /// <returns>The rows, each once, in the order of the selectors.</returns>
    /// <exception cref="CostModelException">A selector finds nothing, or a file cannot be used.</exception>
    public static IReadOnlyList<CostModelRow> Select(CostModel model, IEnumerable<string> selectors, bool explained = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(selectors);
        List<CostModelRow> rows = [];
        foreach (string selector in selectors)
        {
            rows.AddRange(Find(model, selector, explained).Where(row => rows.TrueForAll(other => other.Name != row.Name)));
        }

        return rows;
    }

    private static IReadOnlyList<CostModelRow> Find(CostModel model, string selector, bool explained)
    {
        if (model.Rows.FirstOrDefault(row => row.Name == selector) is { } named)
        {
            return [named];
        }

        IReadOnlyList<CostModelRow> found;
        if (SvmSizeClass.TryParse(selector, out SvmSizeClass? size))
        {
            int pages = (int)(size.Bytes / PageBytes);
            found = [.. model.Rows.Where(row => row.Setup.Pages == pages && IsKnown(row, explained))];
        }
        else if (TryParseRole(selector, out CostModelRowRole role))
        {
            found = [.. model.Rows.Where(row => row.Role == role)];
        }
        else if (Path.Exists(selector))
        {
            found = CostModel.Load(selector).Rows;
        }
        else
        {
            throw new CostModelException(
                $"{TextExcerpt.Quote(selector)} names no row of profile '{model.Name}'; valid is {Valid}. Its rows are {Names(model)}.");
        }

        return found.Count > 0
            ? found
            : throw new CostModelException($"{TextExcerpt.Quote(selector)} finds no row in profile '{model.Name}'. Its rows are {Names(model)}.");
    }

    private static bool TryParseRole(string name, out CostModelRowRole role)
    {
        role = default;
        return Enum.GetNames<CostModelRowRole>().Contains(name, StringComparer.OrdinalIgnoreCase)
            && Enum.TryParse(name, ignoreCase: true, out role);
    }

    private static bool IsKnown(CostModelRow row, bool explained) =>
        row.Role is CostModelRowRole.Calibrated or CostModelRowRole.Checked || (explained && row.Role == CostModelRowRole.Explained);

    private static string Names(CostModel model) => model.Rows.Count == 0
        ? "none"
        : string.Join(", ", model.Rows.Select(row => $"'{row.Name}'"));
}
