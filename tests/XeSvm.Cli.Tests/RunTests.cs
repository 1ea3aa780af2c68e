using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace XeSvm.Cli.Tests;

/// <summary><c>xesvm run</c> and <c>serve</c>: unmodified programs with a software device.</summary>
public sealed class RunTests : IDisposable
{
    private readonly TestFolder _folder = new();

    private static string Tool => Path.Combine(AppContext.BaseDirectory, "XeSvm.Cli");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_C_sample_runs_without_a_card_and_leaves_nothing()
    {
        string program = CompileSample();
        string[] before = Directory.GetDirectories(Path.GetTempPath(), "xesvm-*");
        (int code, string output, string error) = Run("run", "--", program);
        Assert.Equal((0, "the GPU wrote 42\n", ""), (code, output, error));
        Assert.DoesNotContain(Directory.GetDirectories(Path.GetTempPath(), "xesvm-*").Except(before), folder => File.Exists(Path.Combine(folder, "device")));
    }

    [Fact]
    public void A_program_finds_the_nodes_of_the_device()
    {
        string program = CompileSample();
        Assert.Equal(0, Run("run", "--", program, "/dev/dri/card0").Code);
        (int code, _, string error) = Run("run", "--", program, "/dev/dri/card9");
        Assert.Equal(1, code);
        Assert.Contains("open: No such file or directory", error, StringComparison.Ordinal);
        Assert.Contains("svm_pagefault_count: 0", Run("run", "--", "cat", "/sys/kernel/debug/dri/0/gt0/stats").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_program_that_lists_the_folder_of_nodes_finds_them_first_and_other_folders_as_they_are()
    {
        (int code, string output, string error) = Run("run", "--", "ls", "-f", "/dev/dri");
        Assert.Equal((0, ""), (code, error));
        Assert.StartsWith(".\n..\ncard0\nrenderD128\n", output, StringComparison.Ordinal);
        Assert.Equal(output.Split('\n').Length, output.Split('\n').Distinct().Count());
        Assert.Equal((0, output, ""), Run("run", "--", "ls", "-f", "/dev/dri/"));

        Directory.CreateDirectory(_folder.PathOf("dri"));
        File.WriteAllText(_folder.PathOf("dri/card0"), "");
        Assert.Equal((0, "card0\n", ""), Run("run", "--", "ls", _folder.PathOf("dri")));
        Assert.Equal(2, Run("run", "--", "ls", _folder.PathOf("nonesuch")).Code);
    }

    [Theory]
    [InlineData("exit 0", 0)]
    [InlineData("exit 7", 7)]
    [InlineData("kill -KILL $$", 137)]
    public void The_exit_code_is_the_programs(string script, int expected) => Assert.Equal(expected, Run("run", "--", "sh", "-c", script).Code);

    [Fact]
    public void A_program_that_cannot_be_run_is_127()
    {
        (int code, _, string error) = Run("run", "--", "/nonesuch/program");
        Assert.Equal(127, code);
        Assert.StartsWith("xesvm: '/nonesuch/program' cannot be run: ", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_without_a_program_is_a_usage_error() => Assert.Equal(ExitCode.Usage, CliRun.Of("run").ExitCode);

    [SkippableFact]
    public void CPU_faults_of_a_program_are_noticed_when_that_is_asked_for()
    {
        string program = CompileSample();
        const string script = "\"$0\" && cat /sys/kernel/debug/dri/0/gt0/stats";
        (int code, string output, string error) = Run("run", "--cpu-faults", "userfaultfd", "--", "sh", "-c", script, program);
        Skip.If(error.Contains("cannot be noticed", StringComparison.Ordinal), error);
        Assert.Equal((0, ""), (code, error));
        Assert.StartsWith("the GPU wrote 42\n", output, StringComparison.Ordinal);
        Assert.Contains("svm_2M_cpu_copy_kb: 2048\n", output, StringComparison.Ordinal);
        Assert.Contains("svm_2M_cpu_copy_kb: 0\n", Run("run", "--cpu-faults", "coherent", "--", "sh", "-c", script, program).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_way_to_notice_CPU_faults_that_there_is_not_is_refused()
    {
        (int code, string output, string error) = Run("run", "--cpu-faults", "by-magic", "--", "true");
        Assert.Equal((ExitCode.Usage, ""), (code, output));
        Assert.Contains("'by-magic' is no way to notice CPU faults; auto, userfaultfd, userfaultfd-user-mode, coherent are.", error, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("coherent", 0)]
    [InlineData("userfaultfd", 512)]
    public void A_server_that_is_killed_takes_no_data_along(string cpuFaults, int away)
    {
        string program = Compile("../XeSvm.Simulation.Tests/Server/faults.c", "-I", SourceOf("../../samples/HelloC"));
        string socket = _folder.PathOf("device");
        using Process server = Start("serve", "--socket", socket, "--cpu-faults", cpuFaults);
        Task<string> errors = server.StandardError.ReadToEndAsync();
        string? setting = server.StandardOutput.ReadLine();
        Skip.If(setting is null, setting is null ? errors.GetAwaiter().GetResult() : "");
        string preload = server.StandardOutput.ReadLine()!;
        var start = new ProcessStartInfo("env", [setting!, preload, program, "stay"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        using Process client = Process.Start(start)!;
        Assert.Equal($"{away} pages away", client.StandardOutput.ReadLine());
        server.Kill();
        server.WaitForExit();
        client.StandardInput.WriteLine();
        Assert.Equal("home\n", client.StandardOutput.ReadToEnd());
        client.WaitForExit();
        Assert.Equal(0, client.ExitCode);
    }

    [Theory]
    [InlineData("-INT")]
    [InlineData("-TERM")]
    public void A_server_serves_until_it_is_told_to_end_and_removes_its_socket(string signal)
    {
        string program = CompileSample();
        string socket = _folder.PathOf("device");
        using Process server = Start("serve", "--socket", socket);
        string setting = server.StandardOutput.ReadLine()!;
        string preload = server.StandardOutput.ReadLine()!;
        Assert.Equal($"XESVM_SERVER={socket}", setting);
        Assert.StartsWith("LD_PRELOAD=/", preload, StringComparison.Ordinal);
        using (Process client = Process.Start("env", [setting, preload, program]))
        {
            client.WaitForExit();
            Assert.Equal(0, client.ExitCode);
        }

        (int code, _, string error) = Run("serve", "--socket", socket);
        Assert.Equal(ExitCode.Failure, code);
        Assert.Contains("Address already in use", error, StringComparison.OrdinalIgnoreCase);
        using (Process kill = Process.Start("kill", [signal, $"{server.Id}"]))
        {
            kill.WaitForExit();
        }

        server.WaitForExit();
        Assert.False(File.Exists(socket));
    }

    private static string SourceOf(string name, [CallerFilePath] string path = "") => Path.Combine(Path.GetDirectoryName(path)!, name);

    private string CompileSample()
    {
        const string sample = "../../samples/HelloC/hello_xe.c";
        Assert.InRange(File.ReadLines(SourceOf(sample)).Count(), 40, 75);
        return Compile(sample);
    }

    private string Compile(string source, params string[] options)
    {
        string program = _folder.PathOf(Path.GetFileNameWithoutExtension(source));
        using Process compiler = Process.Start("cc", [.. options, "-Wall", "-Wextra", "-Werror", "-o", program, SourceOf(source)]);
        compiler.WaitForExit();
        Assert.Equal(0, compiler.ExitCode);
        return program;
    }

    private static (int Code, string Output, string Error) Run(params string[] arguments) => Run([], arguments);

    private static (int Code, string Output, string Error) Run((string Name, string Value)[] settings, params string[] arguments)
    {
        using Process process = Start(settings, arguments);
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }

    private static Process Start(params string[] arguments) => Start([], arguments);

    private static Process Start((string Name, string Value)[] settings, string[] arguments)
    {
        // A shell that starts the tests in the background lets them ignore SIGINT, and so would the tool.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", Tool, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["XESVM_VRAM_BYTES"] = "67108864";
        foreach ((string name, string value) in settings)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }
}
