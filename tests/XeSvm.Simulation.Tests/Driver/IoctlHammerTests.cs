using XeSvm.Interop.Uapi;

using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>Sixteen threads call everything with anything.</summary>
[Collection(DriverConcurrencyCollection.Name)]
public sealed unsafe class IoctlHammerTests(ITestOutputHelper output)
{
    private const int Threads = 16;
    private const uint MoreIdsThanGiven = 3000;
    private const ulong ArenaBytes = 16 << 20;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    [Theory]
    [InlineData("coherent", 1500)]
    [InlineData("auto", 700)]
    public void Random_calls_of_many_threads_crash_nothing_and_leave_nothing_behind(string cpuFaults, int steps)
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var options = new SoftwareBackendOptions { VramBytes = 32 << 20, CpuFaults = cpuFaults };
        using (new DrmClient(options))
        {
            // What the process keeps after its first device.
        }

        ProcessResources before = ProcessResources.Now;
        ulong arena = DrmClient.Map(ArenaBytes, 2 << 20);
        using (var first = new DrmClient(options))
        {
            using var second = new DrmClient(first);
            DrmClient[] clients = [first, second];
            var hammers = new RandomIoctls[Threads];
            var failures = new Exception?[Threads];
            Thread[] threads = [.. Enumerable.Range(0, Threads).Select(index => new Thread(() =>
            {
                hammers[index] = new RandomIoctls(clients[index % 2].File, arena, ArenaBytes, seed + index);
                failures[index] = Record.Exception(() => Hammer(hammers[index], steps));
            }))];
            Array.ForEach(threads, thread => thread.Start());

            // One of the files goes away while it is in use.
            Assert.True(threads[1].Join(s_patience), "A thread hangs.");
            second.File.Dispose();
            Assert.All(threads, thread => Assert.True(thread.Join(s_patience), "A thread hangs."));
            Assert.All(failures, Assert.Null);
            output.WriteLine($"{hammers.Sum(hammer => hammer.Successes)} of {Threads * steps} calls succeeded");
            Assert.True(hammers.Sum(hammer => hammer.Successes) > Threads * steps / 20, "Hardly any call got through the checks.");
            Array.ForEach(hammers, hammer => hammer.UnmapAll());
            CheckIds(first);
            CheckEmpty(first);
        }

        DrmClient.Unmap(arena, ArenaBytes);
        before.AssertNothingAdded();
    }

    private static void Hammer(RandomIoctls hammer, int steps)
    {
        for (int step = 0; step < steps; step++)
        {
            if (hammer.Step() == -Errno.EBADF)
            {
                return;
            }
        }
    }

    /// <summary>Every id that the tables know ends exactly once, and then the lowest ones are given again.</summary>
    private static void CheckIds(DrmClient client)
    {
        for (uint id = 0; id < MoreIdsThanGiven; id++)
        {
            bool queue = client.Software.Queues.TryGet(id, out _);
            Assert.Equal(queue ? 0 : -Errno.ENOENT, client.DestroyQueue(id));
            bool handle = client.Software.Handles.TryGet(id, out _);
            Assert.Equal(handle ? 0 : -Errno.EINVAL, client.CloseBo(id));
        }

        // Queues first: in preempt mode they forbid it.
        for (uint id = 0; id < MoreIdsThanGiven; id++)
        {
            bool vm = client.Software.Vms.TryGet(id, out _);
            Assert.Equal(vm ? 0 : -Errno.ENOENT, client.DestroyVm(id));
        }

        Assert.Equal((1u, 1u), (client.CreateVm(0), client.CreateBo(0x1000)));
        Assert.Equal(1u, client.CreateQueue(1));
        Assert.Equal((0, 0, 0), (client.DestroyQueue(1), client.DestroyVm(1), client.CloseBo(1)));
    }

    private static void CheckEmpty(DrmClient client)
    {
        Assert.Equal((0, 0ul), (client.Device.CpuMappings.Count, client.Device.SystemMemoryUse));

        // What is in VRAM still is memory of the client.
        client.Device.Pagemap.EvictAll();
        Assert.Equal(0ul, client.Device.Vram.Used);
    }
}
