using Spectre.Console;
using XeSvm.Measurement;
using XeSvm.Statistics;

namespace XeSvm.Cli.Rendering;

/// <summary>Shows how a measurement goes on: a progress bar on a terminal, one line per case elsewhere. Writes to the error output.</summary>
internal static class MeasureProgress
{
    /// <summary>Runs a measurement with an observer that shows it.</summary>
    internal static RunRecord Show(CliConsole console, Func<IMeasurementObserver, RunRecord> run)
    {
        if (!console.ErrorIsTerminal)
        {
            return run(new Lines(console.Error));
        }

        IAnsiConsole ansi = console.Ansi(console.Error);
        return ansi.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .Start(context => run(new Bar(ansi, context)));
    }

    private static string Describe(BackendSelection selection) => $"xesvm: {selection}";

    private static string Describe(MeasurementSetup setup, SvmSizeClass size, int migrations) => $"{size} {setup}, {migrations} migrations";

    private sealed class Lines(TextWriter writer) : IMeasurementObserver
    {
        private int _cases;
        private int _case;

        public void BackendSelected(BackendSelection selection, int cases)
        {
            _cases = cases;
            writer.WriteLine(Describe(selection));
        }

        public void Noted(string note) => writer.WriteLine($"xesvm: note: {note}");

        public void CaseStarted(MeasurementSetup setup, SvmSizeClass size, int migrations) =>
            writer.WriteLine($"xesvm: case {++_case} of {_cases}: {Describe(setup, size, migrations)}");

        public void Migrated(int count)
        {
            // A line per round would only fill a log.
        }
    }

    private sealed class Bar(IAnsiConsole ansi, ProgressContext context) : IMeasurementObserver
    {
        private ProgressTask? _task;

        public void BackendSelected(BackendSelection selection, int cases) => ansi.WriteLine(Describe(selection));

        public void Noted(string note) => ansi.WriteLine($"xesvm: note: {note}");

        public void CaseStarted(MeasurementSetup setup, SvmSizeClass size, int migrations) =>
            _task = context.AddTask(Markup.Escape(Describe(setup, size, migrations)), maxValue: migrations);

        public void Migrated(int count) => _task?.Increment(count);
    }
}
