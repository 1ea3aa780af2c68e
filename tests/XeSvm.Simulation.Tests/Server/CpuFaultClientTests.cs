using System.Diagnostics;
using System.Globalization;
using System.Text;

using XeSvm.Interop.LibC;
using XeSvm.Simulation.Server;

namespace XeSvm.Simulation.Tests.Server;

/// <summary>Unmodified programs whose device pages leave: a CPU touch brings them home, whatever becomes of program or server.</summary>
public sealed unsafe class CpuFaultClientTests
{
    private const string Client = "tests/XeSvm.Simulation.Tests/Server/faults.c";

    [SkippableTheory]
    [InlineData("coherent", 0)]
    [InlineData("userfaultfd", 512)]
    [InlineData("userfaultfd-user-mode", 512)]
    public void Memory_that_the_GPU_has_taken_is_away_until_the_program_touches_it(string cpuFaults, int away)
    {
        using var machine = new ServerMachine(cpuFaults: cpuFaults);
        Assert.Equal($"{away} pages away\n0 pages away\n", Run(machine, "touch"));
        using ServerConnection channel = ServerConnection.OpenChannel(machine.Socket);
        Dictionary<string, ulong> statistics = Statistics(channel);
        Assert.True(statistics["svm_2M_migrate_count"] >= 2, "both blocks have been in VRAM");
        Assert.True(away == 0 || statistics["svm_2M_cpu_copy_kb"] >= 2048, $"{statistics["svm_2M_cpu_copy_kb"]} KiB came home");
        machine.AwaitRest(files: 0, processes: 1, channels: 1);
        using ServerConnection file = ServerConnection.OpenFile(machine.Socket);
        Assert.Equal(0ul, ServerMachine.VramInUse(channel, file));
    }

    [SkippableTheory]
    [InlineData("coherent")]
    [InlineData("userfaultfd")]
    public void Mappings_change_with_pages_away_as_if_they_were_at_home(string cpuFaults)
    {
        Skip.If(cpuFaults == "userfaultfd" && !ServerMachine.HasFullMode, "The program reads into memory that is away, which works in the full mode only.");
        using var machine = new ServerMachine(cpuFaults: cpuFaults);
        Assert.Equal("changed\n", Run(machine, "change"));
    }

    [SkippableTheory]
    [InlineData("coherent", 0)]
    [InlineData("userfaultfd", 512)]
    [InlineData("userfaultfd-user-mode", 512)]
    public void A_forked_child_finds_the_content_of_pages_that_were_away_and_has_faults_of_its_own(string cpuFaults, int away)
    {
        using var machine = new ServerMachine(cpuFaults: cpuFaults);
        Assert.Equal($"{away} pages away from the child\n{away} pages away\n", Run(machine, "fork"));
        machine.AwaitRest(files: 0, processes: 0, channels: 0);
    }

    [SkippableTheory]
    [InlineData("coherent", 0)]
    [InlineData("userfaultfd", 512)]
    public void A_server_that_ends_takes_no_data_along(string cpuFaults, int away)
    {
        using var machine = new ServerMachine(cpuFaults: cpuFaults);
        using Process process = machine.Run(machine.Compile(Client), "stay");
        Assert.Equal($"{away} pages away", process.StandardOutput.ReadLine());
        machine.Server.Dispose();
        process.StandardInput.WriteLine();
        Assert.Equal("home\n", process.StandardOutput.ReadToEnd());
        process.WaitForExit();
        Assert.Equal((0, ""), (process.ExitCode, process.StandardError.ReadToEnd()));
    }

    [SkippableFact]
    public void Programs_that_need_more_VRAM_than_there_is_push_each_others_pages_home()
    {
        // Seven blocks each, and room for eight.
        using var machine = new ServerMachine(cpuFaults: "userfaultfd", vramBytes: 16 << 20);
        string program = machine.Compile(Client);
        Process[] processes = [.. Enumerable.Range(0, 3).Select(_ => machine.Run(program, "stay"))];
        Assert.All(processes, process => Assert.EndsWith("pages away", process.StandardOutput.ReadLine(), StringComparison.Ordinal));
        foreach (Process process in processes)
        {
            process.StandardInput.WriteLine();
            Assert.Equal("home\n", process.StandardOutput.ReadToEnd());
            process.WaitForExit();
            Assert.Equal((0, ""), (process.ExitCode, process.StandardError.ReadToEnd()));
            process.Dispose();
        }
    }

    [SkippableFact]
    public void A_program_that_is_stopped_keeps_no_VRAM_from_others_and_finds_its_data_when_it_goes_on()
    {
        using var machine = new ServerMachine(cpuFaults: "userfaultfd", vramBytes: 16 << 20);
        machine.Server.Patience = TimeSpan.FromMilliseconds(100);
        string program = machine.Compile(Client);
        using Process stopped = machine.Run(program, "stay");
        Assert.Equal("512 pages away", stopped.StandardOutput.ReadLine());
        Signal(stopped, "STOP");
        machine.Server.Patience = TimeSpan.FromSeconds(30);
        using Process other = machine.Run(program, "stay");
        Assert.Equal("512 pages away", other.StandardOutput.ReadLine());
        Signal(stopped, "CONT");
        foreach (Process process in new[] { stopped, other })
        {
            process.StandardInput.WriteLine();
            Assert.Equal("home\n", process.StandardOutput.ReadToEnd());
            process.WaitForExit();
            Assert.Equal((0, ""), (process.ExitCode, process.StandardError.ReadToEnd()));
        }

        machine.AwaitRest(files: 0, processes: 0, channels: 0);
    }

    [SkippableTheory]
    [InlineData("userfaultfd")]
    [InlineData("userfaultfd-user-mode")]
    public void Memory_of_two_devices_is_joined_on_one_without_coming_home(string cpuFaults)
    {
        using var machine = new ServerMachine("dual-bmg", cpuFaults);
        Assert.Equal("16 pages away\n512 pages away, 0 of a part came home\n", Run(machine, "join"));
        machine.AwaitRest(files: 0, processes: 0, channels: 0);
    }

    [SkippableFact]
    public void A_pump_that_is_connected_by_a_process_without_memory_of_its_own_is_refused()
    {
        using var machine = new ServerMachine(cpuFaults: "userfaultfd");
        Assert.Equal(-Errno.EINVAL, Lane(0, 1).Card.Result);
        using ServerConnection channel = ServerConnection.OpenChannel(machine.Socket);
        Assert.Equal(-Errno.EINVAL, Lane(2, 1).Card.Result);
        Assert.Equal(-Errno.EINVAL, Lane(0, 3).Card.Result);
        using ServerConnection first = Lane(0, 1);
        Assert.Equal(0, first.Card.Result);
        Assert.Equal(-Errno.EBUSY, Lane(0, 1).Card.Result);
        Assert.Equal(0, channel.Call(new RequestMessage { Call = ServerCall.Settle }, out _));

        ServerConnection Lane(uint kind, uint mode) => ServerConnection.Open(machine.Socket, ConnectionKind.Pump, kind | mode << 8);
    }

    private static void Signal(Process process, string signal)
    {
        using Process kill = Process.Start("kill", [$"-{signal}", process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
        Assert.Equal(0, kill.ExitCode);
    }

    private static string Run(ServerMachine machine, string what)
    {
        using Process process = machine.Run(machine.Compile(Client), what);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal((0, ""), (process.ExitCode, errors.GetAwaiter().GetResult()));
        return text;
    }

    private static Dictionary<string, ulong> Statistics(ServerConnection channel)
    {
        var request = new RequestMessage { Call = ServerCall.DebugFile, A = 128 };
        Encoding.ASCII.GetBytes("gt0/stats", new Span<byte>(request.Name, ServerProtocol.NameBytes));
        Assert.Equal(0, channel.Call(request, out FileDescriptorHandle? text));
        byte[] bytes = new byte[8192];
        int length = SystemCalls.ReadAt(text!, 0, bytes);
        text!.Dispose();
        return Encoding.UTF8.GetString(bytes, 0, length).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(": ")).ToDictionary(parts => parts[0], parts => ulong.Parse(parts[1], CultureInfo.InvariantCulture));
    }
}
