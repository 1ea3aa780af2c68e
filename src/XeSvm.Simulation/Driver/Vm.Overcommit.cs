namespace XeSvm.Simulation.Driver;

/// <content>VMs that need all that they have bound at once, as their jobs cannot fault (xe_vm_validate_rebind).</content>
internal sealed unsafe partial class Vm
{
    private int _evicted;

    /// <summary>An object that this VM has bound is taken away, or moved.</summary>
    public void NoteEviction() => Volatile.Write(ref _evicted, 1);

    /// <summary>
    /// Looks, when something was evicted since, whether what the VM has bound in VRAM alone can be there at all, all of it at once. What can is
    /// brought back piece by piece, at the next accesses.
    /// </summary>
    /// <returns>0; -ENOMEM when it cannot, in a VM that cannot fault.</returns>
    public int CheckEvicted()
    {
        if (IsFaultMode || Volatile.Read(ref _evicted) == 0 || Interlocked.Exchange(ref _evicted, 0) == 0)
        {
            return 0;
        }

        lock (Lock)
        {
            if (!ExceedsVram())
            {
                return 0;
            }
        }

        NoteEviction();
        return -Errno.ENOMEM;
    }

    private bool ExceedsVram()
    {
        ulong[] needed = new ulong[Device.Tiles.Length];
        var seen = new HashSet<BufferObject>();
        for (Vma? vma = Vmas.FirstOverlap(0, Size); vma is not null; vma = Vmas.FindAbove(vma.Start))
        {
            if (vma.Object is not { Purge: PurgeState.WillNeed } bufferObject || !seen.Add(bufferObject))
            {
                continue;
            }

            int tile = Array.FindIndex(Device.Tiles, tile => bufferObject.Placement == tile.VramBit);
            if (tile >= 0)
            {
                needed[tile] += bufferObject.Size;
            }
        }

        return Device.Tiles.Zip(needed).Any(pair => pair.Second > pair.First.Vram.Total);
    }
}
