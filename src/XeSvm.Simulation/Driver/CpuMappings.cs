using XeSvm.Interop;
using XeSvm.Interop.LibC;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// The CPU mappings of a device's buffer objects. A mapping keeps its object, as the VMA of mmap does (drm_gem_vm_open): also when the
/// handle, or the file, has been closed long since.
/// </summary>
internal sealed class CpuMappings
{
    private readonly Lock _lock = new();
    private readonly List<Mapping> _mappings = []; // by address, without overlap

    /// <summary>How many pieces of address space are mapped.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _mappings.Count;
            }
        }
    }

    /// <summary>Maps an object on which the caller has a reference.</summary>
    /// <returns>0, or a negative errno.</returns>
    public int Map(BufferObject bufferObject, nuint length, DrmMapProtection protection, out nint address)
    {
        lock (_lock)
        {
            int result = bufferObject.Map(length, protection, out address);
            if (result < 0)
            {
                return result;
            }

            ulong start = (ulong)address;
            ulong end = start + RoundUp(length);

            // What was known of these addresses went away without Unmap.
            Cut(start, end);
            bufferObject.AddReference();
            _mappings.Insert(FirstEndingAbove(start), new Mapping(start, end, bufferObject));
            return 0;
        }
    }

    /// <summary>Removes what is mapped in a range (munmap): whole mappings, parts of them, or nothing of ours.</summary>
    /// <returns>0, or a negative errno.</returns>
    public int Unmap(nint address, nuint length)
    {
        lock (_lock)
        {
            int result = SystemCalls.Unmap(address, length);
            if (result >= 0)
            {
                Cut((ulong)address, (ulong)address + RoundUp(length));
            }

            return result;
        }
    }

    /// <summary>Forgets all mappings, which stay and keep their content: there will be nobody to give the memory to any more.</summary>
    public void Close()
    {
        lock (_lock)
        {
            foreach (Mapping mapping in _mappings)
            {
                mapping.Object.Release();
            }

            _mappings.Clear();
        }
    }

    private static ulong RoundUp(nuint length) => (length + PageConstants.PageMask) & ~PageConstants.PageMask;

    private void Cut(ulong start, ulong end)
    {
        int at = FirstEndingAbove(start);
        while (at < _mappings.Count && _mappings[at].Start < end)
        {
            Mapping mapping = _mappings[at];
            _mappings.RemoveAt(at);
            if (mapping.Start < start)
            {
                mapping.Object.AddReference();
                _mappings.Insert(at++, mapping with { End = start });
            }

            if (end < mapping.End)
            {
                mapping.Object.AddReference();
                _mappings.Insert(at++, mapping with { Start = end });
            }

            mapping.Object.Release();
        }
    }

    /// <summary>Index of the first mapping that ends above an address.</summary>
    private int FirstEndingAbove(ulong address)
    {
        int low = 0;
        int high = _mappings.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_mappings[middle].End > address)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return low;
    }

    private readonly record struct Mapping(ulong Start, ulong End, BufferObject Object);
}
