using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Peers.Software;

/// <summary>
/// A full check of a quiet machine: every space's own audit, no entry anywhere that leads to VRAM which no allocation has, no cookie without
/// a range that is bound to need it, no pin, no lock taken out of order.
/// </summary>
internal static class MachineAudit
{
    /// <summary>What is wrong; empty is healthy.</summary>
    public static IReadOnlyList<string> Run(SoftwareMachine machine)
    {
        List<string> findings = [.. machine.Locks.Violations.Select(violation => violation.Text)];
        for (int index = 0; index < machine.Topology.Devices.Count; index++)
        {
            if (machine.Device(index) is { } device)
            {
                Check(machine, device.Dma, target: null, findings);
                if (device.Port.HasFabric)
                {
                    Check(machine, device.Port.Fabric, device, findings);
                }

                findings.AddRange(device.Tiles.Where(tile => tile.Pagemap.PinnedCount != 0)
                    .Select(tile => $"gpu{index}: {tile.Pagemap.PinnedCount} buffer objects of tile {tile.Id} are pinned."));
            }
        }

        return findings;
    }

    /// <param name="machine">The machine.</param>
    /// <param name="dma">The space.</param>
    /// <param name="target">Whose memory a fabric space leads to; null for a space of the PCIe bus.</param>
    /// <param name="findings">Takes what is wrong.</param>
    private static void Check(SoftwareMachine machine, DmaDevice dma, SoftwareDevice? target, List<string> findings)
    {
        findings.AddRange(DmaAudit.Run(dma.Domain).Findings.Select(finding => $"{dma.Name}: {finding.Text}"));
        if (!dma.Domain.Translates)
        {
            return;
        }

        dma.Domain.Table.VisitLeaves(walker: false, (address, entry, level) =>
        {
            ulong physical = IoEntry.Address(entry);
            int index = target is null ? PeerPort.DeviceOfBar(physical) : target.Port.Index;
            if (index < 0)
            {
                return;
            }

            SoftwareDevice? owner = target ?? machine.Device(index);
            ulong offset = target is null && owner is not null ? physical - owner.Port.BarBase : physical;
            for (ulong at = 0; at < 1UL << IoEntry.Shift(level); at += IoEntry.PageSize)
            {
                if (owner?.FindAllocation(offset + at) is null)
                {
                    findings.Add($"{dma.Name}: the entry at 0x{address + at:x} leads to released VRAM 0x{offset + at:x} of gpu{index}.");
                }
            }
        });
    }
}
