using XeSvm.Interop;
using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Memory;

namespace XeSvm.Benchmarks.Dma;

/// <summary>One segment of system pages that is mapped for a device on a domain of its own, and unmapped.</summary>
internal sealed class MappedSegment : IDisposable
{
    private readonly IommuDomain _domain;
    private readonly DmaDevice _device;
    private readonly MappingStrategy _strategy;
    private readonly MigratePage[] _pages;
    private readonly DeviceAddress[] _addresses;
    private DmaMapping _mapping;
    private DmaWork _work;

    /// <param name="mode">The domain's mode.</param>
    /// <param name="mappingCase">How pages are mapped, and how they lie.</param>
    /// <param name="pages">Pages of 4 KiB.</param>
    public MappedSegment(IommuMode mode, MappingCase mappingCase, int pages)
    {
        _domain = new IommuDomain(new IommuOptions { Mode = mode });
        _device = new DmaDevice("benchmark", _domain);
        _strategy = MappingStrategy.Parse(mappingCase.Strategy);
        _pages = MappingExperiment.Pages(PageLayout.Parse(mappingCase.Layout), pages);
        _addresses = new DeviceAddress[pages];
    }

    /// <summary>Maps all pages, as a migration to the device does, and unmaps them.</summary>
    public void MapAndUnmap()
    {
        int result = _strategy.MapMigrate(_device, _pages, DmaDirection.ToDevice, _addresses, ref _mapping, ref _work);
        _strategy.UnmapMigrate(_device, _pages, _addresses, DmaDirection.ToDevice, ref _mapping, ref _work);
        if (result < 0)
        {
            throw new InvalidOperationException($"{_strategy.Name} could not map {_pages.Length} pages: {Errno.Describe(result)}.");
        }
    }

    /// <summary>Frees the domain after an audit.</summary>
    /// <exception cref="InvalidOperationException">Something is mapped or held that should not be.</exception>
    public void Dispose()
    {
        _domain.RunFlushTimer();
        DmaAudit audit = DmaAudit.Run(_domain);
        if (!audit.IsClean || _work.Errors != 0 || _domain.Misuses.Count != 0)
        {
            throw new InvalidOperationException($"{_work.Errors} errors, {_domain.Misuses.Count} misuses, audit: {audit}. The figures are void.");
        }

        _domain.Dispose();
    }
}
