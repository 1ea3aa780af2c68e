using System.Reflection;
using XeSvm.Daemon.Settings;

namespace XeSvm.Daemon.Tests.Support;

/// <summary>Settings as text, to compare them as a whole.</summary>
internal static class SettingsText
{
    internal static IReadOnlyList<string> Of(DaemonSettings settings) =>
    [
        .. typeof(DaemonSettings).GetProperties(BindingFlags.Instance | BindingFlags.NonPublic)
            .Where(property => property.Name != "EqualityContract")
            .Select(property => $"{property.Name} = {(property.GetValue(settings) is IReadOnlyList<string> list ? string.Join(',', list) : property.GetValue(settings))}"),
    ];
}
