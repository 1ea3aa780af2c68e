using System.Security;
using XeSvm.Simulation.Cost;
using XeSvm.Statistics;

namespace XeSvm.Costs;

/// <summary>Reads cost profiles from files, with errors that say what is wrong and where.</summary>
internal static class CostModelFile
{
    /// <summary>Far above any profile (about 6 KiB): a larger file is another one, or a device that never ends.</summary>
    private const int LargestLength = 1 << 20;

    /// <summary>Eleven days in us; what is larger is a mistake, and would not fit in a record.</summary>
    private const double LargestCost = 1e12;

    internal static CostModel Load(string path) => Parse(ReadText(path), path);

    internal static CostModel Parse(string json, string source)
    {
        ArgumentNullException.ThrowIfNull(json);
        ArgumentNullException.ThrowIfNull(source);
        try
        {
            CostModel model = new(CostProfileReader.Read(json), source);
            RequireReasonable(model.Profile);
            foreach (CostModelRow row in model.Rows)
            {
                RequireUsable(row);
            }

            return model;
        }
        catch (Exception exception) when (exception is FormatException or InvalidOperationException)
        {
            // InvalidOperationException: JSON text whose escapes are no valid UTF-16.
            throw new CostModelException($"{source}: {exception.Message}", exception);
        }
    }

    private static void RequireReasonable(CostProfile profile)
    {
        (string Place, double Value)[] costs =
        [
            ("fixed", profile.Fixed), ("perFolio", profile.PerFolio),
            ("copy.fixed", profile.CopyFixed), ("copy.perPage", profile.CopyPerPage),
            ("noise.absolute", profile.AbsoluteNoise), ("noise.relative", profile.RelativeNoise),
            .. profile.UnitCosts.ToArray().Select((cost, index) => ($"unitCosts.{DmaWork.Names[index]}", cost)),
            .. profile.Rows.Select(row => ($"rows '{row.Name}'.value", row.Value)),
        ];
        if (Array.Find(costs, cost => cost.Value > LargestCost) is { Place: { } place, Value: double value })
        {
            throw new CostModelException($"profile.{place} is {value}; valid is a number up to {LargestCost}.");
        }
    }

    private static void RequireUsable(CostModelRow row)
    {
        try
        {
            row.Setup.Validate();
        }
        catch (CostModelException exception)
        {
            throw new CostModelException($"profile.rows '{row.Name}': {exception.Message}", exception);
        }

        if (row.Value <= 0)
        {
            throw new CostModelException($"profile.rows '{row.Name}': value is {row.Value}; a figure is above 0.");
        }
    }

    private static string ReadText(string path)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal) || !Path.Exists(path))
        {
            throw new CostModelException(
                $"{TextExcerpt.Quote(path)} is no built-in cost profile and there is no such file; built in are " +
                $"{string.Join(", ", CostModel.BuiltInNames)}.");
        }

        try
        {
            using StreamReader reader = new(path);
            char[] buffer = new char[LargestLength + 1];
            int length = reader.ReadBlock(buffer, 0, buffer.Length);
            return length <= LargestLength
                ? new string(buffer, 0, length)
                : throw new CostModelException($"{path}: the file is larger than {LargestLength} characters; a cost profile has about 6000.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or SecurityException or NotSupportedException)
        {
            throw new CostModelException($"{path}: the file cannot be read: {exception.Message}", exception);
        }
    }
}
