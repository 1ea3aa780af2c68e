using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using k8s;
using k8s.Models;
using XeSvm.Daemon.Install;
using XeSvm.Daemon.Metrics;
using XeSvm.Daemon.Settings;
using XeSvm.Daemon.Tests.Support;
using XeSvm.Hosting;
using YamlDotNet.Core;

namespace XeSvm.Daemon.Tests.Deploy;

public sealed partial class DeployTests : IDisposable
{
    private static readonly string[] s_panelTypes = ["timeseries", "stat"];

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData("")]
    [InlineData("programs.conf")]
    public async Task The_unit_is_exposed_by_at_most_two(string dropIn)
    {
        string? analyze = ExternalTool.Find("systemd-analyze");
        Skip.If(analyze is null, "systemd-analyze is not installed (Debian package systemd).");
        string unit = _folder.Write("xesvmd.service", Text("xesvmd.service") + (dropIn.Length == 0 ? "" : Text(dropIn)));

        (int code, string output) = await ExternalTool.RunAsync(analyze, null, "security", "--offline=true", "--no-pager", unit);

        Assert.True(code == 0, output);
        Match match = Exposure().Match(output);
        Assert.True(match.Success, output);
        double exposure = double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
        Assert.True(exposure <= 2.0, $"{exposure}\n" + string.Join('\n', output.Split('\n').Where(line => line.Contains('✗', StringComparison.Ordinal))));
    }

    [Fact]
    public void The_dynamic_user_has_the_name_of_no_group_and_every_group_of_the_units_is_made()
    {
        string service = Text("xesvmd.service");
        HashSet<string> made = [.. Text("xesvmd.sysusers").Split('\n').Where(line => line.StartsWith("g ", StringComparison.Ordinal)).Select(line => line.Split(' ')[1])];

        // systemd refuses to make a user whose name a group has (dynamic_user_realize).
        Assert.Equal(["yes"], Values(service, "DynamicUser"));
        Assert.DoesNotContain(Assert.Single(Values(service, "User")), made);
        Assert.All([.. Values(service, "SupplementaryGroups"), .. Values(Text("xesvmd.socket"), "SocketGroup")], group => Assert.Contains(group, made));
        Assert.Contains(
            Values(Text("programs.conf"), "Environment").Single(word => word.StartsWith("XESVMD_SERVER_SOCKET_GROUP=", StringComparison.Ordinal)).Split('=')[1],
            Values(service, "SupplementaryGroups"));

        static string[] Values(string unit, string key) =>
            [.. unit.Split('\n').Where(line => line.StartsWith(key + "=", StringComparison.Ordinal)).SelectMany(line => line[(key.Length + 1)..].Split(' '))];
    }

    [Fact]
    public void The_drop_in_for_programs_sets_existing_variables_and_values_that_are_valid()
    {
        Dictionary<string, string> environment = Text("programs.conf").Split('\n').Where(line => line.StartsWith("Environment=", StringComparison.Ordinal))
            .SelectMany(line => line["Environment=".Length..].Split(' ')).ToDictionary(word => word.Split('=')[0], word => word.Split('=')[1].Replace("xesvm", "root", StringComparison.Ordinal));

        DaemonSettings settings = new SettingsLoader([], environment).Load().Settings;

        Assert.Equal((0, (UnixFileMode)0b110_110_000), (settings.ServerAccess.Group, settings.ServerAccess.Mode));
    }

    [SkippableFact]
    public async Task Systemd_has_nothing_to_say_about_the_units()
    {
        string? analyze = ExternalTool.Find("systemd-analyze");
        Skip.If(analyze is null, "systemd-analyze is not installed (Debian package systemd).");

        string service = _folder.Write("xesvmd.service", (Text("xesvmd.service") + Text("programs.conf")).Replace("/usr/bin/xesvmd", "/bin/sh", StringComparison.Ordinal));
        string socket = _folder.Write("xesvmd.socket", Text("xesvmd.socket"));
        (int _, string output) = await ExternalTool.RunAsync(analyze, null, "verify", "--man=no", service, socket);

        Assert.DoesNotContain("xesvmd.service:", output, StringComparison.Ordinal);
        Assert.DoesNotContain("xesvmd.socket:", output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Promtool_takes_the_alert_rules()
    {
        string? promtool = ExternalTool.Find("promtool");
        Skip.If(promtool is null, "promtool is not installed (Debian package prometheus).");

        (int code, string output) = await ExternalTool.RunAsync(promtool, null, "check", "rules", _folder.Write("alerts.yml", Text("alerts.yml")));

        Assert.True(code == 0, output);
        Assert.Contains("5 rules found", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("alerts.yml")]
    [InlineData("grafana.json")]
    public void Every_metric_that_rules_and_dashboard_ask_for_exists_with_its_labels(string file)
    {
        MetricDescription[] metrics = [.. XeSvmMetrics.Descriptions, .. DaemonMetrics.Descriptions];
        HashSet<string> names = [.. metrics.Select(PrometheusNames.Of)];
        HashSet<string> labels = [.. metrics.SelectMany(metric => metric.Tags).Select(PrometheusNames.OfTag)];
        string[] used = [.. Words().Matches(Text(file)).Select(match => match.Value).Distinct().Where(word => !labels.Contains(word))];

        Assert.NotEmpty(used);
        Assert.All(used, name => Assert.Contains(name, names));
    }

    [Fact]
    public void The_dashboard_of_grafana_is_whole()
    {
        JsonElement dashboard = JsonDocument.Parse(Text("grafana.json")).RootElement;
        JsonElement[] panels = [.. dashboard.GetProperty("panels").EnumerateArray()];

        Assert.Equal(39, dashboard.GetProperty("schemaVersion").GetInt32());
        Assert.All(dashboard.GetProperty("templating").GetProperty("list").EnumerateArray(), variable => Assert.False(
            variable.TryGetProperty("current", out _), "A choice has text and value, or is left out: what is chosen depends on the data source."));
        Assert.Equal(panels.Length, panels.Select(panel => panel.GetProperty("id").GetInt32()).Distinct().Count());
        Assert.All(panels, panel =>
        {
            Assert.Contains(panel.GetProperty("type").GetString(), s_panelTypes);
            Assert.NotEmpty(panel.GetProperty("title").GetString()!);
            Assert.All(panel.GetProperty("targets").EnumerateArray(), target => Assert.NotEmpty(target.GetProperty("expr").GetString()!));
            JsonElement place = panel.GetProperty("gridPos");
            Assert.InRange(place.GetProperty("x").GetInt32() + place.GetProperty("w").GetInt32(), 1, 24);
        });
    }

    [SkippableFact]
    public async Task The_types_that_grafana_publishes_take_the_dashboard()
    {
        string? folder = Environment.GetEnvironmentVariable("XESVM_GRAFANA_SCHEMA");
        Skip.If(folder is null, "XESVM_GRAFANA_SCHEMA names no folder in which 'npm install @grafana/schema typescript@5' was run.");
        string program = Path.Combine(folder, "dashboard.ts");
        File.WriteAllText(program, $"import type {{ Dashboard }} from '@grafana/schema';\nconst dashboard: Dashboard = {Text("grafana.json")};\nexport default dashboard;\n");

        (int code, string output) = await ExternalTool.RunAsync(
            Path.Combine(folder, "node_modules/.bin/tsc"), null, "--noEmit", "--strict", "--skipLibCheck", "--moduleResolution", "bundler", "--module", "esnext", "--target", "es2022", program);

        Assert.True(code == 0, output);
    }

    [Fact]
    public void The_manifest_sets_existing_variables_and_drops_all_privileges_but_one()
    {
        string manifest = Text("daemonset.yaml");
        foreach (Match match in Variable().Matches(manifest))
        {
            Assert.Contains(SettingTable.All, setting => setting.Variable == match.Value);
        }

        // The types are made of the API's own OpenAPI document; strict: a field that there is not is an error.
        V1DaemonSet set = KubernetesYaml.Deserialize<V1DaemonSet>(manifest, strict: true);

        Assert.Equal(("apps/v1", "DaemonSet"), (set.ApiVersion, set.Kind));
        Assert.True(set.Spec.Selector.MatchLabels.All(label => set.Spec.Template.Metadata.Labels[label.Key] == label.Value));
        V1Container container = Assert.Single(set.Spec.Template.Spec.Containers);
        Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
        Assert.Equal(["DAC_READ_SEARCH"], container.SecurityContext.Capabilities.Add);
        Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
        Assert.False(container.SecurityContext.AllowPrivilegeEscalation);
        Assert.Equal(
            set.Spec.Template.Spec.Volumes.Select(volume => volume.Name).Order(StringComparer.Ordinal),
            container.VolumeMounts.Select(mount => mount.Name).Order(StringComparer.Ordinal));
        Assert.Throws<YamlException>(() => KubernetesYaml.Deserialize<V1DaemonSet>(manifest + "replicas: 1\n", strict: true));
    }

    [Fact]
    public void The_configuration_that_is_installed_is_valid_and_says_the_defaults()
    {
        string file = _folder.Write("xesvmd.json", Text("xesvmd.json"));
        DaemonSettings settings = new SettingsLoader(["--config", file], new Dictionary<string, string>()).Load().Settings;
        Assert.Equal(SettingsText.Of(new DaemonSettings()), SettingsText.Of(settings));
    }

    [Fact]
    public void Install_puts_everything_below_the_root_and_uninstall_takes_it_away_but_the_changed_configuration()
    {
        string root = _folder.PathOf("root");
        Assert.Equal(0, Run("install", "--root", root));
        Assert.All(InstalledFile.All, file => Assert.True(File.Exists(root + file.Path), file.Path));
        Assert.True(File.Exists(root + "/usr/lib/xesvmd/XeSvm.Daemon.dll"));
        Assert.Equal("/usr/lib/xesvmd/xesvmd", new FileInfo(root + "/usr/bin/xesvmd").LinkTarget);

        File.WriteAllText(root + "/etc/xesvmd/xesvmd.json", "{ \"backend\": \"kernel\" }");
        Assert.Equal(0, Run("install", "--root", root));
        Assert.Equal("{ \"backend\": \"kernel\" }", File.ReadAllText(root + "/etc/xesvmd/xesvmd.json"));

        Assert.Equal(0, Run("uninstall", "--root", root));
        Assert.Equal([root + "/etc/xesvmd/xesvmd.json"], Directory.GetFiles(root, "*", SearchOption.AllDirectories));
        Assert.Equal(0, Run("uninstall", "--root", root, "--purge"));
        Assert.Empty(Directory.GetFiles(root, "*", SearchOption.AllDirectories));
        Assert.Equal(2, Run("install", "--everywhere"));
    }

    private static int Run(string verb, params string[] arguments) => Installer.Run(verb, arguments, TextWriter.Null, TextWriter.Null);

    private static string Text(string name) => Encoding.UTF8.GetString(Resources.Read("Deploy/" + name));

    [GeneratedRegex("Overall exposure level for [^:]*: ([0-9.]+)")]
    private static partial Regex Exposure();

    [GeneratedRegex("\\b(xesvm|hw)_[a-z_]+")]
    private static partial Regex Words();

    [GeneratedRegex("XESVMD_[A-Z_]+")]
    private static partial Regex Variable();
}
