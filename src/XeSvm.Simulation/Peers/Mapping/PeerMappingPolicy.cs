using XeSvm.Simulation.Dma;

namespace XeSvm.Simulation.Peers.Mapping;

/// <summary>Who makes the addresses of device pages for another device, and how. Thread-safe; what is mapped lies with the caller.</summary>
internal abstract class PeerMappingPolicy
{
    /// <summary>The policy's name.</summary>
    public abstract string Name { get; }

    /// <summary>
    /// Maps an array of a target's folios for an initiator. On an error the caller calls <see cref="Unmap"/>, which clears exactly what was mapped.
    /// </summary>
    /// <param name="target">Whose memory.</param>
    /// <param name="initiator">Who accesses it.</param>
    /// <param name="pages">The folios; holes are skipped.</param>
    /// <param name="direction">Data from the initiator's engine to the target is <see cref="DmaDirection.FromDevice"/>, as seen from the bus.</param>
    /// <param name="addresses">Gets an address for each folio.</param>
    /// <param name="mapping">All zeros; gets what is held.</param>
    /// <param name="work">Counts the work.</param>
    /// <returns>0 or a negative errno.</returns>
    public abstract int Map(
        PeerPort target,
        PeerPort initiator,
        ReadOnlySpan<PeerPage> pages,
        DmaDirection direction,
        Span<BusAddress> addresses,
        ref PeerMapping mapping,
        ref PeerWork work);

    /// <summary>Unmaps what <see cref="Map"/> mapped, frees what it held, and clears the addresses. Does nothing the second time.</summary>
    public abstract void Unmap(
        PeerPort target, PeerPort initiator, Span<BusAddress> addresses, DmaDirection direction, ref PeerMapping mapping, ref PeerWork work);

    /// <summary>One device_map a folio.</summary>
    private protected static int MapEach(
        PeerTopology topology,
        PeerPort target,
        PeerPort initiator,
        ReadOnlySpan<PeerPage> pages,
        DmaDirection direction,
        Span<BusAddress> addresses,
        ref PeerMapping mapping,
        ref PeerWork work)
    {
        for (int i = 0; i < pages.Length; i++)
        {
            if (pages[i].IsHole)
            {
                continue;
            }

            int result = DeviceMap.Map(topology, target, initiator, in pages[i], direction, ref work, out addresses[i]);
            if (result < 0)
            {
                return result;
            }

            mapping.Mapped = true;
        }

        return 0;
    }

    /// <summary>One device_unmap for each address.</summary>
    private protected static void UnmapEach(
        PeerPort target, PeerPort initiator, Span<BusAddress> addresses, ref PeerMapping mapping, ref PeerWork work)
    {
        foreach (ref BusAddress address in addresses)
        {
            if (address.IsValid)
            {
                DeviceMap.Unmap(target, initiator, in address, ref work);
                address = default;
            }
        }

        mapping = default;
    }
}
