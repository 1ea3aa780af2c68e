using System.Globalization;
using System.Text;

using XeSvm.Interop.LibC;
using XeSvm.Interop.Native;
using XeSvm.Simulation.Server;
using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Server;

/// <summary>
/// Clients whose CPU-fault pump says what is not true, or ends, between two steps of a migration: it costs them the device, and nobody else anything.
/// </summary>
public sealed unsafe class LyingPumpTests(ITestOutputHelper output)
{
    private const ulong FirstCookie = (1UL << 32) + 1;

    /// <summary>What a call may answer that it should not: the end of the lanes, errors, and more than success.</summary>
    private static readonly int?[] s_answers = [null, -Errno.EBUSY, -Errno.ENODEV, 1];

    private static readonly PumpCall[] s_calls =
    [
        PumpCall.Vram, PumpCall.Isolate, PumpCall.Commit, PumpCall.Abort, PumpCall.RelocateBegin, PumpCall.RelocateEnd, PumpCall.Restore,
        PumpCall.Populate, PumpCall.Read, PumpCall.Write, PumpCall.TakeEvents,
    ];

    /// <remarks>XESVM_PUMPS says how many, 40 unless given.</remarks>
    [SkippableFact]
    public void A_pump_that_answers_anything_harms_its_own_process_alone()
    {
        int pumps = int.Parse(Environment.GetEnvironmentVariable("XESVM_PUMPS") ?? "40", CultureInfo.InvariantCulture);
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}, {pumps} pumps");
        using var block = new PumpBlock();
        using var machine = new ServerMachine(cpuFaults: "userfaultfd");
        for (int i = 0; i < pumps; i++)
        {
            using var liar = new LyingPump(machine.Socket, new Random(seed + i), space: (ulong)i + 2, block);
            liar.Run();
        }

        AssertUnharmed(machine, block);
    }

    [SkippableFact]
    public void Every_call_of_a_migration_may_fail_in_every_way()
    {
        using var block = new PumpBlock();
        using var machine = new ServerMachine("dual-bmg", "userfaultfd");
        foreach (PumpCall call in s_calls)
        {
            foreach (int? answer in s_answers)
            {
                using var pump = new ScriptedPump(machine.Socket, block, devices: 2);
                pump.On(call, _ => answer);
                pump.Connect();
                if (pump.Fault(0) && pump.Wait(0) && pump.Fault(1) && pump.Wait(1) && pump.Settle())
                {
                    ReadStatistics(machine);
                }
            }
        }

        AssertUnharmed(machine, block);
    }

    [SkippableTheory]
    [InlineData("Vram")]
    [InlineData("Isolate")]
    [InlineData("Commit")]
    [InlineData("Read")]
    [InlineData("RelocateBegin")]
    [InlineData("RelocateEnd")]
    public void Pages_may_be_said_to_be_home_at_any_step_of_a_migration(string step)
    {
        using var block = new PumpBlock();
        using var machine = new ServerMachine("dual-bmg", "userfaultfd");
        foreach (int answer in new[] { 0, -Errno.EBUSY, -Errno.ENOMEM })
        {
            for (ulong cookie = FirstCookie; cookie < FirstCookie + 3; cookie++)
            {
                using ServerConnection other = ServerConnection.OpenChannel(machine.Socket, 2);
                Task<int?> settling = Task.FromResult<int?>(0);
                using (var pump = new ScriptedPump(machine.Socket, block, devices: 2))
                {
                    pump.On(Enum.Parse<PumpCall>(step), _ =>
                    {
                        pump.TellHome(cookie);
                        if (settling.IsCompleted)
                        {
                            // It gets the lane when this has been answered, while the server copies.
                            settling = Task.Run(() => other.Call(new RequestMessage { Call = ServerCall.Settle }, out FileDescriptorHandle? _));
                        }

                        return answer;
                    });
                    pump.Connect();
                    _ = pump.Fault(0) && pump.Wait(0) && pump.Fault(1) && pump.Wait(1) && pump.Settle();
                }

                settling.GetAwaiter().GetResult();
            }
        }

        AssertUnharmed(machine, block);
    }

    [SkippableFact]
    public void Events_without_end_keep_nobody()
    {
        using var block = new PumpBlock();
        using var machine = new ServerMachine(cpuFaults: "userfaultfd");
        int many = PumpProtocol.DataBytes / sizeof(xesvm_pump_event);
        using (var pump = new ScriptedPump(machine.Socket, block))
        {
            pump.On(PumpCall.TakeEvents, _ => many);
            pump.Connect();
            Assert.True(pump.Fault());
            Assert.True(pump.Settle());
            ReadStatistics(machine);
        }

        AssertUnharmed(machine, block);
    }

    [SkippableFact]
    public void VRAM_that_a_client_keeps_which_has_lost_its_pump_goes_to_others()
    {
        using var block = new PumpBlock();
        PumpBlock[] blocks = [.. Enumerable.Range(0, 3).Select(_ => new PumpBlock())];
        using var machine = new ServerMachine(cpuFaults: "userfaultfd", vramBytes: 4 << 20);
        using var first = new ScriptedPump(machine.Socket, block);
        first.On(PumpCall.Restore, _ => null);
        first.Connect();
        Assert.True(first.Fault() && first.Wait());
        Assert.Contains(first.Asked, request => request.Call == PumpCall.Commit);
        List<ScriptedPump> others = [.. Enumerable.Range(0, 3).Select(i => new ScriptedPump(machine.Socket, blocks[i], (ulong)i + 3))];
        foreach (ScriptedPump other in others)
        {
            other.On(PumpCall.Restore, request =>
            {
                other.TellHome(FirstCookie);
                return 512;
            });
            other.Connect();
            Assert.True(other.Fault() && other.Wait());
            Assert.Contains(other.Asked, request => request.Call == PumpCall.Commit);
        }

        Assert.Contains(first.Asked, request => request.Call == PumpCall.Restore);
        others.ForEach(other => other.Dispose());
        first.Dispose();
        AssertUnharmed(machine, block);
        Array.ForEach(blocks, held => held.Dispose());
    }

    /// <summary>Nothing is left of those that were there, and the next client is served.</summary>
    private static void AssertUnharmed(ServerMachine machine, PumpBlock block)
    {
        machine.AwaitRest(files: 0, processes: 0, channels: 0);
        using (ServerConnection channel = ServerConnection.OpenChannel(machine.Socket))
        using (ServerConnection file = ServerConnection.OpenFile(machine.Socket))
        {
            Assert.Equal(0ul, ServerMachine.VramInUse(channel, file));
        }

        using var honest = new ScriptedPump(machine.Socket, block, space: 1000);
        honest.Connect();
        Assert.True(honest.Fault() && honest.Wait());
        Assert.Contains(honest.Asked, request => request.Call == PumpCall.Commit);
    }

    /// <summary>As another client: what it reads has to do with all.</summary>
    private static void ReadStatistics(ServerMachine machine)
    {
        using ServerConnection channel = ServerConnection.OpenChannel(machine.Socket);
        var request = new RequestMessage { Call = ServerCall.DebugFile, A = 128 };
        Encoding.ASCII.GetBytes("gt0/stats", new Span<byte>(request.Name, ServerProtocol.NameBytes));
        Assert.Equal(0, channel.Call(request, out FileDescriptorHandle? text));
        text!.Dispose();
    }
}
