namespace XeSvm.Daemon;

/// <summary>The program's version.</summary>
internal static class DaemonVersion
{
    internal static string Text { get; } = typeof(DaemonVersion).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";
}
