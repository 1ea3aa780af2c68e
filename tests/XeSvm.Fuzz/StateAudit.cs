using XeSvm.Interop;
using XeSvm.Simulation.Driver;

namespace XeSvm.Fuzz;

/// <summary>
/// What a file has, as one number: ids, objects, areas with their attributes. A call that fails leaves it as it was. What other threads of the
/// driver change on their own (bans, residency) is not in it.
/// </summary>
internal static class StateAudit
{
    private const uint MostIds = 64;
    private const ulong Prime = 0x100_0000_01b3;

    /// <summary>The state of a file; null when parts of it change by themselves: areas that are reset when the CPU unmaps (AUTORESET).</summary>
    public static ulong? Of(DrmFile file)
    {
        var software = (SoftwareFile)file;
        ulong hash = 0xcbf2_9ce4_8422_2325;
        for (uint id = 0; id < MostIds; id++)
        {
            if (software.Handles.TryGet(id, out BufferObject? bufferObject))
            {
                hash = Add(Add(hash, 0x100 + id), bufferObject.Size);
            }

            if (software.Queues.TryGet(id, out XeExecQueue? _))
            {
                hash = Add(hash, 0x200 + id);
            }

            if (software.Syncobjs.TryGet(id, out _))
            {
                hash = Add(hash, 0x400 + id);
            }

            if (software.Vms.TryGet(id, out Vm? vm) && !TryAddAreas(vm, ref hash, 0x300 + id))
            {
                return null;
            }
        }

        return hash;
    }

    private static bool TryAddAreas(Vm vm, ref ulong hash, uint tag)
    {
        hash = Add(Add(hash, tag), vm.Flags);
        lock (vm.Lock)
        {
            for (Vma? vma = vm.Vmas.FirstOverlap(0, ulong.MaxValue); vma is not null; vma = vm.Vmas.FindAbove(vma.Start))
            {
                if (vma.IsAutoReset)
                {
                    return false;
                }

                hash = Add(Add(Add(hash, vma.Start), vma.End), (ulong)vma.Kind | (vma.IsReadOnly ? 0x100ul : 0));
                hash = Add(Add(hash, vma.ObjectOffset), (ulong)vma.Attributes.Atomic | (ulong)vma.Attributes.PatIndex << 8);
                hash = Add(Add(hash, (uint)vma.Attributes.PreferredDevmemFd), vma.Attributes.MigrationPolicy);
            }
        }

        return true;
    }

    private static ulong Add(ulong hash, ulong value) => (hash ^ value ^ (value >> 32)) * Prime;
}
