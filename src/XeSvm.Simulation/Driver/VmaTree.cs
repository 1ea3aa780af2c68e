namespace XeSvm.Simulation.Driver;

/// <summary>
/// The areas of a VM, sorted, never overlapping: a treap whose nodes are the areas themselves, so that lookups and changes cost
/// O(log n) and allocate nothing. Guarded by the VM lock.
/// </summary>
internal sealed class VmaTree
{
    private Vma? _root;
    private uint _random = 0x9E3779B9;

    public int Count { get; private set; }

    /// <summary>The area that contains an address, or null.</summary>
    public Vma? Find(ulong address)
    {
        Vma? candidate = FindAtOrBelow(address);
        return candidate is not null && address < candidate.End ? candidate : null;
    }

    /// <summary>The first area that overlaps <c>[start, end)</c>, or null.</summary>
    public Vma? FirstOverlap(ulong start, ulong end)
    {
        Vma? above = null;
        for (Vma? node = _root; node is not null;)
        {
            if (node.Start > start)
            {
                above = node;
                node = node.Left;
            }
            else if (start < node.End)
            {
                return node;
            }
            else
            {
                node = node.Right;
            }
        }

        return above is not null && above.Start < end ? above : null;
    }

    /// <summary>The lowest area that starts above an address, or null.</summary>
    public Vma? FindAbove(ulong address)
    {
        Vma? best = null;
        for (Vma? node = _root; node is not null;)
        {
            if (node.Start > address)
            {
                best = node;
                node = node.Left;
            }
            else
            {
                node = node.Right;
            }
        }

        return best;
    }

    /// <summary>Adds an area that overlaps none.</summary>
    public void Insert(Vma vma)
    {
        // xorshift32: the shape of a treap needs no better.
        _random ^= _random << 13;
        _random ^= _random >> 17;
        _random ^= _random << 5;
        vma.Priority = _random;

        // Down to where its priority belongs: only what is below that place is cut, which is a node or two on average.
        ref Vma? link = ref _root;
        while (link is not null && link.Priority >= vma.Priority)
        {
            link = ref ChildTowards(link, vma.Start);
        }

        Split(link, vma.Start, out vma.Left, out vma.Right);
        link = vma;
        vma.IsInTree = true;
        Count++;
    }

    /// <summary>Removes an area that is in the tree.</summary>
    public void Remove(Vma vma)
    {
        ref Vma? link = ref _root;
        while (link is not null && !ReferenceEquals(link, vma))
        {
            link = ref ChildTowards(link, vma.Start);
        }

        if (link is null)
        {
            throw new InvalidOperationException($"The area {vma.Start:x}-{vma.End:x} is not in the tree.");
        }

        link = Merge(vma.Left, vma.Right);
        vma.Left = vma.Right = null;
        vma.IsInTree = false;
        Count--;
    }

    private static ref Vma? ChildTowards(Vma node, ulong start)
    {
        if (start < node.Start)
        {
            return ref node.Left;
        }

        return ref node.Right;
    }

    private Vma? FindAtOrBelow(ulong address)
    {
        Vma? best = null;
        for (Vma? node = _root; node is not null;)
        {
            if (node.Start <= address)
            {
                best = node;
                node = node.Right;
            }
            else
            {
                node = node.Left;
            }
        }

        return best;
    }

    /// <summary>Cuts a subtree into the areas that start below a key and the others.</summary>
    private static void Split(Vma? node, ulong key, out Vma? below, out Vma? above)
    {
        if (node is null)
        {
            below = above = null;
        }
        else if (node.Start < key)
        {
            Split(node.Right, key, out node.Right, out above);
            below = node;
        }
        else
        {
            Split(node.Left, key, out below, out node.Left);
            above = node;
        }
    }

    private static Vma? Merge(Vma? below, Vma? above)
    {
        if (below is null || above is null)
        {
            return below ?? above;
        }

        if (below.Priority > above.Priority)
        {
            below.Right = Merge(below.Right, above);
            return below;
        }

        above.Left = Merge(below, above.Left);
        return above;
    }
}
