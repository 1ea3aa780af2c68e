namespace XeSvm.Measurement;

/// <summary>How bad a finding is.</summary>
public enum FindingStatus
{
    /// <summary>As it should be.</summary>
    Good,

    /// <summary>Something cannot be done, or not as well; the rest can.</summary>
    Warning,

    /// <summary>Nothing can be done until it is mended.</summary>
    Problem,
}

/// <summary>What one check of the machine found.</summary>
/// <param name="Check">What was looked at.</param>
/// <param name="Status">How bad it is.</param>
/// <param name="Found">What was found, and what that means.</param>
/// <param name="Remedy">The command that mends it; null when there is nothing to mend.</param>
public sealed record MachineFinding(string Check, FindingStatus Status, string Found, string? Remedy = null);
