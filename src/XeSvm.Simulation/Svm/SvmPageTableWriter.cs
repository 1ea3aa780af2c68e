using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Peers;

namespace XeSvm.Simulation.Svm;

/// <summary>Turns a range's device addresses into page-table entries; abutting addresses become one run, so that large leaves are possible.</summary>
internal static class SvmPageTableWriter
{
    /// <summary>Writes the entries of a whole range into the page table of one tile.</summary>
    public static void Write(Vm vm, SvmRange range, Vma vma, int tile)
    {
        if (range.Pages.IsPeer)
        {
            WritePeer(vm, range, vma, tile);
            return;
        }

        ReadOnlySpan<DeviceAddress> addresses = range.Pages.Addresses.AsSpan(0, range.Pages.Count);
        ulong at = range.Start;
        ulong runStart = at;
        ulong runValue = 0;
        ulong runLength = 0;
        DeviceAddressKind runKind = DeviceAddressKind.None;
        foreach (ref readonly DeviceAddress address in addresses)
        {
            ulong length = (ulong)PageConstants.PageSize << address.Order;
            if (address.Kind == DeviceAddressKind.None)
            {
                // A slot inside a folio that its first slot describes.
                continue;
            }

            if (runLength != 0 && address.Kind == runKind && runValue + runLength == address.Value)
            {
                runLength += length;
            }
            else
            {
                WriteRun(vm, runStart, runLength, runValue, runKind, vma, tile);
                (runStart, runValue, runLength, runKind) = (at, address.Value, length, address.Kind);
            }

            at += length;
        }

        WriteRun(vm, runStart, runLength, runValue, runKind, vma, tile);
    }

    /// <summary>Pages of another device: by bus or fabric address. For atomics they are as system memory is.</summary>
    private static void WritePeer(Vm vm, SvmRange range, Vma vma, int tile)
    {
        ReadOnlySpan<BusAddress> addresses = range.Pages.Peer!.Addresses;
        bool atomic = vma.Attributes.Atomic == AtomicPolicy.Device && vm.Device.Profile.HasDeviceAtomicsOnSystemMemory;
        for (int first = 0; first < addresses.Length;)
        {
            BusAddress address = addresses[first];
            int end = first + 1;
            while (end < addresses.Length && addresses[end].Value == address.Value + ((ulong)(end - first) << PageConstants.PageShift))
            {
                end++;
            }

            GpuBusSpace space = address.Space.Kind switch
            {
                BusSpaceKind.FabricPhysical => GpuBusSpace.FabricPhysical,
                BusSpaceKind.FabricVirtual => GpuBusSpace.FabricVirtual,
                _ => GpuBusSpace.Dma,
            };
            byte target = space == GpuBusSpace.FabricVirtual ? (byte)address.Space.Device : (byte)0;
            var pte = new GpuPte(new GpuBusAddress(address.Value, space, target), !vma.IsReadOnly, atomic, svm: true);
            vm.MapPageTable(range.Start + ((ulong)first << PageConstants.PageShift), (ulong)(end - first) << PageConstants.PageShift, pte, 1u << tile);
            first = end;
        }
    }

    private static void WriteRun(Vm vm, ulong start, ulong length, ulong value, DeviceAddressKind kind, Vma vma, int tile)
    {
        if (length == 0)
        {
            return;
        }

        // In VRAM atomics work unless they are the CPU's alone (xe_atomic_for_vram). In system memory they work for data that only the device
        // uses atomically, on a device whose bus can do them; else they fault, and the fault brings the data to VRAM.
        bool vram = kind == DeviceAddressKind.Vram;
        bool atomic = vma.Attributes.Atomic != AtomicPolicy.Cpu
            && (vram || (vma.Attributes.Atomic == AtomicPolicy.Device && vm.Device.Profile.HasDeviceAtomicsOnSystemMemory));
        vm.MapPageTable(start, length, new GpuPte(vram ? GpuPteKind.Vram : GpuPteKind.Dma, value, !vma.IsReadOnly, atomic, svm: true), 1u << tile);
    }
}
