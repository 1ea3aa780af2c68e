using System.Text;
using XeSvm.Daemon.Settings;

namespace XeSvm.Daemon.Documentation;

/// <summary>The settings as tables.</summary>
internal static class SettingTables
{
    /// <summary>For the documentation.</summary>
    internal static string Markdown()
    {
        StringBuilder text = new("| key | environment | default | valid | meaning | reload |\n|---|---|---|---|---|---|\n");
        foreach (Setting setting in SettingTable.All)
        {
            string standard = setting.Default.Length == 0 ? "" : $"`{setting.Default}`";
            text.Append($"| `{setting.Key}` | `{setting.Variable}` | {standard} | {setting.Valid} | {setting.Description} | {(setting.Reloadable ? "yes" : "no")} |\n");
        }

        return text.ToString();
    }

    /// <summary>What is in force, and where it comes from.</summary>
    internal static string InForce(LoadedSettings loaded)
    {
        StringBuilder text = new();
        foreach (Setting setting in SettingTable.All)
        {
            text.Append($"{setting.Key} = {loaded.ValueOf(setting)}  ({loaded.Origins.GetValueOrDefault(setting.Key, "default")})\n");
        }

        return text.ToString();
    }
}
