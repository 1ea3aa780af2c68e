using XeSvm.Simulation.Dma;

namespace XeSvm.Simulation.Pagemap;

/// <summary>
/// A stretch of a migration's array whose pages have one kind of source (drm_pagemap_migrate_range): system pages and holes are mapped by
/// the system path, device pages by their owner. Each is mapped, copied and unmapped before the next begins.
/// </summary>
internal readonly record struct MigrateSegment(int First, int Count, bool IsDevice)
{
    public int End => First + Count;

    /// <summary>The segment that begins at a slot.</summary>
    public static MigrateSegment At(ReadOnlySpan<MigratePage> pages, int first)
    {
        bool device = IsDevicePage(pages[first]);
        int end = first + 1;
        while (end < pages.Length && IsDevicePage(pages[end]) == device)
        {
            end++;
        }

        return new MigrateSegment(first, end - first, device);
    }

    /// <summary>Whether any page of the segment has content.</summary>
    public bool HasContent(ReadOnlySpan<MigratePage> pages)
    {
        foreach (ref readonly MigratePage page in pages.Slice(First, Count))
        {
            if (page.Kind != MigratePageKind.Hole)
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsDevicePage(in MigratePage page) => page.Kind == MigratePageKind.DevicePrivate;
}
