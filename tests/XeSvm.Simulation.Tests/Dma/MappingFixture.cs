using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Tests.Dma;

/// <summary>A device on a domain of one processor without timers, so that every count is reproducible.</summary>
internal sealed class MappingFixture : IDisposable
{
    public MappingFixture(IommuOptions options, string strategy, int addressBits = 46)
    {
        Domain = new IommuDomain(options with { Processors = 1, Timers = false }, Counters);
        Device = new DmaDevice("gpu0", Domain, addressBits) { Injection = Injection };
        Strategy = MappingStrategy.Parse(strategy);
    }

    public OperationCounters Counters { get; } = new();

    public FaultInjector Injection { get; } = new(FaultPlan.None);

    public IommuDomain Domain { get; }

    public DmaDevice Device { get; }

    public MappingStrategy Strategy { get; }

    public DmaMapping Mapping;

    public DeviceAddress[] Addresses = [];

    public DmaWork Work;

    public int MapMigrate(MigratePage[] pages, DmaDirection direction = DmaDirection.ToDevice)
    {
        Addresses = new DeviceAddress[pages.Length];
        return Strategy.MapMigrate(Device, pages, direction, Addresses, ref Mapping, ref Work);
    }

    public void UnmapMigrate(MigratePage[] pages, DmaDirection direction = DmaDirection.ToDevice) =>
        Strategy.UnmapMigrate(Device, pages, Addresses, direction, ref Mapping, ref Work);

    public int MapRange(MigratePage[] pages, DmaDirection direction = DmaDirection.Bidirectional)
    {
        Addresses = new DeviceAddress[pages.Length];
        for (int i = 0; i < pages.Length; i++)
        {
            if (pages[i].Kind == MigratePageKind.DevicePrivate)
            {
                Addresses[i] = new DeviceAddress { Value = 0x1000, Kind = DeviceAddressKind.Vram, Order = pages[i].Order };
            }
        }

        return Strategy.MapRange(Device, pages, direction, Addresses, ref Mapping, ref Work);
    }

    public void UnmapRange(MigratePage[] pages, DmaDirection direction = DmaDirection.Bidirectional) =>
        Strategy.UnmapRange(Device, pages, Addresses, direction, ref Mapping, ref Work);

    /// <summary>Takes the work counted so far.</summary>
    public DmaWork TakeWork()
    {
        DmaWork work = Work;
        Work = default;
        return work;
    }

    /// <summary>The work of one migration, after two that warm magazines and tables up and an emptied flush queue.</summary>
    public DmaWork MeasureMigration(MigratePage[] pages)
    {
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(0, MapMigrate(pages));
            UnmapMigrate(pages);
            Domain.RunFlushTimer();
        }

        Work = default;
        Assert.Equal(0, MapMigrate(pages));
        UnmapMigrate(pages);
        return TakeWork();
    }

    public void Dispose() => Domain.Dispose();
}
