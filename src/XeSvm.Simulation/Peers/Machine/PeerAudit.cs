using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Peers.Machine;

/// <summary>A full check of a quiet machine: every space's own audit, and that no entry anywhere leads to memory that nobody has.</summary>
internal static class PeerAudit
{
    /// <summary>What is wrong; empty is healthy.</summary>
    public static IReadOnlyList<string> Run(PeerMachine machine)
    {
        List<string> findings = [];
        foreach (PeerDevice device in machine.Devices)
        {
            Check(device.Dma, inFabric: false);
            Check(device.Fabric, inFabric: true);
            findings.AddRange(device.Buffers().Where(buffer => buffer.Pins != 0)
                .Select(buffer => $"{device.Description.Name}: the buffer at 0x{buffer.Offset:x} is pinned {buffer.Pins} times."));
            findings.AddRange(device.Buffers().Where(buffer => buffer.Owner.Buffer != buffer)
                .Select(buffer => $"{device.Description.Name}: the buffer at 0x{buffer.Offset:x} holds nobody's pages."));

            void Check(DmaDevice dma, bool inFabric)
            {
                findings.AddRange(DmaAudit.Run(dma.Domain).Findings.Select(finding => $"{dma.Name}: {finding.Text}"));
                if (dma.Domain.Translates)
                {
                    dma.Domain.Table.VisitLeaves(walker: false, (address, entry, level) =>
                    {
                        ulong physical = IoEntry.Address(entry);
                        PeerDevice? target = inFabric ? device : BarOwner(machine, physical);
                        ulong offset = inFabric || target is null ? physical : physical - target.BarBase;
                        if (target is not null && !IsHeld(target, offset, 1UL << IoEntry.Shift(level)))
                        {
                            findings.Add($"{dma.Name}: the entry at 0x{address:x} leads to released VRAM 0x{offset:x} of {target.Description.Name}.");
                        }
                    });
                }
            }
        }

        findings.AddRange(machine.Locks.Violations.Select(violation => violation.Text));
        return findings;
    }

    private static PeerDevice? BarOwner(PeerMachine machine, ulong physical)
    {
        int index = PeerDevice.DeviceOfBar(physical);
        return index >= 0 && index < machine.Devices.Length ? machine.Device(index) : null;
    }

    private static bool IsHeld(PeerDevice device, ulong offset, ulong length) =>
        Array.Exists(device.Buffers(), buffer => offset >= buffer.Offset && offset + length <= buffer.Offset + buffer.Size);
}
