using XeSvm.Simulation.Cost;

namespace XeSvm.Simulation.Dma;

/// <summary>
/// Patch 5's idea on the packed cursor: physically contiguous folios become one link. A run is (physical address, bytes), whatever the
/// orders of its folios, so folios of any order may join it anywhere and none is linked twice or with another's length.
/// </summary>
internal sealed class IovaRunsStrategy : IovaStrategy
{
    /// <inheritdoc/>
    public override string Name => "iova-runs";

    private protected override int LinkAll(
        DmaDevice device,
        ReadOnlySpan<MigratePage> pages,
        DmaDirection direction,
        Span<DeviceAddress> addresses,
        ref DmaMapping mapping,
        ref DmaWork work)
    {
        ulong run = 0;
        ulong bytes = 0;
        for (int i = 0; i < pages.Length; i++)
        {
            ref readonly MigratePage page = ref pages[i];
            if (page.Kind != MigratePageKind.System)
            {
                continue;
            }

            if (bytes != 0 && page.Physical != run + bytes)
            {
                int result = LinkRun(device, run, bytes, direction, ref mapping, ref work);
                if (result < 0)
                {
                    return result;
                }

                bytes = 0;
            }

            run = bytes == 0 ? page.Physical : run;
            addresses[i] = DeviceAddress.System(mapping.Iova.Address + mapping.Offset + bytes, page.Order, direction);
            bytes += page.Bytes;
        }

        return LinkRun(device, run, bytes, direction, ref mapping, ref work);
    }

    private static int LinkRun(
        DmaDevice device, ulong physical, ulong bytes, DmaDirection direction, ref DmaMapping mapping, ref DmaWork work)
    {
        int result = device.Link(ref mapping.Iova, physical, mapping.Offset, bytes, direction, ref work);
        if (result == 0)
        {
            mapping.Offset += bytes;
        }

        return result;
    }
}
