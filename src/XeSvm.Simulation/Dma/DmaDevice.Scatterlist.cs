using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Dma;

/// <content>Scatter lists (dma-iommu.c: iommu_dma_map_sg, iommu_dma_unmap_sg).</content>
internal sealed partial class DmaDevice
{
    /// <summary>
    /// dma_map_sg over the system pages of an array: one block of addresses, one map of each physically contiguous run of list entries
    /// (iommu_map_sg joins entries that follow each other), one sync.
    /// </summary>
    /// <returns>0, -ENOMEM, or -EINVAL for misuse; on failure nothing stays mapped. A list without pages maps nothing.</returns>
    public int MapScatterlist(
        ReadOnlySpan<MigratePage> pages, DmaDirection direction, ref DmaWork work, out ulong dmaAddress, out ulong bytes)
    {
        dmaAddress = 0;
        bytes = 0;
        foreach (ref readonly MigratePage page in pages)
        {
            bytes += page.Kind == MigratePageKind.System ? page.Bytes : 0;
        }

        if (bytes == 0)
        {
            return 0;
        }

        work.MapCalls++;
        bool injected = Injection is { } injection && injection.Fails(FaultPoint.Map);
        dmaAddress = injected ? 0 : AllocateAddress(bytes, ref work);
        int result = dmaAddress == 0 ? -Errno.ENOMEM : MapRuns(pages, direction, dmaAddress, ref work);
        if (result < 0)
        {
            work.Errors++;
            if (dmaAddress != 0)
            {
                FreeAddress(dmaAddress, bytes, ref work);
            }

            dmaAddress = 0;
            return result;
        }

        Domain.SyncMap(dmaAddress, bytes, ref work);
        Domain.AddLive((long)(bytes >> IoEntry.PageShift));
        return 0;
    }

    /// <summary>dma_unmap_sg: one walk; no iova_to_phys.</summary>
    public void UnmapScatterlist(ulong dmaAddress, ulong bytes, DmaDirection direction, ref DmaWork work)
    {
        _ = direction;
        work.UnmapCalls++;
        UnmapTranslated(dmaAddress, bytes, ref work);
    }

    private int MapRuns(ReadOnlySpan<MigratePage> pages, DmaDirection direction, ulong dmaAddress, ref DmaWork work)
    {
        ulong permissions = Permissions(direction);
        ulong mapped = 0;
        ulong run = 0;
        ulong runBytes = 0;
        int result = 0;
        for (int i = 0; i <= pages.Length; i++)
        {
            bool atEnd = i == pages.Length;
            if (!atEnd && pages[i].Kind != MigratePageKind.System)
            {
                continue;
            }

            bool breaks = atEnd || pages[i].Physical != run + runBytes;
            if (breaks && runBytes != 0)
            {
                result = Domain.Map(dmaAddress + mapped, run, runBytes, permissions, ref work);
                if (result < 0)
                {
                    break;
                }

                mapped += runBytes;
                runBytes = 0;
            }

            if (!atEnd)
            {
                run = runBytes == 0 ? pages[i].Physical : run;
                runBytes += pages[i].Bytes;
            }
        }

        if (result < 0 && mapped > 0)
        {
            Domain.UnmapNow(dmaAddress, mapped, ref work);
        }

        return result;
    }
}
