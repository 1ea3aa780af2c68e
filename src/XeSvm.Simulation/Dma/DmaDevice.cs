using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Dma;

/// <summary>
/// A device's side of the DMA-mapping API over one domain (dma-iommu.c; direct mapping for identity domains). Every call adds what it did to
/// the caller's counters. Thread-safe; one <see cref="IovaState"/> belongs to one thread at a time.
/// </summary>
internal sealed partial class DmaDevice
{
    private const ulong PageMask = IoEntry.PageSize - 1;

    private readonly ulong _mask;

    /// <summary>Below 4 GiB first, until that has failed once: then the device uses its whole mask for good.</summary>
    private int _below4GFirst;

    /// <summary>Attaches a device to a domain.</summary>
    /// <param name="name">The device's name in faults and misuse reports.</param>
    /// <param name="domain">Its domain; several devices may share one.</param>
    /// <param name="addressBits">Bits of the device's DMA mask (Battlemage: 46).</param>
    public DmaDevice(string name, IommuDomain domain, int addressBits = 46)
    {
        ArgumentNullException.ThrowIfNull(domain);
        ArgumentOutOfRangeException.ThrowIfLessThan(addressBits, 32);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(addressBits, 64);
        Name = name;
        Domain = domain;
        int bits = domain.Translates ? Math.Min(addressBits, domain.Options.AddressBits) : addressBits;
        _mask = bits == 64 ? ulong.MaxValue : (1UL << bits) - 1;
        _below4GFirst = domain.Options.ForceDac ? 0 : 1;
    }

    /// <summary>The device's name.</summary>
    public string Name { get; }

    /// <summary>The domain that the device is attached to.</summary>
    public IommuDomain Domain { get; }

    /// <summary>Highest DMA address.</summary>
    public ulong Mask => _mask;

    /// <summary>Whether addresses below 4 GiB are still tried first.</summary>
    public bool TriesBelow4GFirst => Volatile.Read(ref _below4GFirst) != 0;

    /// <summary>Makes calls fail that were chosen to.</summary>
    public FaultInjector? Injection { get; set; }

    /// <summary>dma_map_page.</summary>
    /// <returns>0, or -ENOMEM, or -EIO for an address that the device cannot reach without translation.</returns>
    public int MapPage(ulong physical, ulong size, DmaDirection direction, ref DmaWork work, out ulong dmaAddress)
    {
        work.MapCalls++;
        dmaAddress = 0;
        int result = CheckRange(physical, size);
        if (result == 0 && Injection is { } injection && injection.Fails(FaultPoint.Map))
        {
            result = -Errno.ENOMEM;
        }

        if (result == 0)
        {
            result = Domain.Translates
                ? MapTranslated(physical, size, direction, ref work, out dmaAddress)
                : MapDirect(physical, size, out dmaAddress);
        }

        work.Errors += result < 0 ? 1UL : 0UL;
        return result;
    }

    /// <summary>dma_unmap_page; the size must be that of the mapping.</summary>
    /// <returns>0, or -EINVAL when nothing is mapped there: then nothing changes.</returns>
    public int UnmapPage(ulong dmaAddress, ulong size, DmaDirection direction, ref DmaWork work)
    {
        _ = direction;
        work.UnmapCalls++;
        if (!Domain.Translates)
        {
            return 0;
        }

        // The walk serves bounce buffers and non-coherent devices, but iommu_dma_unmap_phys does it for every page.
        if (size == 0 || !Domain.TryLookup(dmaAddress, out _, ref work))
        {
            return Misuse(DmaMisuseKind.NotMapped, dmaAddress, size);
        }

        UnmapTranslated(dmaAddress, size, ref work);
        return 0;
    }

    /// <summary>dma_map_resource: another device's memory; needs no lookup when it is unmapped.</summary>
    /// <returns>As <see cref="MapPage"/>.</returns>
    public int MapResource(ulong physical, ulong size, DmaDirection direction, ref DmaWork work, out ulong dmaAddress) =>
        MapPage(physical, size, direction, ref work, out dmaAddress);

    /// <summary>dma_unmap_resource.</summary>
    public int UnmapResource(ulong dmaAddress, ulong size, DmaDirection direction, ref DmaWork work)
    {
        _ = direction;
        work.UnmapCalls++;
        if (Domain.Translates)
        {
            if (size == 0)
            {
                return Misuse(DmaMisuseKind.ZeroSize, dmaAddress, size);
            }

            UnmapTranslated(dmaAddress, size, ref work);
        }

        return 0;
    }

    /// <summary>A device access to one address: 0, or -EFAULT and a recorded fault. See <see cref="IommuDomain.TryTranslate"/>.</summary>
    public int Translate(ulong dmaAddress, bool write, out ulong physical)
    {
        if (dmaAddress > _mask)
        {
            physical = 0;
            Domain.Faults.Add(new IommuFault(Name, dmaAddress, write, IommuFaultReason.BeyondMask));
            return -Errno.EFAULT;
        }

        if (Domain.TryTranslate(dmaAddress, write, out physical, out IommuFaultReason reason))
        {
            return 0;
        }

        Domain.Faults.Add(new IommuFault(Name, dmaAddress, write, reason));
        return -Errno.EFAULT;
    }

    private static ulong AlignUp(ulong size) => (size + PageMask) & ~PageMask;

    private int MapDirect(ulong physical, ulong size, out ulong dmaAddress)
    {
        dmaAddress = physical;
        return physical + size - 1 > _mask ? -Errno.EIO : 0;
    }

    private int MapTranslated(ulong physical, ulong size, DmaDirection direction, ref DmaWork work, out ulong dmaAddress)
    {
        dmaAddress = AllocateAddress(size, ref work);
        if (dmaAddress == 0)
        {
            return -Errno.ENOMEM;
        }

        int result = Domain.Map(dmaAddress, physical, size, Permissions(direction), ref work);
        if (result < 0)
        {
            FreeAddress(dmaAddress, size, ref work);
            dmaAddress = 0;
            return result;
        }

        Domain.SyncMap(dmaAddress, size, ref work);
        Domain.AddLive((long)(size >> IoEntry.PageShift));
        return 0;
    }

    private void UnmapTranslated(ulong dmaAddress, ulong size, ref DmaWork work)
    {
        ulong cleared = Domain.UnmapAndFree(dmaAddress, size, ref work);
        Domain.AddLive(-(long)(size >> IoEntry.PageShift));
        if (cleared != size)
        {
            Misuse(DmaMisuseKind.NotMapped, dmaAddress + cleared, size - Math.Min(size, cleared));
        }
    }

    private int CheckRange(ulong physical, ulong size)
    {
        if (size == 0)
        {
            return Misuse(DmaMisuseKind.ZeroSize, physical, size);
        }

        return ((physical | size) & PageMask) != 0 ? Misuse(DmaMisuseKind.Unaligned, physical, size) : 0;
    }

    private ulong Permissions(DmaDirection direction) =>
        Domain.Permissions(read: direction != DmaDirection.FromDevice, write: direction != DmaDirection.ToDevice);

    /// <summary>iommu_dma_alloc_iova: below 4 GiB without emptying caches; the first failure ends that for good.</summary>
    private ulong AllocateAddress(ulong size, ref DmaWork work)
    {
        ulong pages = size >> IoEntry.PageShift;
        ulong page = 0;
        if (TriesBelow4GFirst && _mask >> 32 != 0)
        {
            page = Domain.Allocator.Allocate(pages, IovaAllocator.Page4G - 1, flushCaches: false, ref work);
            if (page == 0)
            {
                Volatile.Write(ref _below4GFirst, 0);
            }
        }

        if (page == 0)
        {
            page = Domain.Allocator.Allocate(pages, _mask >> IoEntry.PageShift, flushCaches: true, ref work);
        }

        return page << IoEntry.PageShift;
    }

    private void FreeAddress(ulong address, ulong size, ref DmaWork work) =>
        Domain.Allocator.Free(address >> IoEntry.PageShift, size >> IoEntry.PageShift, ref work);

    private int Misuse(DmaMisuseKind kind, ulong address, ulong size)
    {
        Domain.Misuses.Add(new DmaMisuse(Name, kind, address, size));
        return -Errno.EINVAL;
    }
}
