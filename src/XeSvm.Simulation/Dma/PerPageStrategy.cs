using XeSvm.Simulation.Cost;

namespace XeSvm.Simulation.Dma;

/// <summary>Before the series: one dma_map_page and one dma_unmap_page for each folio or piece.</summary>
internal sealed class PerPageStrategy : MappingStrategy
{
    /// <inheritdoc/>
    public override string Name => "per-page";

    /// <inheritdoc/>
    public override int MapMigrate(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        DmaDirection direction,
        Span<DeviceAddress> addresses,
        ref DmaMapping mapping,
        ref DmaWork work) => MapEach(device, pages, direction, addresses, ref mapping, ref work);

    /// <inheritdoc/>
    public override void UnmapMigrate(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        Span<DeviceAddress> addresses,
        DmaDirection direction,
        ref DmaMapping mapping,
        ref DmaWork work) => UnmapEach(device, addresses, direction, ref mapping, ref work);

    /// <inheritdoc/>
    public override int MapRange(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        DmaDirection direction,
        Span<DeviceAddress> addresses,
        ref DmaMapping mapping,
        ref DmaWork work) => MapEach(device, pages, direction, addresses, ref mapping, ref work);

    /// <inheritdoc/>
    public override void UnmapRange(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        Span<DeviceAddress> addresses,
        DmaDirection direction,
        ref DmaMapping mapping,
        ref DmaWork work) => UnmapEach(device, addresses, direction, ref mapping, ref work);
}
