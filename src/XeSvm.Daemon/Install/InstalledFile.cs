namespace XeSvm.Daemon.Install;

/// <summary>A file that an installation puts into the file system.</summary>
/// <param name="Resource">The file inside the program.</param>
/// <param name="Path">Where it goes.</param>
/// <param name="IsConfiguration">Whether people change it: an existing one is kept, and only a purge removes it.</param>
internal sealed record InstalledFile(string Resource, string Path, bool IsConfiguration = false)
{
    /// <summary>The folder of the program itself.</summary>
    internal const string ProgramFolder = "/usr/lib/xesvmd";

    /// <summary>The link that people call.</summary>
    internal const string ProgramLink = "/usr/bin/xesvmd";

    internal static IReadOnlyList<InstalledFile> All { get; } =
    [
        new("Deploy/xesvmd.service", "/usr/lib/systemd/system/xesvmd.service"),
        new("Deploy/xesvmd.socket", "/usr/lib/systemd/system/xesvmd.socket"),
        new("Deploy/xesvmd.sysusers", "/usr/lib/sysusers.d/xesvmd.conf"),
        new("Deploy/xesvmd.tmpfiles", "/usr/lib/tmpfiles.d/xesvmd.conf"),
        new("Deploy/xesvmd.json", "/etc/xesvmd/xesvmd.json", IsConfiguration: true),
        new("Deploy/programs.conf", "/usr/share/xesvmd/programs.conf"),
        new("Deploy/daemonset.yaml", "/usr/share/xesvmd/daemonset.yaml"),
        new("Deploy/alerts.yml", "/usr/share/xesvmd/alerts.yml"),
        new("Deploy/grafana.json", "/usr/share/xesvmd/grafana.json"),
    ];
}
