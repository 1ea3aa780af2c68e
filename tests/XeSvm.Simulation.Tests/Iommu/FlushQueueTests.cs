using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Tests.Iommu;

public class FlushQueueTests
{
    private const ulong Page = 4096;
    private const ulong Memory = 1UL << 32;

    [Fact]
    public void A_queue_takes_255_and_the_256th_flushes_the_domain_first()
    {
        using IommuDomain domain = new(new IommuOptions { Mode = IommuMode.Lazy, Processors = 1, Timers = false });
        DmaDevice device = new("gpu0", domain);
        DmaWork work = default;
        for (int i = 1; i <= 1021; i++)
        {
            Assert.Equal(0, device.MapPage(Memory, Page, DmaDirection.ToDevice, ref work, out ulong address));
            Assert.Equal(0, device.UnmapPage(address, Page, DmaDirection.ToDevice, ref work));
            Assert.Equal((ulong)((i - 1) / 255), work.InvalLazyFull);
            Assert.Equal((ulong)i, work.QueueEntries);
            Assert.Equal(work.InvalLazyFull * 255, work.IovaFree);
        }

        Assert.Equal(0UL, work.InvalStrict);
    }

    [Fact]
    public void An_address_is_not_given_out_again_before_its_flush()
    {
        using IommuDomain domain = new(new IommuOptions { Mode = IommuMode.Lazy, Processors = 1, Timers = false });
        DmaDevice device = new("gpu0", domain);
        DmaWork work = default;
        HashSet<ulong> seen = [];
        for (int i = 0; i < 255; i++)
        {
            Assert.Equal(0, device.MapPage(Memory, Page, DmaDirection.ToDevice, ref work, out ulong address));
            Assert.True(seen.Add(address));
            Assert.Equal(0, device.UnmapPage(address, Page, DmaDirection.ToDevice, ref work));
        }

        domain.RunFlushTimer();
        Assert.Equal(0, device.MapPage(Memory, Page, DmaDirection.ToDevice, ref work, out ulong again));
        Assert.Contains(again, seen);
    }

    [Fact]
    public void Tables_that_a_lazy_unmap_detached_wait_for_the_flush()
    {
        using IommuDomain domain = new(new IommuOptions { Mode = IommuMode.Lazy, Processors = 1, Timers = false });
        DmaDevice device = new("gpu0", domain);
        DmaWork work = default;

        // 2 MiB from an odd physical address: 512 small leaves, whose table one unmap covers.
        Assert.Equal(0, device.MapPage(Memory + Page, 512 * Page, DmaDirection.ToDevice, ref work, out ulong address));
        int tables = domain.Table.Tables;
        Assert.Equal(0, device.UnmapPage(address, 512 * Page, DmaDirection.ToDevice, ref work));
        Assert.Equal((1UL, tables), (work.TableFree, domain.Table.Tables));
        domain.RunFlushTimer();
        Assert.Equal(tables - 1, domain.Table.Tables);
    }

    [Fact]
    public void The_timer_flushes_within_its_time_and_counts_as_deferred_work()
    {
        OperationCounters counters = new();
        using IommuDomain domain = new(new IommuOptions { Mode = IommuMode.Lazy, Processors = 1 }, counters);
        DmaDevice device = new("gpu0", domain);
        DmaWork work = default;
        Assert.Equal(0, device.MapPage(Memory, Page, DmaDirection.ToDevice, ref work, out ulong address));
        Assert.Equal(0, device.UnmapPage(address, Page, DmaDirection.ToDevice, ref work));
        Assert.True(SpinWait.SpinUntil(() => counters.Read(DmaPurpose.Deferred).IovaFree == 1, TimeSpan.FromMinutes(2)));
        Assert.True(counters.Read(DmaPurpose.Deferred).InvalLazyFull >= 1);
        Assert.Equal(0UL, work.IovaFree);
    }
}
