using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Fences;

/// <summary>What <see cref="Syncobj.Find"/> has found.</summary>
internal enum SyncobjPoint
{
    /// <summary>No fence, or the point has not been submitted (-EINVAL).</summary>
    Missing,

    /// <summary>The point is signalled and a later one was submitted: nothing to wait for.</summary>
    Passed,

    /// <summary>There is a fence, signalled or not.</summary>
    Present,
}

/// <summary>
/// A syncobj (drm_syncobj): a box for a fence, which may be a chain of fences with points (dma_fence_chain). A point is signalled when its
/// fence and all those before it are.
/// </summary>
internal sealed class Syncobj
{
    private readonly MonitorLock _lock = new();
    private Node[] _nodes = new Node[2]; // oldest first; the last one is what the kernel calls the syncobj's fence
    private int _count;
    private long _lastContext;
    private ReferenceCount _references = new();
    private SyncobjObserver? _observers;

    /// <summary>A reference for the caller; false when the last one is gone.</summary>
    public bool TryAddReference() => _references.TryAdd();

    /// <summary>Drops a reference; with the last one go those who wait for a fence to appear.</summary>
    public void Release()
    {
        if (!_references.Drop())
        {
            return;
        }

        lock (_lock)
        {
            for (SyncobjObserver? observer = _observers; observer is not null; observer = observer.Next)
            {
                observer.OnAbandoned();
            }

            _observers = null;
        }
    }

    /// <summary>Puts a fence in place of what is there, chain and all (drm_syncobj_replace_fence); no fence empties the syncobj.</summary>
    public void Replace(in DmaFence fence)
    {
        lock (_lock)
        {
            Array.Clear(_nodes, 0, _count);
            _count = 0;
            if (fence.IsPresent)
            {
                Append(new Node { Fence = fence });
                NotifyObservers();
            }
        }
    }

    /// <summary>Appends a point (drm_syncobj_add_point). One that is not above the last begins the count anew behind what is there.</summary>
    public void AddPoint(in DmaFence fence, ulong point)
    {
        lock (_lock)
        {
            Collect();
            var node = new Node { Fence = fence, Point = point };
            if (_count != 0 && _nodes[_count - 1] is { Context: not 0 } last)
            {
                bool later = point > last.Point;
                node.Context = later ? last.Context : ++_lastContext;
                node.PreviousPoint = later ? last.Point : 0;
                node.Point = Math.Max(point, last.Point);
            }
            else
            {
                node.Context = ++_lastContext;
            }

            Append(node);
            NotifyObservers();
        }
    }

    /// <summary>Looks a point up (dma_fence_chain_find_seqno); 0 is all that is there.</summary>
    /// <param name="point">The point.</param>
    /// <param name="fences">Gets what is not signalled yet of the fences that make the point.</param>
    public SyncobjPoint Find(ulong point, List<DmaFence>? fences)
    {
        lock (_lock)
        {
            return FindLocked(point, fences);
        }
    }

    /// <summary>The point that has been reached, or the last one submitted (drm_syncobj_query_ioctl); 0 without a timeline.</summary>
    public ulong Query(bool lastSubmitted)
    {
        lock (_lock)
        {
            Collect();
            if (_count == 0 || _nodes[_count - 1].Context == 0)
            {
                return 0;
            }

            int oldest = _count - 1;
            if (lastSubmitted)
            {
                return _nodes[oldest].Point;
            }

            while (oldest > 0 && _nodes[oldest - 1].Context == _nodes[oldest].Context)
            {
                oldest--;
            }

            bool reached = true;
            for (int i = 0; i <= oldest; i++)
            {
                reached &= _nodes[i].Fence.IsSignaled;
            }

            return reached ? _nodes[oldest].Point : _nodes[oldest].PreviousPoint;
        }
    }

    /// <summary>Tells an observer of the fences that are there and of those that come, until it has what it wants.</summary>
    public void AddObserver(SyncobjObserver observer)
    {
        lock (_lock)
        {
            if (!Offer(observer))
            {
                observer.Next = _observers;
                _observers = observer;
            }
        }
    }

    /// <summary>Forgets an observer, which then hears nothing more.</summary>
    public void RemoveObserver(SyncobjObserver observer)
    {
        lock (_lock)
        {
            Unlink(observer);
        }
    }

    private SyncobjPoint FindLocked(ulong point, List<DmaFence>? fences)
    {
        if (_count == 0)
        {
            return SyncobjPoint.Missing;
        }

        int found = _count - 1;
        if (point != 0)
        {
            Collect();
            found = _count - 1;
            long context = _nodes[found].Context;
            if (context == 0 || _nodes[found].Point < point)
            {
                return SyncobjPoint.Missing;
            }

            while (found >= 0 && _nodes[found].Context == context && _nodes[found].PreviousPoint >= point)
            {
                found--;
            }
        }

        for (int i = 0; i <= found && fences is not null; i++)
        {
            if (!_nodes[i].Fence.IsSignaled)
            {
                fences.Add(_nodes[i].Fence);
            }
        }

        return found < 0 ? SyncobjPoint.Passed : SyncobjPoint.Present;
    }

    /// <summary>Drops what is signalled but for the last (dma_fence_chain_walk).</summary>
    private void Collect()
    {
        int kept = 0;
        for (int i = 0; i < _count; i++)
        {
            if (i == _count - 1 || !_nodes[i].Fence.IsSignaled)
            {
                _nodes[kept++] = _nodes[i];
            }
        }

        Array.Clear(_nodes, kept, _count - kept);
        _count = kept;
    }

    private void Append(in Node node)
    {
        if (_count == _nodes.Length)
        {
            Array.Resize(ref _nodes, _count * 2);
        }

        _nodes[_count++] = node;
    }

    private void NotifyObservers()
    {
        for (SyncobjObserver? observer = _observers; observer is not null;)
        {
            SyncobjObserver? next = observer.Next;
            if (Offer(observer))
            {
                Unlink(observer);
            }

            observer = next;
        }
    }

    private bool Offer(SyncobjObserver observer)
    {
        observer.Fences.Clear();
        if (FindLocked(observer.Point, observer.Fences) == SyncobjPoint.Missing)
        {
            return false;
        }

        observer.OnFence();
        return true;
    }

    private void Unlink(SyncobjObserver observer)
    {
        SyncobjObserver? before = null;
        for (SyncobjObserver? other = _observers; other is not null; before = other, other = other.Next)
        {
            if (other != observer)
            {
                continue;
            }

            if (before is null)
            {
                _observers = observer.Next;
            }
            else
            {
                before.Next = observer.Next;
            }

            observer.Next = null;
            return;
        }
    }

    /// <summary>A fence in the box. A context of 0 says that it is no part of a timeline.</summary>
    private struct Node
    {
        public DmaFence Fence;
        public ulong Point;
        public ulong PreviousPoint;
        public long Context;
    }
}
