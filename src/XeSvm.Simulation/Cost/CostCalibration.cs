namespace XeSvm.Simulation.Cost;

/// <summary>How well a profile meets a row.</summary>
/// <param name="Row">The row.</param>
/// <param name="Modelled">What the profile says.</param>
internal readonly record struct CostResidual(CostRow Row, double Modelled)
{
    /// <summary>Modelled minus published.</summary>
    public double Difference => Modelled - Row.Value;

    /// <summary>The difference as a part of the published value.</summary>
    public double Relative => Difference / Row.Value;
}

/// <summary>
/// Refits a profile to rows. Few rows cannot identify many constants, so of all constants that meet the rows those are taken that differ
/// least, relatively, from the profile's own: a constant of 0 stays 0, and one that no row depends on stays what it was.
/// </summary>
internal static class CostCalibration
{
    /// <summary>Migrations that a row's counts are taken over: enough to spread the flushes of lazy mode.</summary>
    public const int Migrations = 255;

    private const int FixedColumn = 0;
    private const int FolioColumn = 1;
    private const int FirstCounterColumn = 2;

    /// <summary>Modelled and published values of rows.</summary>
    public static IReadOnlyList<CostResidual> Residuals(CostProfile profile, IEnumerable<CostRow> rows) =>
        [.. rows.Select(row => new CostResidual(row, profile.Cpu(row.Count(Migrations), row.Folios, Migrations)))];

    /// <summary>Refits a profile so that it meets rows.</summary>
    /// <param name="prior">The profile to start from.</param>
    /// <param name="rows">The rows to meet; each counts the same.</param>
    /// <param name="keepFixed">Whether the fixed cost stays as it is; rows of one size cannot tell it from the others.</param>
    /// <exception cref="ArgumentException">There is no row, or the rows contradict each other or the profile's zeros.</exception>
    public static CostProfile Fit(CostProfile prior, IReadOnlyList<CostRow> rows, bool keepFixed)
    {
        if (rows.Count == 0)
        {
            throw new ArgumentException("There is no row to fit the profile to.", nameof(rows));
        }

        double[] constants = [prior.Fixed, prior.PerFolio, .. prior.UnitCosts];
        double[] weights = [.. constants.Select(value => value * value)];
        weights[FixedColumn] *= keepFixed ? 0 : 1;
        double[][] counts = [.. rows.Select(Equation)];

        // Least relative change: c = c0 + W A' (A W A')^-1 (b - A c0), with W = diag(c0^2).
        double[,] system = new double[rows.Count, rows.Count + 1];
        for (int i = 0; i < rows.Count; i++)
        {
            for (int j = 0; j < rows.Count; j++)
            {
                system[i, j] = Weighted(counts[i], weights, counts[j]);
            }

            system[i, rows.Count] = rows[i].Value - Dot(counts[i], constants);
        }

        double[] multipliers = Solve(system, rows);
        for (int column = 0; column < constants.Length; column++)
        {
            double change = 0;
            for (int i = 0; i < rows.Count; i++)
            {
                change += multipliers[i] * counts[i][column];
            }

            constants[column] += weights[column] * change;
        }

        if (Array.FindIndex(constants, value => value < 0) is >= 0 and int negative)
        {
            throw new ArgumentException(
                $"The rows would make the cost of '{ColumnName(negative)}' negative: they contradict each other or the profile's shape.", nameof(rows));
        }

        return prior with
        {
            Fixed = constants[FixedColumn],
            PerFolio = constants[FolioColumn],
            UnitCosts = constants.AsSpan(FirstCounterColumn),
        };
    }

    private static double[] Equation(CostRow row)
    {
        double[] counts = new double[FirstCounterColumn + DmaWork.Names.Length];
        counts[FixedColumn] = 1;
        counts[FolioColumn] = row.Folios;
        DmaWork work = row.Count(Migrations);
        ReadOnlySpan<ulong> values = DmaWork.ReadValues(in work);
        for (int i = 0; i < values.Length; i++)
        {
            counts[FirstCounterColumn + i] = (double)values[i] / Migrations;
        }

        return counts;
    }

    private static double Dot(double[] left, double[] right) => left.Zip(right, (a, b) => a * b).Sum();

    private static double Weighted(double[] left, double[] weights, double[] right)
    {
        double sum = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            sum += left[i] * weights[i] * right[i];
        }

        return sum;
    }

    /// <summary>Gaussian elimination with pivoting; the last column is the right-hand side.</summary>
    private static double[] Solve(double[,] system, IReadOnlyList<CostRow> rows)
    {
        const double Singular = 1e-9;
        int size = system.GetLength(0);
        double scale = 0;
        for (int i = 0; i < size; i++)
        {
            scale = Math.Max(scale, system[i, i]);
        }

        for (int pivot = 0; pivot < size; pivot++)
        {
            int best = pivot;
            for (int i = pivot + 1; i < size; i++)
            {
                best = Math.Abs(system[i, pivot]) > Math.Abs(system[best, pivot]) ? i : best;
            }

            if (Math.Abs(system[best, pivot]) <= Singular * scale)
            {
                throw new ArgumentException(
                    $"The rows {string.Join(", ", rows.Select(row => $"'{row.Name}'"))} do the same work: they cannot be met one by one.", nameof(rows));
            }

            for (int column = pivot; column <= size; column++)
            {
                (system[pivot, column], system[best, column]) = (system[best, column], system[pivot, column]);
            }

            for (int i = pivot + 1; i < size; i++)
            {
                double factor = system[i, pivot] / system[pivot, pivot];
                for (int column = pivot; column <= size; column++)
                {
                    system[i, column] -= factor * system[pivot, column];
                }
            }
        }

        double[] solution = new double[size];
        for (int i = size - 1; i >= 0; i--)
        {
            double sum = system[i, size];
            for (int j = i + 1; j < size; j++)
            {
                sum -= system[i, j] * solution[j];
            }

            solution[i] = sum / system[i, i];
        }

        return solution;
    }

    private static string ColumnName(int column) => column switch
    {
        FixedColumn => CostProfile.FixedTerm,
        FolioColumn => CostProfile.FolioTerm,
        _ => DmaWork.Names[column - FirstCounterColumn],
    };
}
