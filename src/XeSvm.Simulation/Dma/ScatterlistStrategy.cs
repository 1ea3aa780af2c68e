using XeSvm.Simulation.Cost;

namespace XeSvm.Simulation.Dma;

/// <summary>
/// A third party to compare with: all system pages of an array in one dma_map_sg and one dma_unmap_sg, which also take one block of addresses,
/// but go through the flush queue in lazy mode. Page by page without translation, as dma_direct_map_sg is.
/// </summary>
internal sealed class ScatterlistStrategy : MappingStrategy
{
    /// <inheritdoc/>
    public override string Name => "scatterlist";

    /// <inheritdoc/>
    public override int MapMigrate(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        DmaDirection direction,
        Span<DeviceAddress> addresses,
        ref DmaMapping mapping,
        ref DmaWork work)
    {
        if (!device.Domain.Translates)
        {
            return MapEach(device, pages, direction, addresses, ref mapping, ref work);
        }

        int result = device.MapScatterlist(pages, direction, ref work, out ulong first, out ulong bytes);
        if (result < 0 || bytes == 0)
        {
            return result < 0 ? -Errno.EFAULT : 0;
        }

        ulong address = first;
        for (int i = 0; i < pages.Length; i++)
        {
            ref readonly MigratePage page = ref pages[i];
            if (page.Kind == MigratePageKind.System)
            {
                addresses[i] = DeviceAddress.System(address, page.Order, direction);
                address += page.Bytes;
            }
        }

        mapping.Offset = bytes;
        mapping.Mapped = true;
        work.Segments++;
        return 0;
    }

    /// <inheritdoc/>
    public override void UnmapMigrate(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        Span<DeviceAddress> addresses,
        DmaDirection direction,
        ref DmaMapping mapping,
        ref DmaWork work)
    {
        if (!device.Domain.Translates)
        {
            UnmapEach(device, addresses, direction, ref mapping, ref work);
            return;
        }

        if (!mapping.Mapped)
        {
            return;
        }

        foreach (ref readonly DeviceAddress address in addresses)
        {
            if (address.Kind == DeviceAddressKind.System)
            {
                device.UnmapScatterlist(address.Value, mapping.Offset, direction, ref work);
                break;
            }
        }

        ForgetSystem(addresses);
        mapping = default;
    }

    /// <inheritdoc/>
    public override int MapRange(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        DmaDirection direction,
        Span<DeviceAddress> addresses,
        ref DmaMapping mapping,
        ref DmaWork work) => MapMigrate(device, pages, direction, addresses, ref mapping, ref work);

    /// <inheritdoc/>
    public override void UnmapRange(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        Span<DeviceAddress> addresses,
        DmaDirection direction,
        ref DmaMapping mapping,
        ref DmaWork work) => UnmapMigrate(device, pages, addresses, direction, ref mapping, ref work);
}
