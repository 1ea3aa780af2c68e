using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using XeSvm.Daemon.Tests.Support;

namespace XeSvm.Daemon.Tests.Process;

/// <summary>Unmodified programs that use the devices of the daemon: its own user's, and those of others that the settings let in.</summary>
public sealed class ServedProgramsTests : IDisposable
{
    private const string User = "4711";
    private const string Group = "815";

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public async Task Unmodified_programs_use_the_devices_that_it_watches_also_after_it_was_killed()
    {
        string program = await CompileAsync();
        string socket = _folder.PathOf("device");
        Configure($", \"server.socket\": \"{socket}\"");
        for (int start = 0; start < 2; start++)
        {
            await using DaemonProcess daemon = await DaemonProcess.StartAsync(_folder);
            await daemon.LoggedAsync($"XESVM_SERVER={socket}");

            (int code, string output) = await RunAsync([], socket, program);

            Assert.True(code == 0, output);
            await daemon.UntilAsync("/api/v1/state", state => state.GetProperty("devices")[0].GetProperty("gts")[0].TryGetProperty("last_minute", out JsonElement minute)
                && minute.GetProperty("sizes").EnumerateObject().Sum(size => size.Value.GetProperty("faults").GetInt64()) > 0);
            await daemon.SignalAsync(start == 0 ? "KILL" : "TERM");
            Assert.Equal(start == 0 ? 137 : 0, await daemon.ExitAsync());
            Assert.Equal(start == 0, File.Exists(socket));
        }
    }

    [SkippableFact]
    public async Task As_a_user_of_its_own_like_the_unit_it_serves_the_members_of_the_group_and_nobody_else()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "Only root can act as others.");
        string? setpriv = ExternalTool.Find("setpriv");
        Skip.If(setpriv is null, "setpriv is not installed (Debian package util-linux).");
        string program = await CompileAsync();
        string socket = Folder("run") + "/device";
        Configure($", \"server\": {{ \"socket\": \"{socket}\", \"socket-group\": \"{Group}\", \"socket-mode\": \"0660\" }}");
        await using DaemonProcess daemon = await DaemonProcess.StartAsync(_folder, launcher: await LauncherAsync(setpriv));
        await daemon.LoggedAsync($"XESVM_SERVER={socket}");
        Assert.Equal("4711|815|660", (await ExternalTool.RunAsync("/usr/bin/stat", null, "-c", "%u|%g|%a", socket)).Output.Trim());

        foreach ((string[] who, bool served) in new (string[], bool)[]
        {
            (["--reuid=4712", "--regid=4712", "--groups=99,815"], true),
            (["--reuid=4713", "--regid=815", "--clear-groups"], true),
            (["--reuid=4711", "--regid=4711", "--clear-groups"], true),
            (["--reuid=4714", "--regid=4714", "--groups=99,816"], false),
        })
        {
            await AssertServedAsync([setpriv, .. who], socket, program, served);
        }

        // The credentials decide, whatever somebody has made of the mode.
        File.SetUnixFileMode(socket, (UnixFileMode)0b110_110_110);
        await AssertServedAsync([setpriv, "--reuid=4714", "--regid=4714", "--clear-groups"], socket, program, served: false);
        await AssertServedAsync([setpriv, "--reuid=4712", "--regid=815", "--clear-groups"], socket, program, served: true);
        await daemon.SignalAsync("TERM");
        Assert.Equal(0, await daemon.ExitAsync());
    }

    [SkippableTheory]
    [InlineData("\"socket-group\": \"816\"", "cannot be given to user 4711 and group 816")]
    [InlineData("\"socket-owner\": \"4712\"", "cannot be given to user 4712 and group")]
    public async Task What_it_may_not_do_for_others_is_a_fault_that_says_what_is_missing(string rest, string reason)
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "Only root can act as others.");
        string? setpriv = ExternalTool.Find("setpriv");
        Skip.If(setpriv is null, "setpriv is not installed (Debian package util-linux).");
        string socket = Folder("run") + "/device";
        Configure($", \"server\": {{ \"socket\": \"{socket}\", {rest} }}");
        await using DaemonProcess daemon = await DaemonProcess.StartAsync(_folder, launcher: await LauncherAsync(setpriv));

        JsonElement state = await daemon.UntilAsync("/api/v1/state", state => state.GetProperty("faults").GetArrayLength() > 0);

        JsonElement fault = Assert.Single(state.GetProperty("faults").EnumerateArray());
        Assert.Equal("server", fault.GetProperty("subject").GetString());
        Assert.Contains(reason, fault.GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.PathOf("run")));
        Assert.Equal("healthy", (await daemon.JsonAsync("/healthz")).GetProperty("status").GetString());
    }

    private static async Task AssertServedAsync(IReadOnlyList<string> launcher, string socket, string program, bool served)
    {
        (int code, string output) = await RunAsync(launcher, socket, program);
        Assert.True(served == (code == 0), $"{string.Join(' ', launcher)}: {code} {output}");
        Assert.Contains(served ? "the GPU wrote 42" : "open: ", output, StringComparison.Ordinal);
    }

    private static Task<(int ExitCode, string Output)> RunAsync(IReadOnlyList<string> launcher, string socket, string program)
    {
        string[] command = [.. launcher, "/usr/bin/env", $"XESVM_SERVER={socket}", $"LD_PRELOAD={Path.Combine(Path.GetDirectoryName(program)!, "libxesvm_preload.so")}", program];
        return ExternalTool.RunAsync(command[0], null, command[1..]);
    }

    /// <summary>Makes the program, and puts the preload library beside it: everybody may read both.</summary>
    private async Task<string> CompileAsync()
    {
        string? compiler = ExternalTool.Find("cc");
        Skip.If(compiler is null, "There is no C compiler.");
        string folder = Folder("bin");
        string program = Path.Combine(folder, "hello_xe");
        (int code, string output) = await ExternalTool.RunAsync(compiler, null, "-I", Samples(), "-o", program, Path.Combine(Samples(), "hello_xe.c"));
        Assert.True(code == 0, output);
        File.Copy(Path.Combine(AppContext.BaseDirectory, "libxesvm_preload.so"), Path.Combine(folder, "libxesvm_preload.so"));
        return program;
    }

    /// <summary>What starts the daemon as the unit does: a user and a group of its own, one privilege, none to be gained, and a strict umask.</summary>
    private async Task<string[]> LauncherAsync(string setpriv)
    {
        const string Capabilities = "-all,+dac_read_search";
        string[] launcher =
        [
            setpriv, $"--reuid={User}", $"--regid={User}", $"--groups={Group}", "--no-new-privs", "--bounding-set=" + Capabilities,
            "--inh-caps=" + Capabilities, "--ambient-caps=" + Capabilities, "sh", "-c", "umask 077; exec \"$0\" \"$@\"",
        ];
        (int code, string output) = await ExternalTool.RunAsync(launcher[0], null, [.. launcher[1..], "true"]);
        Skip.IfNot(code == 0, $"Privileges cannot be given away here: {output.Trim()}");
        (code, output) = await ExternalTool.RunAsync("/bin/chown", null, "-R", $"{User}:{User}", _folder.FullPath);
        Assert.True(code == 0, output);
        return launcher;
    }

    /// <summary>A folder that everybody may pass.</summary>
    private string Folder(string name)
    {
        const UnixFileMode Passable = (UnixFileMode)0b111_101_101;
        File.SetUnixFileMode(_folder.FullPath, Passable);
        return Directory.CreateDirectory(_folder.PathOf(name), Passable).FullName;
    }

    private static string Samples([System.Runtime.CompilerServices.CallerFilePath] string path = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "../../../samples/HelloC"));

    private void Configure(string rest) => DaemonProcess.Configure(_folder, "\"probe.enabled\": \"off\"" + rest);
}
