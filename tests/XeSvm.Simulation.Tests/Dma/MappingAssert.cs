using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Tests.Dma;

/// <summary>What tests of mappings share: shapes by letters, every mode and walker, and what must hold before and after.</summary>
internal static class MappingAssert
{
    private const ulong Page = 4096;

    private static readonly IommuMode[] s_modes = [IommuMode.Lazy, IommuMode.Strict];

    public static Dictionary<ulong, ulong> Leaves(IommuDomain domain)
    {
        Dictionary<ulong, ulong> leaves = [];
        domain.Table.VisitLeaves(walker: false, (address, entry, level) =>
        {
            for (ulong offset = 0; offset < 1UL << IoEntry.Shift(level); offset += Page)
            {
                leaves.Add(address + offset, IoEntry.Address(entry) + offset);
            }
        });
        return leaves;
    }

    public static void ForEachMode(string strategy, Action<MappingFixture> test)
    {
        foreach (IommuMode mode in s_modes)
        {
            foreach (bool coherent in new[] { true, false })
            {
                using MappingFixture fixture = new(new IommuOptions { Mode = mode, CoherentWalker = coherent }, strategy);
                test(fixture);
            }
        }
    }

    /// <summary>S: a page of its own; D: a device page; a dot: a hole.</summary>
    public static MigratePage[] Shape(string shape)
    {
        MigratePage[] pages = PageShapes.Pages(shape.Length, "scattered");
        for (int i = 0; i < pages.Length; i++)
        {
            pages[i] = shape[i] switch { 'S' => pages[i], 'D' => PageShapes.Device(), _ => default };
        }

        return pages;
    }

    public static List<ulong> Physicals(MigratePage[] pages)
    {
        List<ulong> physicals = [];
        foreach (MigratePage page in pages)
        {
            for (ulong offset = 0; page.Kind == MigratePageKind.System && offset < page.Bytes; offset += Page)
            {
                physicals.Add(page.Physical + offset);
            }
        }

        physicals.Sort();
        return physicals;
    }

    public static void AssertAddressesReachTheirPages(MappingFixture fixture, MigratePage[] pages)
    {
        for (int i = 0; i < pages.Length; i++)
        {
            if (pages[i].Kind != MigratePageKind.System)
            {
                Assert.NotEqual(DeviceAddressKind.System, fixture.Addresses[i].Kind);
                continue;
            }

            Assert.Equal(DeviceAddressKind.System, fixture.Addresses[i].Kind);
            Assert.Equal(pages[i].Order, fixture.Addresses[i].Order);
            for (ulong offset = 0; offset < pages[i].Bytes; offset += Page)
            {
                Assert.Equal(0, fixture.Device.Translate(fixture.Addresses[i].Value + offset, write: false, out ulong physical));
                Assert.Equal(pages[i].Physical + offset, physical);
            }
        }

        Assert.True(DmaAudit.Run(fixture.Domain).IsClean);
    }

    public static void AssertNothingLeft(MappingFixture fixture)
    {
        Assert.Empty(Leaves(fixture.Domain));
        Assert.False(fixture.Mapping.Mapped || fixture.Mapping.Iova.IsLive || fixture.Mapping.Offset != 0);
        Assert.DoesNotContain(fixture.Addresses, address => address.Kind == DeviceAddressKind.System);
        Assert.Equal(0, fixture.Domain.Misuses.Count);
        DmaAudit audit = DmaAudit.Run(fixture.Domain);
        Assert.True(audit.IsClean, audit.ToString());
        fixture.Domain.RunFlushTimer();
        audit = DmaAudit.Run(fixture.Domain);
        Assert.True(audit.IsClean && audit.OpenWindows == 0, audit.ToString());
    }
}
