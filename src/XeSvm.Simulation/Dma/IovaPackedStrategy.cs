using XeSvm.Simulation.Cost;

namespace XeSvm.Simulation.Dma;

/// <summary>The merged form of patches 2 and 4: one link for each folio or piece, packed without gaps; holes take no address.</summary>
internal sealed class IovaPackedStrategy : IovaStrategy
{
    /// <inheritdoc/>
    public override string Name => "iova";

    private protected override int LinkAll(
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

            int result = device.Link(ref mapping.Iova, page.Physical, mapping.Offset, page.Bytes, direction, ref work);
            if (result < 0)
            {
                return result;
            }

            addresses[i] = DeviceAddress.System(mapping.Iova.Address + mapping.Offset, page.Order, direction);
            mapping.Offset += page.Bytes;
        }

        return 0;
    }
}
