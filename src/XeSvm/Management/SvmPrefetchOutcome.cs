namespace XeSvm.Management;

/// <summary>What became of a prefetch. All sizes are in bytes, of whole pages.</summary>
/// <param name="RequestedBytes">What was asked for; what was named twice counts once.</param>
/// <param name="PrefetchedBytes">What the driver was asked to move. It passes over what it cannot move, and what is there already.</param>
/// <param name="MovedOutBytes">What the driver was asked to move out of VRAM first, to make room.</param>
/// <param name="LeftOutBytes">What was not moved, because VRAM is full of memory that is in use or of the same request, or because there is none.</param>
public readonly record struct SvmPrefetchOutcome(ulong RequestedBytes, ulong PrefetchedBytes, ulong MovedOutBytes, ulong LeftOutBytes)
{
    /// <summary>Whether all of it was given to the driver.</summary>
    public bool IsWhole => LeftOutBytes == 0;
}

/// <summary>What a balancing did.</summary>
/// <param name="Policy">The policy's name.</param>
/// <param name="Blocks">How many blocks it decided about.</param>
/// <param name="AdvisedBytes">How many bytes were advised anew.</param>
/// <param name="Prefetches">What was moved.</param>
/// <param name="Activity">What the GT statistics counted since the last balancing.</param>
/// <param name="Result">Success, or the errno with which the driver refused the advice or the prefetch that was the last to be tried.</param>
public readonly record struct SvmBalanceReport(
    string Policy, int Blocks, ulong AdvisedBytes, SvmPrefetchOutcome Prefetches, SvmActivity Activity, XeResult Result);

/// <summary>A prefetch was done, or refused.</summary>
/// <param name="outcome">What became of it.</param>
/// <param name="result">What the driver answered.</param>
public sealed class SvmPrefetchEventArgs(SvmPrefetchOutcome outcome, XeResult result) : EventArgs
{
    /// <summary>What became of it.</summary>
    public SvmPrefetchOutcome Outcome { get; } = outcome;

    /// <summary>What the driver answered.</summary>
    public XeResult Result { get; } = result;
}

/// <summary>A balancing was done.</summary>
/// <param name="report">What it did.</param>
public sealed class SvmBalanceEventArgs(SvmBalanceReport report) : EventArgs
{
    /// <summary>What it did.</summary>
    public SvmBalanceReport Report { get; } = report;
}
