using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Dma;

/// <summary>
/// How the system pages of an array get DMA addresses: the states of the patch series as exchangeable code. Stateless and thread-safe; what
/// is mapped lies in the caller's <see cref="DmaMapping"/> and address array.
/// </summary>
internal abstract class MappingStrategy
{
    private static readonly MappingStrategy[] s_all =
    [
        new PerPageStrategy(),
        new IovaPackedStrategy(),
        new IovaRunsStrategy(),
        new IovaFilledStrategy(),
        new ScatterlistStrategy(),
    ];

    /// <summary>All strategies.</summary>
    public static ReadOnlySpan<MappingStrategy> All => s_all;

    /// <summary>The strategy's name.</summary>
    public abstract string Name { get; }

    /// <summary>Finds a strategy by name.</summary>
    /// <exception cref="FormatException">There is none of that name; the message lists those that there are.</exception>
    public static MappingStrategy Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Array.Find(s_all, strategy => strategy.Name == name)
            ?? throw new FormatException(
                $"'{name}' is no mapping strategy; valid are {string.Join(", ", s_all.Select(strategy => strategy.Name))}.");
    }

    /// <summary>
    /// Maps the system folios of a migration's segment. On an error the caller calls <see cref="UnmapMigrate"/>, which clears exactly what
    /// was mapped.
    /// </summary>
    /// <param name="device">The device that copies.</param>
    /// <param name="pages">The segment, one slot for each page. Holes and device pages are skipped.</param>
    /// <param name="direction">To the device, or from it.</param>
    /// <param name="addresses">Gets the address of each folio at its head slot; at least as long as <paramref name="pages"/>.</param>
    /// <param name="mapping">All zeros; gets what is held.</param>
    /// <param name="work">Counts the work.</param>
    /// <returns>0 or a negative errno.</returns>
    public abstract int MapMigrate(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        DmaDirection direction,
        Span<DeviceAddress> addresses,
        ref DmaMapping mapping,
        ref DmaWork work);

    /// <summary>
    /// Unmaps what <see cref="MapMigrate"/> mapped and clears its addresses. Goes by addresses and mapping alone: after a failed
    /// migration the pages may be gone from their array.
    /// </summary>
    public abstract void UnmapMigrate(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        Span<DeviceAddress> addresses,
        DmaDirection direction,
        ref DmaMapping mapping,
        ref DmaWork work);

    /// <summary>
    /// Maps the system pieces of a range for get_pages. Device pieces have their addresses already (kind <see cref="DeviceAddressKind.Vram"/>
    /// or <see cref="DeviceAddressKind.Peer"/>) and keep them. A reservation is tried only if piece 0 is a system piece
    /// (drm_gpusvm_get_pages). On an error the caller calls <see cref="UnmapRange"/>.
    /// </summary>
    /// <returns>0 or a negative errno.</returns>
    public abstract int MapRange(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        DmaDirection direction,
        Span<DeviceAddress> addresses,
        ref DmaMapping mapping,
        ref DmaWork work);

    /// <summary>Unmaps what <see cref="MapRange"/> mapped. Device pieces are the caller's.</summary>
    public abstract void UnmapRange(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        Span<DeviceAddress> addresses,
        DmaDirection direction,
        ref DmaMapping mapping,
        ref DmaWork work);

    /// <summary>One dma_map_page a system folio. A mapping error is -EFAULT, as drm_pagemap and drm_gpusvm have it.</summary>
    private protected static int MapEach(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        DmaDirection direction,
        Span<DeviceAddress> addresses,
        ref DmaMapping mapping,
        ref DmaWork work)
    {
        for (int i = 0; i < pages.Length; i++)
        {
            ref readonly MigratePage page = ref pages[i];
            if (page.Kind != MigratePageKind.System)
            {
                continue;
            }

            if (device.MapPage(page.Physical, page.Bytes, direction, ref work, out ulong address) < 0)
            {
                return -Errno.EFAULT;
            }

            addresses[i] = DeviceAddress.System(address, page.Order, direction);
            work.Segments += mapping.Mapped ? 0UL : 1UL;
            mapping.Mapped = true;
        }

        return 0;
    }

    /// <summary>One dma_unmap_page for each system address.</summary>
    private protected static void UnmapEach(
        DmaDevice device, Span<DeviceAddress> addresses, DmaDirection direction, ref DmaMapping mapping, ref DmaWork work)
    {
        if (!mapping.Mapped)
        {
            return;
        }

        foreach (ref DeviceAddress address in addresses)
        {
            if (address.Kind == DeviceAddressKind.System)
            {
                device.UnmapPage(address.Value, IoEntry.PageSize << address.Order, direction, ref work);
                address = default;
            }
        }

        mapping = default;
    }

    /// <summary>Forgets the system addresses of an array that has been unmapped as a whole.</summary>
    private protected static void ForgetSystem(Span<DeviceAddress> addresses)
    {
        foreach (ref DeviceAddress address in addresses)
        {
            if (address.Kind == DeviceAddressKind.System)
            {
                address = default;
            }
        }
    }
}
