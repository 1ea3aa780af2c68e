using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Dma;

/// <summary>Many processors on one domain: nothing lost, no overlap, no leak, and no access to what is unmapped.</summary>
public class DmaConcurrencyTests(ITestOutputHelper output)
{
    private const ulong Page = 4096;
    private const int Threads = 8;

    [Theory]
    [InlineData(IommuMode.Strict, true)]
    [InlineData(IommuMode.Strict, false)]
    [InlineData(IommuMode.Lazy, true)]
    [InlineData(IommuMode.Lazy, false)]
    public void Eight_threads_map_access_and_unmap_with_all_strategies_and_leave_nothing(IommuMode mode, bool coherent)
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        OperationCounters counters = new();
        using IommuDomain domain = new(new IommuOptions { Mode = mode, CoherentWalker = coherent, Processors = 4 }, counters);
        string?[] errors = RunThreads(t => MapAndUnmap(new DmaDevice($"gpu{t}", domain), new Random(seed + t), t, counters));
        Assert.All(errors, Assert.Null);
        domain.RunFlushTimer();
        DmaAudit audit = DmaAudit.Run(domain);
        audit.CheckBalance(counters.ReadAll());
        Assert.True(audit.IsClean && audit.OpenWindows == 0, audit.ToString());
        Assert.Equal((0L, 0L), (domain.Faults.Count, domain.Misuses.Count));
    }

    [Theory]
    [InlineData(IommuMode.Strict, true)]
    [InlineData(IommuMode.Strict, false)]
    [InlineData(IommuMode.Lazy, true)]
    public void An_access_that_begins_after_an_unmap_never_reaches_the_page(IommuMode mode, bool coherent)
    {
        using IommuDomain domain = new(new IommuOptions { Mode = mode, CoherentWalker = coherent, Processors = 4 });
        DmaDevice device = new("gpu0", domain);
        const int Rounds = 40_000;
        long dead = -1;
        ulong current = 0;
        bool done = false;
        string? error = null;
        int reached = 0;
        Thread engine = new(() =>
        {
            while (!Volatile.Read(ref done) && error is null)
            {
                long deadBefore = Volatile.Read(ref dead);
                if (device.Translate(Volatile.Read(ref current), write: false, out ulong physical) == 0)
                {
                    reached++;
                    long mapping = (long)((physical - PageShapes.Base) / Page);
                    if (mapping <= deadBefore)
                    {
                        error = $"Mapping {mapping} was reached after mapping {deadBefore} had been unmapped.";
                    }
                }
            }
        });
        engine.Start();
        DmaWork work = default;
        for (long k = 0; k < Rounds; k++)
        {
            Assert.Equal(0, device.MapPage(PageShapes.Base + ((ulong)k * Page), Page, DmaDirection.ToDevice, ref work, out ulong address));
            Volatile.Write(ref current, address);
            Thread.SpinWait(20);
            Assert.Equal(0, device.UnmapPage(address, Page, DmaDirection.ToDevice, ref work));
            Volatile.Write(ref dead, k);
        }

        Volatile.Write(ref done, true);
        engine.Join();
        output.WriteLine($"{reached} accesses reached memory");
        Assert.Null(error);
        domain.RunFlushTimer();
        Assert.Equal("clean", DmaAudit.Run(domain).ToString());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_walk_never_goes_astray_in_tables_that_are_freed_and_used_again(bool coherent)
    {
        // Each address always leads to the same page, so an access finds that page or nothing, whatever tables come and go.
        using IommuDomain domain = new(new IommuOptions { Mode = IommuMode.Strict, CoherentWalker = coherent, Processors = 4 });
        ulong lowest = ulong.MaxValue;
        bool done = false;
        string? stray = null;
        Thread engine = new(() =>
        {
            DmaDevice device = new("gpu8", domain);
            for (ulong i = 0; !Volatile.Read(ref done) && stray is null; i++)
            {
                ulong address = Volatile.Read(ref lowest) + (i * 7919 % (4096 * 6) * Page);
                if (address < 1UL << 32 && device.Translate(address, write: false, out ulong physical) == 0 && physical != PageShapes.Base + address)
                {
                    stray = $"0x{address:x} reached 0x{physical:x}.";
                }
            }
        });
        engine.Start();
        string?[] errors = RunThreads(t =>
        {
            DmaDevice device = new($"gpu{t}", domain);
            DmaWork work = default;
            for (int round = 0; round < 250; round++)
            {
                IovaState state = default;
                if (!device.TryAllocIova(ref state, 0, 512 * Page, ref work))
                {
                    return "No addresses.";
                }

                for (ulong low = Volatile.Read(ref lowest); state.Address < low; low = Volatile.Read(ref lowest))
                {
                    Interlocked.CompareExchange(ref lowest, state.Address, low);
                }

                for (ulong i = 0; i < 512; i++)
                {
                    device.Link(ref state, PageShapes.Base + state.Address + (i * Page), i * Page, Page, DmaDirection.ToDevice, ref work);
                }

                device.Sync(ref state, 0, 512 * Page, ref work);
                device.Destroy(ref state, 512 * Page, DmaDirection.ToDevice, ref work);
            }

            return null;
        });
        Volatile.Write(ref done, true);
        engine.Join();
        Assert.All(errors, Assert.Null);
        Assert.Null(stray);
        Assert.Equal("clean", DmaAudit.Run(domain).ToString());
    }

    [Fact]
    public void Threads_that_share_2M_blocks_of_small_pages_keep_each_others_entries()
    {
        using IommuDomain domain = new(new IommuOptions { Mode = IommuMode.Strict, CoherentWalker = false, Processors = 4 });
        string?[] errors = RunThreads(t =>
        {
            DmaDevice device = new($"gpu{t}", domain);
            DmaWork work = default;
            Span<ulong> addresses = stackalloc ulong[64];
            for (int round = 0; round < 200; round++)
            {
                for (int i = 0; i < addresses.Length; i++)
                {
                    device.MapPage(Physical(t, i), Page, DmaDirection.Bidirectional, ref work, out addresses[i]);
                }

                for (int i = 0; i < addresses.Length; i++)
                {
                    if (device.Translate(addresses[i], write: true, out ulong physical) != 0 || physical != Physical(t, i))
                    {
                        return $"0x{addresses[i]:x} reached 0x{physical:x}, not 0x{Physical(t, i):x}.";
                    }

                    device.UnmapPage(addresses[i], Page, DmaDirection.Bidirectional, ref work);
                }
            }

            return null;
        });
        Assert.All(errors, Assert.Null);
        DmaAudit audit = DmaAudit.Run(domain);
        Assert.True(audit.IsClean, audit.ToString());
    }

    private static ulong Physical(int thread, int page) => PageShapes.Base + ((ulong)thread << 32) + ((ulong)page * 2 * Page);

    private static string?[] RunThreads(Func<int, string?> body)
    {
        string?[] errors = new string?[Threads];
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(t => new Thread(() => errors[t] = body(t)))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        return errors;
    }

    private static string? MapAndUnmap(DmaDevice device, Random random, int thread, OperationCounters counters)
    {
        string[] layouts = ["scattered", "runs:8", "contiguous", "contiguous-unaligned", "descending"];
        DeviceAddress[] addresses = new DeviceAddress[512];
        for (int round = 0; round < 60; round++)
        {
            MappingStrategy strategy = MappingStrategy.All[random.Next(MappingStrategy.All.Length)];
            MigratePage[] pages = PageShapes.Pages(random.Next(3) switch { 0 => 512, 1 => 16, _ => random.Next(1, 400) }, layouts[random.Next(5)]);
            for (int i = 0; i < pages.Length; i++)
            {
                pages[i] = random.Next(20) == 0 ? default : PageShapes.System(pages[i].Physical + ((ulong)thread << 33));
            }

            DmaWork work = default;
            DmaMapping mapping = default;
            if (strategy.MapMigrate(device, pages, DmaDirection.Bidirectional, addresses, ref mapping, ref work) != 0)
            {
                return $"{strategy.Name} could not map {pages.Length} pages.";
            }

            for (int i = 0; i < pages.Length; i++)
            {
                if (pages[i].Kind == MigratePageKind.System
                    && (device.Translate(addresses[i].Value, write: true, out ulong physical) != 0 || physical != pages[i].Physical))
                {
                    return $"{strategy.Name}: page {i} at 0x{addresses[i].Value:x} reached 0x{physical:x}, not 0x{pages[i].Physical:x}.";
                }
            }

            strategy.UnmapMigrate(device, pages, addresses, DmaDirection.Bidirectional, ref mapping, ref work);
            counters.Add((DmaPurpose)random.Next(4), in work);
        }

        return null;
    }
}
