using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Dma;

/// <summary>
/// What the IOVA strategies share: one reservation for an array, decided at its first system page, one sync, one destroy; page by page
/// where no reservation is to be had (drm_pagemap_migrate_map_system_pages, drm_gpusvm_get_pages).
/// </summary>
internal abstract class IovaStrategy : MappingStrategy
{
    /// <inheritdoc/>
    public sealed override int MapMigrate(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        DmaDirection direction,
        Span<DeviceAddress> addresses,
        ref DmaMapping mapping,
        ref DmaWork work)
    {
        int first = IndexOfSystem(pages);
        if (first < 0)
        {
            return 0;
        }

        // The reservation has room for the holes too.
        ulong bytes = (ulong)pages.Length << IoEntry.PageShift;
        return Map(device, pages, bytes, direction, addresses, ref mapping, ref work);
    }

    /// <inheritdoc/>
    public sealed override void UnmapMigrate(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        Span<DeviceAddress> addresses,
        DmaDirection direction,
        ref DmaMapping mapping,
        ref DmaWork work) => Unmap(device, addresses, direction, ref mapping, ref work);

    /// <inheritdoc/>
    public sealed override int MapRange(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        DmaDirection direction,
        Span<DeviceAddress> addresses,
        ref DmaMapping mapping,
        ref DmaWork work)
    {
        if (pages.IsEmpty || pages[0].Kind != MigratePageKind.System)
        {
            return MapEach(device, pages, direction, addresses, ref mapping, ref work);
        }

        ulong bytes = 0;
        foreach (ref readonly MigratePage page in pages)
        {
            bytes += page.Bytes;
        }

        return Map(device, pages, bytes, direction, addresses, ref mapping, ref work);
    }

    /// <inheritdoc/>
    public sealed override void UnmapRange(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        Span<DeviceAddress> addresses,
        DmaDirection direction,
        ref DmaMapping mapping,
        ref DmaWork work) => Unmap(device, addresses, direction, ref mapping, ref work);

    /// <summary>
    /// Links the system pages of an array and records their addresses. <see cref="DmaMapping.Offset"/> must tell at any return how many
    /// bytes are linked from the start of the reservation, without a gap.
    /// </summary>
    private protected abstract int LinkAll(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        DmaDirection direction,
        Span<DeviceAddress> addresses,
        ref DmaMapping mapping,
        ref DmaWork work);

    private static int IndexOfSystem(ReadOnlySpan<MigratePage> pages)
    {
        for (int i = 0; i < pages.Length; i++)
        {
            if (pages[i].Kind == MigratePageKind.System)
            {
                return i;
            }
        }

        return -1;
    }

    private int Map(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        ulong bytes,
        DmaDirection direction,
        Span<DeviceAddress> addresses,
        ref DmaMapping mapping,
        ref DmaWork work)
    {
        if (!device.TryAllocIova(ref mapping.Iova, physical: 0, bytes, ref work))
        {
            // Without translation there never is a reservation: that is the direct path and no fallback from anything.
            work.FallbackSegments += device.Domain.Translates ? 1UL : 0UL;
            return MapEach(device, pages, direction, addresses, ref mapping, ref work);
        }

        mapping.Mapped = true;
        work.Segments++;
        int result = LinkAll(device, pages, direction, addresses, ref mapping, ref work);
        return result < 0 ? result : device.Sync(ref mapping.Iova, 0, mapping.Offset, ref work);
    }

    private static void Unmap(
        DmaDevice device, Span<DeviceAddress> addresses, DmaDirection direction, ref DmaMapping mapping, ref DmaWork work)
    {
        if (!mapping.Iova.IsLive)
        {
            UnmapEach(device, addresses, direction, ref mapping, ref work);
            return;
        }

        device.Destroy(ref mapping.Iova, mapping.Offset, direction, ref work);
        ForgetSystem(addresses);
        mapping = default;
    }
}
