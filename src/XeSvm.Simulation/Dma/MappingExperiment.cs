using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Dma;

/// <summary>
/// Counts the DMA work of migrations of one shape on a domain of its own: one processor, no timers, magazines and upper tables warm, so that
/// the counts depend on nothing but the arguments. Modelled time is made from these.
/// </summary>
internal static class MappingExperiment
{
    private const int WarmUps = 2;

    /// <summary>Maps and unmaps one segment again and again.</summary>
    /// <param name="options">The IOMMU.</param>
    /// <param name="strategy">How pages are mapped.</param>
    /// <param name="layout">How the pages lie.</param>
    /// <param name="pages">Pages of 4 KiB, from 1 up.</param>
    /// <param name="migrations">Migrations to count; more than one spreads lazy mode's flushes over them.</param>
    /// <returns>The work of all counted migrations.</returns>
    public static DmaWork Count(IommuOptions options, MappingStrategy strategy, PageLayout layout, int pages, int migrations = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pages);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(migrations);
        using IommuDomain domain = new(options with { Processors = 1, Timers = false });
        DmaDevice device = new("experiment", domain);
        MigratePage[] array = Pages(layout, pages);
        DeviceAddress[] addresses = new DeviceAddress[pages];
        DmaWork work = default;
        for (int i = 0; i < WarmUps; i++)
        {
            Migrate(device, strategy, array, addresses, ref work);
        }

        domain.RunFlushTimer();
        work = default;
        for (int i = 0; i < migrations; i++)
        {
            Migrate(device, strategy, array, addresses, ref work);
        }

        return work;
    }

    /// <summary>A segment of system pages that lie as a layout says; an order-9 folio for each whole block of a huge one.</summary>
    public static MigratePage[] Pages(PageLayout layout, int count)
    {
        Span<ushort> frames = stackalloc ushort[PageLayout.BlockPages];
        layout.Place(frames);
        MigratePage[] pages = new MigratePage[count];
        for (int i = 0; i < count; i++)
        {
            int inBlock = i % PageLayout.BlockPages;
            bool huge = layout.IsHugeFolio && count - (i - inBlock) >= PageLayout.BlockPages;
            ulong extent = PageFrames.FirstPhysical + ((ulong)(i / PageLayout.BlockPages) * PageLayout.ExtentFrames * IoEntry.PageSize);
            pages[i] = huge && inBlock > 0
                ? new MigratePage { Kind = MigratePageKind.Tail }
                : new MigratePage
                {
                    Physical = extent + (frames[inBlock] * IoEntry.PageSize),
                    Order = (byte)(huge ? 9 : 0),
                    Kind = MigratePageKind.System,
                };
        }

        return pages;
    }

    private static void Migrate(
        DmaDevice device, MappingStrategy strategy, ReadOnlySpan<MigratePage> pages, Span<DeviceAddress> addresses, ref DmaWork work)
    {
        DmaMapping mapping = default;
        int result = strategy.MapMigrate(device, pages, DmaDirection.ToDevice, addresses, ref mapping, ref work);
        strategy.UnmapMigrate(device, pages, addresses, DmaDirection.ToDevice, ref mapping, ref work);
        if (result < 0)
        {
            throw new InvalidOperationException($"Mapping {pages.Length} pages with {strategy.Name} failed with errno {-result}.");
        }
    }
}
