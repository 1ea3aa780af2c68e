using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Pagemap;

namespace XeSvm.Simulation.Svm;

/// <summary>The two halves of get_pages: faulting pages in (no lock held), and mapping them for the device (under the notifier lock).</summary>
internal sealed partial class SvmPageMapper(Vm vm)
{
    private readonly SoftwareDevice _device = vm.Device;
    private readonly MigratePage[] _pages = new MigratePage[PageConstants.BlockPages];

    /// <summary>The faulting walk (hmm_range_fault): afterwards every page is present, in one place.</summary>
    public int FaultIn(ClientMemory client, SvmRange range, bool allowDeviceMemory, bool readOnly, out bool inDevice)
    {
        inDevice = false;
        if (allowDeviceMemory)
        {
            switch (client.Residency.Examine(range.Start, range.End, out DeviceMemoryAllocation? allocation))
            {
                case Residency.Moving:
                    // As at a migration entry: wait until it is known where they are.
                    return -Errno.EAGAIN;
                case Residency.Device when vm.Sees(allocation!.Pagemap):
                    inDevice = true;
                    return 0;
                case Residency.Mixed:
                    return -Errno.EOPNOTSUPP;
            }
        }

        // Device pages that the caller may not see come home here, as the CPU-fault path of the walk does it.
        return client.Populate(range.Start, range.PageCount, write: !readOnly);
    }

    /// <summary>Records VRAM as the place of a range's pages. -EAGAIN when they have left meanwhile.</summary>
    public int MapDevice(ClientMemory client, SvmRange range)
    {
        if (client.Residency.Examine(range.Start, range.End, out DeviceMemoryAllocation? allocation) != Residency.Device
            || !vm.Sees(allocation!.Pagemap))
        {
            return -Errno.EAGAIN;
        }

        if (allocation.Pagemap.Device != _device)
        {
            return MapPeer(range, allocation);
        }

        range.Pages.Reserve(1)[0] = new DeviceAddress
        {
            Value = allocation.VramOffset + (range.Start - allocation.Start),
            Kind = DeviceAddressKind.Vram,
            Order = (byte)System.Numerics.BitOperations.Log2((uint)range.PageCount),
        };
        range.Pages.Count = 1;
        range.Pages.Device = allocation;
        return 0;
    }

    /// <summary>Maps system pages for the device: one piece for what the CPU maps by one entry, as get_pages has it.</summary>
    public int MapSystem(ClientMemory client, SvmRange range, bool readOnly)
    {
        DmaDirection direction = readOnly ? DmaDirection.ToDevice : DmaDirection.Bidirectional;
        Span<MigratePage> pieces = AcquirePieces(_device.Frames.Block(client, range.Start), range);
        DmaWork work = default;
        Span<DeviceAddress> addresses = range.Pages.Reserve(pieces.Length);
        int result = _device.Strategy.MapRange(_device.Dma, pieces, direction, addresses, ref range.Pages.Mapping, ref work);
        range.Pages.Count = pieces.Length;
        range.Pages.Direction = direction;
        range.Pages.HasDmaMapping = true;
        if (result < 0)
        {
            Unmap(client, range);
        }

        _device.Counters.Add(DmaPurpose.GetPages, work);
        return result;
    }

    /// <summary>Drops what <see cref="MapDevice"/> or <see cref="MapSystem"/> recorded; nothing when nothing is recorded.</summary>
    public void Unmap(ClientMemory client, SvmRange range)
    {
        range.Pages.Device = null;
        UnmapPeer(range);
        if (!range.Pages.HasDmaMapping)
        {
            return;
        }

        DmaWork work = default;
        Span<DeviceAddress> addresses = range.Pages.Addresses.AsSpan(0, range.Pages.Count);
        _device.Strategy.UnmapRange(_device.Dma, [], addresses, range.Pages.Direction, ref range.Pages.Mapping, ref work);
        _device.Counters.Add(DmaPurpose.GetPages, work);
        int first = FirstPage(range);
        using (PageFrameBlock.Changes frames = _device.Frames.Block(client, range.Start).Change())
        {
            for (int i = 0; i < range.PageCount; i++)
            {
                frames.Release(first + i);
            }
        }

        range.Pages.HasDmaMapping = false;
        range.Pages.Count = 0;
    }

    /// <summary>Takes the frames of a range. A block that is one huge folio is mapped by one entry, so a range of it all is one piece.</summary>
    private Span<MigratePage> AcquirePieces(PageFrameBlock block, SvmRange range)
    {
        int first = FirstPage(range);
        using PageFrameBlock.Changes frames = block.Change();
        for (int i = 0; i < range.PageCount; i++)
        {
            _pages[i] = new MigratePage { Physical = frames.Acquire(first + i), Kind = MigratePageKind.System };
        }

        int order = block.Order(first);
        if (range.PageCount != 1 << order)
        {
            return _pages.AsSpan(0, range.PageCount);
        }

        _pages[0].Order = (byte)order;
        return _pages.AsSpan(0, 1);
    }

    private static int FirstPage(SvmRange range) => (int)((range.Start & PageConstants.BlockMask) >> PageConstants.PageShift);
}
