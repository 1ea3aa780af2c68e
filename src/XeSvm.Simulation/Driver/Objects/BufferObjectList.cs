using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver;

/// <summary>The buffer objects in one tile's VRAM, in the order of their last use (ttm_lru).</summary>
internal sealed class BufferObjectList
{
    private readonly MonitorLock _lock = new();
    private readonly LinkedList<BufferObject> _objects = new();

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _objects.Count;
            }
        }
    }

    public void Add(BufferObject bufferObject)
    {
        lock (_lock)
        {
            bufferObject.UseNode ??= new LinkedListNode<BufferObject>(bufferObject);
            _objects.AddLast(bufferObject.UseNode);
        }
    }

    public void Remove(BufferObject bufferObject)
    {
        lock (_lock)
        {
            _objects.Remove(bufferObject.UseNode!);
        }
    }

    /// <summary>Marks an object as used just now.</summary>
    public void Touch(BufferObject bufferObject)
    {
        lock (_lock)
        {
            if (_objects.Last != bufferObject.UseNode)
            {
                _objects.Remove(bufferObject.UseNode!);
                _objects.AddLast(bufferObject.UseNode!);
            }
        }
    }

    /// <summary>
    /// Sends the object that has not been used for longest out of VRAM. Left alone are objects of one VM, and those that another thread is
    /// busy with at this moment. False when there is none.
    /// </summary>
    public bool EvictOne(SoftwareTile tile, Vm? keep)
    {
        int left = Count;
        while (left-- > 0)
        {
            BufferObject candidate;
            lock (_lock)
            {
                if (_objects.First is not { } node)
                {
                    return false;
                }

                candidate = node.Value;
                _objects.Remove(node);
                _objects.AddLast(node);
                if (!candidate.TryAddReference())
                {
                    continue;
                }
            }

            bool evicted = (keep is null || candidate.OwnerVm != keep) && candidate.TryEvict(tile);
            candidate.Release();
            if (evicted)
            {
                return true;
            }
        }

        return false;
    }
}
