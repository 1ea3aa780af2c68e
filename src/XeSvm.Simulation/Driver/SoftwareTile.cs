using XeSvm.Simulation.Driver.Profiles;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Pagemap;

namespace XeSvm.Simulation.Driver;

/// <summary>One tile of a device (xe_tile): its GTs, its VRAM, its copy engine.</summary>
internal sealed class SoftwareTile : IDisposable
{
    public SoftwareTile(SoftwareDevice device, int id, ulong firstVramOffset)
    {
        DeviceProfile profile = device.Profile;
        TileProfile tile = profile.Tiles[id];
        Id = id;
        int firstGt = id * profile.GtsPerTile;
        Gts = [.. tile.Gts.Select((gt, index) => new Gt(firstGt + index, gt.Type, id))];
        Engines = [.. Gts.SelectMany((gt, index) => EnginesOf(profile, tile.Gts[index], gt))];
        Vram = new VramRegion(firstVramOffset, tile.VramBytes, tile.VisibleVramBytes, profile.MinPageSize);
        CopyEngine = new CopyEngine(device, PrimaryGt);
        Pagemap = new DevicePagemap(device, PrimaryGt, Vram);
    }

    public int Id { get; }

    /// <summary>The main GT, then the media GT if there is one.</summary>
    public Gt[] Gts { get; }

    public Gt PrimaryGt => Gts[0];

    /// <summary>All engines, in query order, hidden ones included.</summary>
    public Engine[] Engines { get; }

    public VramRegion Vram { get; }

    /// <summary>The bit of the tile's VRAM in placements and masks.</summary>
    public uint VramBit => MemoryRegions.FirstVramBit << Id;

    public CopyEngine CopyEngine { get; }

    public DevicePagemap Pagemap { get; }

    /// <summary>The buffer objects and the device pages in this tile's VRAM.</summary>
    public VramUseOrder Occupants { get; } = new();

    /// <summary>Makes some room in VRAM: evicts the buffer object or the device pages that have not been used for longest.</summary>
    /// <param name="keep">Objects of this VM stay.</param>
    /// <returns>False when nothing could be evicted.</returns>
    public bool EvictOne(Vm? keep) => Occupants.EvictOne(this, keep, devicePagesOnly: false);

    /// <inheritdoc/>
    public void Dispose() => Vram.Dispose();

    /// <summary>
    /// The engines of a GT. User space does not see the copy engine with the highest number of a device that can fault, which migrates pages,
    /// nor more than one compute engine, as ccs_mode is 1 (xe_hw_engine_is_reserved).
    /// </summary>
    private static IEnumerable<Engine> EnginesOf(DeviceProfile profile, GtProfile gtProfile, Gt gt)
    {
        foreach ((EngineClass engineClass, int count) in gtProfile.Engines)
        {
            int visible = engineClass switch
            {
                EngineClass.Copy when profile.HasUsm => count - 1,
                EngineClass.Compute => Math.Min(count, 1),
                _ => count,
            };
            for (int instance = 0; instance < count; instance++)
            {
                yield return new Engine(engineClass, instance, gt) { IsReserved = instance >= visible };
            }
        }
    }
}
