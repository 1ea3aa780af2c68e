using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>Is told how a run goes on. All calls come from the thread that runs it.</summary>
public interface IMeasurementObserver
{
    /// <summary>A backend was chosen; this comes first and once.</summary>
    /// <param name="selection">The backend, its node and the reason.</param>
    /// <param name="cases">How many cases will be measured.</param>
    void BackendSelected(BackendSelection selection, int cases);

    /// <summary>Something was done otherwise than the plan's defaults say; the record has the same note.</summary>
    /// <param name="note">What and why.</param>
    void Noted(string note)
    {
    }

    /// <summary>A case begins.</summary>
    /// <param name="setup">What its work depends on, as the backend describes it.</param>
    /// <param name="size">The ranges' size.</param>
    /// <param name="migrations">How many migrations it has.</param>
    void CaseStarted(MeasurementSetup setup, SvmSizeClass size, int migrations);

    /// <summary>Some migrations of the case were measured.</summary>
    /// <param name="count">How many since the last call.</param>
    void Migrated(int count);
}
