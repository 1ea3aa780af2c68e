using XeSvm.Daemon.Settings;
using XeSvm.Daemon.Tests.Support;

namespace XeSvm.Daemon.Tests.Settings;

public sealed class SettingsLoaderTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Without_anything_the_defaults_are_in_force_and_the_table_tells_the_same_defaults()
    {
        DaemonSettings fromTable = SettingTable.All.Aggregate(new DaemonSettings(), (settings, setting) => setting.Apply(settings, setting.Default));

        Assert.True(SettingsText.Of(fromTable).Count >= 30);
        Assert.Equal(SettingsText.Of(new DaemonSettings()), SettingsText.Of(fromTable));
        Assert.Equal(SettingsText.Of(fromTable), SettingsText.Of(Load([], []).Settings));
    }

    [Fact]
    public void The_file_beats_defaults_the_environment_beats_the_file_and_the_command_line_beats_all()
    {
        string file = _folder.Write("c.json", """{ "sampling": { "interval": "2s" }, "probe.batches": 7, "alarm": { "sigmas": 5 }, /* why */ "http": { "listen": ["127.0.0.1:1", "unix:/run/x"] }, }""");

        LoadedSettings loaded = Load(
            ["--config", file, "--alarm.sigmas=9"],
            new() { ["XESVMD_PROBE_BATCHES"] = "8", ["XESVMD_ALARM_SIGMAS"] = "7", ["PATH"] = "/bin" });

        Assert.Equal(TimeSpan.FromSeconds(2), loaded.Settings.SamplingInterval);
        Assert.Equal(8, loaded.Settings.ProbeBatches);
        Assert.Equal(9, loaded.Settings.AlarmSigmas);
        Assert.Equal(["127.0.0.1:1", "unix:/run/x"], loaded.Settings.Listen);
        Assert.Equal(file, loaded.Origins["sampling.interval"]);
        Assert.Equal("environment", loaded.Origins["probe.batches"]);
        Assert.Equal("command line", loaded.Origins["alarm.sigmas"]);
    }

    [Fact]
    public void Every_fault_is_told_at_once_with_its_origin_and_what_is_valid()
    {
        string file = _folder.Write("c.json", """{ "smpling": { "interval": "2s" }, "probe": { "batches": 1, "sizes": ["2M", "3M"] }, "history": { "path": null } }""");

        SettingsException exception = Assert.Throws<SettingsException>(() => Load(
            ["--config", file, "--backend", "gpu", "serve", "--log.level"],
            new() { ["XESVMD_SAMPLING_INTERVALL"] = "1s", ["XESVMD_SOFTWARE_FAULTS"] = "moon:at=1" }));

        string[] expected =
        [
            $"{file}: there is no setting 'smpling.interval'; 'sampling.interval' is the nearest.",
            $"{file}: probe.batches is '1': a number from 3 to 50 is valid.",
            $"{file}: probe.sizes is '2M,3M': ",
            $"{file}: history.path is neither text",
            "environment: there is no setting XESVMD_SAMPLING_INTERVALL; XESVMD_SAMPLING_INTERVAL is the nearest.",
            "environment: software.faults is 'moon:at=1': ",
            "command line: backend is 'gpu': auto, kernel and software are valid.",
            "command line: 'serve' is not an option",
            "command line: --log.level has no value.",
        ];
        Assert.All(expected, start => Assert.Contains(exception.Errors, error => error.StartsWith(start, StringComparison.Ordinal)));
        Assert.Equal(expected.Length, exception.Errors.Count);
    }

    [Theory]
    [InlineData("{", "c.json")]
    [InlineData("[1]", "is not a JSON object")]
    [InlineData("{ \"backend\": \"auto\", \"backend\": \"kernel\" }", "c.json")]
    public void A_file_that_is_no_configuration_is_an_error_with_its_name(string text, string part)
    {
        string file = _folder.Write("c.json", text);

        Assert.Contains(part, Assert.Throws<SettingsException>(() => Load(["--config", file], [])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_named_file_that_is_missing_is_an_error()
    {
        Assert.Contains("gone.json", Assert.Throws<SettingsException>(() => Load(["--config", _folder.PathOf("gone.json")], [])).Message, StringComparison.Ordinal);
        Assert.Contains("gone.json", Assert.Throws<SettingsException>(() => Load([], new() { ["XESVMD_CONFIG"] = _folder.PathOf("gone.json") })).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sampling.interval", "99ms")]
    [InlineData("sampling.interval", "1")]
    [InlineData("sampling.interval", "99999999999999999999s")]
    [InlineData("history.maximum-size", "1023K")]
    [InlineData("history.maximum-size", "9999999999G")]
    [InlineData("http.listen", "example.com:80")]
    [InlineData("http.listen", "127.0.0.1")]
    [InlineData("http.listen", "unix:relative")]
    [InlineData("http.listen", "")]
    [InlineData("http.socket-mode", "0888")]
    [InlineData("http.socket-mode", "77777")]
    [InlineData("otlp.endpoint", "ftp://x")]
    [InlineData("alarm.sigmas", "NaN")]
    [InlineData("alarm.sigmas", "1e400")]
    [InlineData("software.vram", "3M")]
    [InlineData("software.device", "no-such")]
    [InlineData("probe.profile", "no-such")]
    [InlineData("probe.sizes", "2M,2M")]
    [InlineData("software.iommu", "3")]
    public void Values_out_of_their_range_are_refused(string key, string value) =>
        Assert.Contains(key, Assert.Throws<SettingsException>(() => Load([$"--{key}", value], [])).Message, StringComparison.Ordinal);

    [Fact]
    public void A_reload_takes_all_or_nothing()
    {
        string file = _folder.Write("c.json", """{ "sampling": { "interval": "2s" } }""");
        SettingsHolder holder = new(new SettingsLoader(["--config", file], new Dictionary<string, string>()));
        int changes = 0;
        holder.Changed += _ => changes++;

        _folder.Write("c.json", """{ "sampling": { "interval": "3s" }, "alarm": { "sigmas": "many" } }""");
        Assert.Throws<SettingsException>(holder.Reload);
        Assert.Equal(TimeSpan.FromSeconds(2), holder.Current.SamplingInterval);

        _folder.Write("c.json", """{ "sampling": { "interval": "3s" }, "history": { "path": "/elsewhere.db" } }""");
        SettingsException needsRestart = Assert.Throws<SettingsException>(holder.Reload);
        Assert.Contains("history.path cannot be changed", needsRestart.Message, StringComparison.Ordinal);
        Assert.Equal(TimeSpan.FromSeconds(2), holder.Current.SamplingInterval);
        Assert.Equal(0, changes);

        _folder.Write("c.json", """{ "sampling": { "interval": "3s" } }""");
        Assert.Equal(["sampling.interval"], holder.Reload());
        Assert.Equal(TimeSpan.FromSeconds(3), holder.Current.SamplingInterval);
        Assert.Equal(1, changes);
    }

    [Fact]
    public void Who_has_gone_is_not_told_of_a_reload_that_is_under_way()
    {
        string file = _folder.Write("c.json", """{ "sampling": { "interval": "2s" } }""");
        SettingsHolder holder = new(new SettingsLoader(["--config", file], new Dictionary<string, string>()));
        bool isGone = false;
        bool toldTooLate = false;
        Thread? going = null;
        holder.Changed += Hold;
        holder.Changed += Listen;
        _folder.Write("c.json", """{ "sampling": { "interval": "3s" } }""");
        holder.Reload();
        going!.Join();
        Assert.True(isGone);
        Assert.False(toldTooLate, "It was told after it had gone, when what it would change may be disposed.");

        void Hold(DaemonSettings changed)
        {
            going = new Thread(() =>
            {
                holder.Changed -= Listen;
                Volatile.Write(ref isGone, true);
            });
            going.Start();
            going.Join(TimeSpan.FromMilliseconds(100)); // it cannot go before all have been told
        }

        void Listen(DaemonSettings changed) => toldTooLate = Volatile.Read(ref isGone);
    }

    private static LoadedSettings Load(string[] arguments, Dictionary<string, string> environment) => new SettingsLoader(arguments, environment).Load();
}
