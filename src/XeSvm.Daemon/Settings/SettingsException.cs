namespace XeSvm.Daemon.Settings;

/// <summary>The configuration cannot be used; every fault of it is told.</summary>
internal sealed class SettingsException(IReadOnlyList<string> errors) : Exception(string.Join('\n', errors))
{
    /// <summary>The faults, each with its origin.</summary>
    internal IReadOnlyList<string> Errors { get; } = errors;
}
