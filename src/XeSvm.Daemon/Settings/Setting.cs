namespace XeSvm.Daemon.Settings;

/// <summary>One setting: the row of the documentation, and how its text becomes part of the settings.</summary>
/// <param name="Key">The key in the file and on the command line, such as <c>sampling.interval</c>.</param>
/// <param name="Default">The default's text.</param>
/// <param name="Valid">What is valid, in words.</param>
/// <param name="Description">One sentence.</param>
/// <param name="Apply">Puts a value into the settings; <see cref="FormatException"/> or <see cref="ArgumentException"/> say what is valid.</param>
internal sealed record Setting(string Key, string Default, string Valid, string Description, Func<DaemonSettings, string, DaemonSettings> Apply)
{
    /// <summary>Whether a reload can change it; what cannot be reloaded needs a restart.</summary>
    internal bool Reloadable { get; init; } = true;

    /// <summary>The name in the environment.</summary>
    internal string Variable => SettingTable.VariablePrefix + Key.Replace('.', '_').Replace('-', '_').ToUpperInvariant();
}
