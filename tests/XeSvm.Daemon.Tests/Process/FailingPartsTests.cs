using System.Globalization;
using System.Text.Json;
using XeSvm.Daemon.Tests.Support;

namespace XeSvm.Daemon.Tests.Process;

/// <summary>The daemon as a child process while something it needs does not work: it goes on with the rest, says so once, and recovers.</summary>
public sealed class FailingPartsTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public async Task With_a_full_disk_it_samples_on_without_history_and_writes_again_when_there_is_room()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "Only root can mount a file system of a given size.");
        string? unshare = ExternalTool.Find("unshare");
        Skip.If(unshare is null, "unshare is not installed (Debian package util-linux).");
        Configure();
        string disk = Directory.CreateDirectory(_folder.PathOf("disk")).FullName;
        Replace(_folder.PathOf("h.db"), disk + "/h.db");
        string[] launcher = [unshare, "--mount", "sh", "-c", "mount -t tmpfs -o size=2m tmpfs \"$0\" && exec \"$@\"", disk];
        (int code, string output) = await ExternalTool.RunAsync(launcher[0], null, [.. launcher[1..], "true"]);
        Skip.IfNot(code == 0, $"A file system cannot be mounted here: {output.Trim()}");
        await using DaemonProcess daemon = await DaemonProcess.StartAsync(_folder, launcher: launcher);
        string inside = string.Create(CultureInfo.InvariantCulture, $"/proc/{daemon.Id}/root{disk}/filler");
        await daemon.UntilAsync("/api/v1/history?last=1m&points=20", HasPoints);

        Fill(inside);
        JsonElement full = await daemon.UntilAsync("/api/v1/state", HasFaults);
        Assert.Equal("history", full.GetProperty("faults")[0].GetProperty("subject").GetString());
        await daemon.LoggedAsync("full");
        long samples = full.GetProperty("samples").GetInt64();
        await daemon.UntilAsync("/api/v1/state", state => state.GetProperty("samples").GetInt64() > samples + 5);
        Assert.Equal("healthy", (await daemon.JsonAsync("/healthz")).GetProperty("status").GetString());
        Assert.Contains("xesvm_daemon_faults_total{xesvm_fault=\"history\"}", await daemon.Client.GetStringAsync("/metrics"), StringComparison.Ordinal);

        File.Delete(inside);
        await daemon.UntilAsync("/api/v1/state", state => !HasFaults(state));
        await daemon.LoggedAsync("history: works again");
        await daemon.SignalAsync("TERM");
        Assert.Equal(0, await daemon.ExitAsync());
    }

    [Fact]
    public async Task A_database_that_another_daemon_writes_too_is_shared_without_a_loss()
    {
        Configure();
        await using DaemonProcess first = await DaemonProcess.StartAsync(_folder);
        Replace("s.sock", "t.sock");
        await using DaemonProcess second = await DaemonProcess.StartAsync(_folder, name: "other");

        await first.UntilAsync("/api/v1/state", state => state.GetProperty("samples").GetInt64() > 15);

        Assert.Empty((await first.JsonAsync("/api/v1/state")).GetProperty("faults").EnumerateArray());
        Assert.DoesNotContain("history", second.Log, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.FullPath, "*unusable*"));
    }

    [SkippableFact]
    public async Task A_folder_that_cannot_be_written_is_one_fault_and_everything_else_works()
    {
        Skip.IfNot(Directory.Exists("/sys/kernel"), "There is no sysfs, in which nobody can make files.");
        Configure();
        Replace(_folder.PathOf("h.db"), "/sys/kernel/xesvmd-test/h.db");
        await using DaemonProcess daemon = await DaemonProcess.StartAsync(_folder);

        JsonElement state = await daemon.UntilAsync("/api/v1/state", state => HasFaults(state) && state.GetProperty("faults")[0].GetProperty("count").GetInt64() > 1);

        Assert.True(state.GetProperty("samples").GetInt64() > 3);
        Assert.Equal("history", Assert.Single(state.GetProperty("faults").EnumerateArray()).GetProperty("subject").GetString());
        await daemon.LoggedAsync("/sys/kernel/xesvmd-test");
        Assert.Single(daemon.Log.Split('\n'), line => line.Contains("/sys/kernel/xesvmd-test", StringComparison.Ordinal));
        Assert.Empty((await daemon.JsonAsync("/api/v1/history")).GetProperty("series").EnumerateArray());
    }

    private static bool HasFaults(JsonElement state) => state.GetProperty("faults").EnumerateArray().Any();

    private static bool HasPoints(JsonElement answer) => answer.GetProperty("series").EnumerateArray().Any(series => series.GetProperty("points").GetArrayLength() > 0);

    private static void Fill(string path)
    {
        using FileStream filler = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
        for (int bytes = 4096; bytes > 0; bytes /= 2)
        {
            try
            {
                while (true)
                {
                    filler.Write(new byte[bytes]);
                }
            }
            catch (IOException)
            {
                // No room for so many.
            }
        }
    }

    private void Configure() => DaemonProcess.Configure(_folder, "\"probe.enabled\": \"off\"");

    private void Replace(string part, string other) =>
        _folder.Write("c.json", File.ReadAllText(_folder.PathOf("c.json")).Replace(part, other, StringComparison.Ordinal));
}
