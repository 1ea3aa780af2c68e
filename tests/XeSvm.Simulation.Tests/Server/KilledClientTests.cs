using System.Diagnostics;
using System.Globalization;
using XeSvm.Interop.Uapi;
using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Server;

/// <summary>Clients that are killed at any moment leave nothing behind.</summary>
/// <remarks>They count the threads and mappings of the process, so no other test may run meanwhile. XESVM_KILLS says how many, 12 unless given.</remarks>
[Collection(Driver.DriverConcurrencyCollection.Name)]
public sealed class KilledClientTests(ITestOutputHelper output)
{
    private const string Client = "tests/XeSvm.Simulation.Tests/Server/client.c";

    [SkippableTheory]
    [InlineData("work", "coherent")]
    [InlineData("block", "coherent")]
    [InlineData("work", "userfaultfd")]
    [InlineData("block", "userfaultfd")]
    public void A_killed_client_leaves_nothing_behind(string kind, string cpuFaults)
    {
        int kills = int.Parse(Environment.GetEnvironmentVariable("XESVM_KILLS") ?? "12", CultureInfo.InvariantCulture);
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}, {kills} kills");
        var random = new Random(seed);
        using var machine = new ServerMachine(cpuFaults: cpuFaults);
        using ServerConnection file = ServerConnection.OpenFile(machine.Socket);
        using ServerConnection channel = ServerConnection.OpenChannel(machine.Socket);
        string program = machine.Compile(Client);
        int threads = 0;
        int maps = 0;
        for (int i = 0; i < kills; i++)
        {
            using Process process = machine.Run(program, kind == "work" ? ["work", "0"] : ["block"]);
            Assert.Equal("working", process.StandardOutput.ReadLine());

            // Somewhere in its work: after so many of our own calls.
            for (int calls = random.Next(200); calls >= 0; calls--)
            {
                var version = default(drm_version);
                Assert.Equal(0, channel.Ioctl(file, Drm.DRM_IOCTL_VERSION, ref version));
            }

            process.Kill();
            process.WaitForExit();
            machine.AwaitRest(files: 1, processes: 1, channels: 1);
            Assert.Equal(0ul, ServerMachine.VramInUse(channel, file));
            if (i == kills / 2)
            {
                threads = Directory.GetDirectories("/proc/self/task").Length;
                maps = File.ReadLines("/proc/self/maps").Count();
            }
        }

        int grownThreads = Directory.GetDirectories("/proc/self/task").Length - threads;
        int grownMaps = File.ReadLines("/proc/self/maps").Count() - maps;
        output.WriteLine($"{grownThreads} threads and {grownMaps} mappings more than after half of them");
        Assert.True(grownThreads < 16, $"{grownThreads} threads more than after half of the clients");
        Assert.True(grownMaps < 200, $"{grownMaps} mappings more than after half of the clients");
    }
}
