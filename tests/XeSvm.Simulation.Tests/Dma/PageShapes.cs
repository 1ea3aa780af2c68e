using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Tests.Dma;

/// <summary>Page arrays by shape. Physical addresses come from the layouts of page frames.</summary>
internal static class PageShapes
{
    public const ulong Base = 1UL << 32;
    private const ulong PageSize = 4096;

    /// <summary>Order-0 pages as a layout places them.</summary>
    public static MigratePage[] Pages(int count, string layout)
    {
        ushort[] frames = new ushort[PageLayout.BlockPages];
        PageLayout.Parse(layout).Place(frames);
        MigratePage[] pages = new MigratePage[count];
        for (int i = 0; i < count; i++)
        {
            ulong extent = Base + ((ulong)(i / PageLayout.BlockPages) * PageLayout.ExtentFrames * PageSize);
            pages[i] = System(extent + (frames[i % PageLayout.BlockPages] * PageSize));
        }

        return pages;
    }

    /// <summary>One folio, aligned to its size.</summary>
    public static MigratePage[] Folio(byte order)
    {
        MigratePage[] pages = new MigratePage[1 << order];
        PutFolio(pages, 0, order, Base);
        return pages;
    }

    /// <summary>Puts a folio in an array: head and tails.</summary>
    public static void PutFolio(MigratePage[] pages, int at, byte order, ulong physical)
    {
        pages[at] = System(physical, order);
        for (int i = 1; i < 1 << order; i++)
        {
            pages[at + i] = new MigratePage { Kind = MigratePageKind.Tail };
        }
    }

    public static MigratePage System(ulong physical, byte order = 0) =>
        new() { Physical = physical, Order = order, Kind = MigratePageKind.System };

    public static MigratePage Device(byte order = 0) => new() { Order = order, Kind = MigratePageKind.DevicePrivate };
}
