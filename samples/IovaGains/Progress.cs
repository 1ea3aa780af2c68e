using XeSvm;
using XeSvm.Measurement;
using XeSvm.Statistics;

namespace IovaGains;

/// <summary>Says on the error output what is measured.</summary>
internal sealed class Progress : IMeasurementObserver
{
    /// <inheritdoc/>
    public void BackendSelected(BackendSelection selection, int cases) => Console.Error.WriteLine($"{cases} cases on the {selection.Backend.Name} backend");

    /// <inheritdoc/>
    public void CaseStarted(MeasurementSetup setup, SvmSizeClass size, int migrations) =>
        Console.Error.WriteLine($"{migrations} migrations of {size}: {setup}");

    /// <inheritdoc/>
    public void Migrated(int count)
    {
        // Too short to be worth it.
    }
}
