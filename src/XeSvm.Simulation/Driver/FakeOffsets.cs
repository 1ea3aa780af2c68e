using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace XeSvm.Simulation.Driver;

/// <summary>The offsets by which mmap on a DRM file names buffer objects (drm_vma_manager). Never used twice: 63 bits are enough.</summary>
internal sealed class FakeOffsets
{
    private readonly ConcurrentDictionary<ulong, BufferObject> _objects = new();

    /// <summary>Offsets lie above what 32 bits can say, as in drm_gem.c.</summary>
    private long _next = 0x1_0000_0000;

    /// <summary>The offset of a new object.</summary>
    public ulong Add(BufferObject bufferObject)
    {
        ulong offset = (ulong)(Interlocked.Add(ref _next, (long)bufferObject.Size) - (long)bufferObject.Size);
        _objects[offset] = bufferObject;
        return offset;
    }

    public void Remove(ulong offset) => _objects.TryRemove(offset, out _);

    /// <summary>The object whose range starts exactly at an offset.</summary>
    public bool TryFind(ulong offset, [NotNullWhen(true)] out BufferObject? bufferObject) => _objects.TryGetValue(offset, out bufferObject);
}
