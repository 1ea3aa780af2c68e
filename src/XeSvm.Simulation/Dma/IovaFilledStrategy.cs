using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Dma;

/// <summary>
/// The RFC's idea: a page's place in the reservation is its place in the array, and every hole is filled with a link to a page of the array,
/// so that one unlink meets no empty slot. Fillers are single pages of the same array and direction; nothing foreign becomes reachable.
/// </summary>
internal sealed class IovaFilledStrategy : IovaStrategy
{
    /// <inheritdoc/>
    public override string Name => "iova-filled";

    private protected override int LinkAll(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        DmaDirection direction,
        Span<DeviceAddress> addresses,
        ref DmaMapping mapping,
        ref DmaWork work)
    {
        ulong filler = 0;
        ulong pending = 0;
        for (int i = 0; i < pages.Length; i++)
        {
            ref readonly MigratePage page = ref pages[i];
            if (page.Kind == MigratePageKind.Tail)
            {
                continue;
            }

            if (page.Kind != MigratePageKind.System)
            {
                pending += page.Bytes >> IoEntry.PageShift;
                continue;
            }

            // Holes before the first page have to wait for it; later ones may as well wait for the next.
            filler = filler == 0 ? page.Physical : filler;
            int result = Fill(device, filler, ref pending, direction, ref mapping, ref work);
            result = result < 0 ? result : device.Link(ref mapping.Iova, page.Physical, mapping.Offset, page.Bytes, direction, ref work);
            if (result < 0)
            {
                return result;
            }

            addresses[i] = DeviceAddress.System(mapping.Iova.Address + mapping.Offset, page.Order, direction);
            mapping.Offset += page.Bytes;
            filler = page.Physical;
        }

        return Fill(device, filler, ref pending, direction, ref mapping, ref work);
    }

    private static int Fill(
        DmaDevice device, ulong filler, ref ulong pages, DmaDirection direction, ref DmaMapping mapping, ref DmaWork work)
    {
        for (; pages > 0; pages--)
        {
            int result = device.Link(ref mapping.Iova, filler, mapping.Offset, IoEntry.PageSize, direction, ref work);
            if (result < 0)
            {
                return result;
            }

            mapping.Offset += IoEntry.PageSize;
        }

        return 0;
    }
}
