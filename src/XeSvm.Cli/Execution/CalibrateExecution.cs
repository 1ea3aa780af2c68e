using XeSvm.Cli.CommandLine;
using XeSvm.Cli.Rendering;
using XeSvm.Costs;

namespace XeSvm.Cli.Execution;

/// <summary>Runs <c>calibrate</c>.</summary>
internal static class CalibrateExecution
{
    /// <summary>Fits the profile, prints what it is worth, and writes it where that is wanted.</summary>
    internal static int Run(CalibrateRequest request, CliConsole console)
    {
        CostModel prior = CostModel.Load(request.Profile);
        IReadOnlyList<CostModelRow> rows = CostRowSelection.Select(prior, request.Rows);
        IReadOnlyList<CostModelRow> others =
        [
            .. (request.Check is null ? prior.Rows.Where(row => row.IsMeasured) : CostRowSelection.Select(prior, request.Check, explained: true))
                .Where(row => !rows.Contains(row)),
        ];
        using RecordFile? file = request.Output is null ? null : RecordFile.Open("--output", request.Output);
        CostRefit refit = CostRefit.Fit(prior, rows, request.Name ?? $"{prior.Name}-refit", request.FixedCost);
        new CalibrateReport(refit, others).Write(console);
        file?.Write(refit.Model.ToJson());
        return ExitCode.Success;
    }
}
