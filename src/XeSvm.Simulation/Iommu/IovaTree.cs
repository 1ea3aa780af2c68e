using System.Diagnostics;
using System.Numerics;

namespace XeSvm.Simulation.Iommu;

/// <summary>
/// The address ranges that are taken, in pages: a height-balanced tree in one array. Each node knows the largest gap between
/// the ranges below it, so the highest gap that fits is found in O(log n). Not thread-safe: the allocator's lock guards it.
/// </summary>
internal sealed class IovaTree
{
    private const int None = 0;
    private readonly ulong _firstPage;
    private Node[] _nodes = new Node[64];
    private int _free;
    private int _used = 1;
    private int _root;

    /// <summary>A tree without ranges.</summary>
    /// <param name="firstPage">Lowest page that may be given out, at least 1: 0 means "no page".</param>
    public IovaTree(ulong firstPage)
    {
        Debug.Assert(firstPage > 0);
        _firstPage = firstPage;
        _nodes[None] = new Node { MinStart = ulong.MaxValue, MaxOrder = -1 };
    }

    /// <summary>Number of ranges taken.</summary>
    public int Count { get; private set; }

    /// <summary>Number of pages taken.</summary>
    public ulong Pages { get; private set; }

    /// <summary>
    /// Takes the highest range of the size that ends at or below a limit and starts at a multiple of the size rounded up to a power of two.
    /// </summary>
    /// <returns>The first page; 0 when nothing fits.</returns>
    public ulong Allocate(ulong pages, ulong lastPage)
    {
        Request request = new(pages);
        ulong start = Find(_root, _firstPage, lastPage + 1, in request);
        if (start != 0)
        {
            _root = Insert(_root, NewNode(start, start + pages));
        }

        return start;
    }

    /// <summary>Takes a given range; false when part of it is taken.</summary>
    public bool Reserve(ulong start, ulong pages)
    {
        if (pages == 0 || start + pages < start || Overlaps(start, start + pages))
        {
            return false;
        }

        _root = Insert(_root, NewNode(start, start + pages));
        return true;
    }

    /// <summary>Gives a range back; false when no range starts at the page.</summary>
    public bool Free(ulong start, out ulong pages)
    {
        int node = _root;
        while (node != None && _nodes[node].Start != start)
        {
            node = start < _nodes[node].Start ? _nodes[node].Left : _nodes[node].Right;
        }

        if (node == None)
        {
            pages = 0;
            return false;
        }

        pages = _nodes[node].End - start;
        Count--;
        Pages -= pages;
        _root = Remove(_root, start, out int removed);
        _nodes[removed].Left = _free;
        _free = removed;
        return true;
    }

    /// <summary>Finds the range that contains a page.</summary>
    public bool TryFind(ulong page, out ulong start, out ulong pages)
    {
        int node = _root;
        while (node != None)
        {
            ref Node at = ref _nodes[node];
            if (page >= at.Start && page < at.End)
            {
                start = at.Start;
                pages = at.End - at.Start;
                return true;
            }

            node = page < at.Start ? at.Left : at.Right;
        }

        start = 0;
        pages = 0;
        return false;
    }

    /// <summary>Throws when an order, a balance or a cached gap of the tree is wrong (tests and audit).</summary>
    /// <exception cref="InvalidOperationException">The tree is damaged.</exception>
    public void Verify()
    {
        ulong pages = 0;
        int count = 0;
        Verify(_root, ref count, ref pages);
        if (count != Count || pages != Pages)
        {
            throw new InvalidOperationException($"The tree holds {count} ranges of {pages} pages but counts {Count} of {Pages}.");
        }
    }

    private ulong Find(int node, ulong low, ulong high, in Request request)
    {
        while (node != None)
        {
            ref Node at = ref _nodes[node];
            if (at.Start >= high)
            {
                node = at.Left;
                continue;
            }

            if (!MayHold(in at, low, high, in request))
            {
                return 0;
            }

            ulong found = at.End < high ? Find(at.Right, at.End, high, in request) : 0;
            if (found != 0)
            {
                return found;
            }

            high = at.Start;
            node = at.Left;
        }

        return request.Fit(low, high);
    }

    /// <summary>Whether a gap inside a subtree, or between it and its bounds, can hold a request. Exact for powers of two.</summary>
    private static bool MayHold(in Node node, ulong low, ulong high, in Request request)
    {
        bool inside = request.IsPowerOfTwo ? node.MaxOrder >= request.Order : node.MaxGap >= request.Pages;
        return inside || request.Fit(low, node.MinStart) != 0 || (node.MaxEnd < high && request.Fit(node.MaxEnd, high) != 0);
    }

    private bool Overlaps(ulong start, ulong end)
    {
        int node = _root;
        while (node != None)
        {
            ref Node at = ref _nodes[node];
            if (start < at.End && at.Start < end)
            {
                return true;
            }

            node = end <= at.Start ? at.Left : at.Right;
        }

        return false;
    }

    private int NewNode(ulong start, ulong end)
    {
        int node = _free;
        if (node != None)
        {
            _free = _nodes[node].Left;
        }
        else
        {
            if (_used == _nodes.Length)
            {
                Array.Resize(ref _nodes, _nodes.Length * 2);
            }

            node = _used++;
        }

        _nodes[node] = new Node { Start = start, End = end };
        Update(node);
        Count++;
        Pages += end - start;
        return node;
    }

    private int Insert(int node, int added)
    {
        if (node == None)
        {
            return added;
        }

        if (_nodes[added].Start < _nodes[node].Start)
        {
            _nodes[node].Left = Insert(_nodes[node].Left, added);
        }
        else
        {
            _nodes[node].Right = Insert(_nodes[node].Right, added);
        }

        return Balance(node);
    }

    private int Remove(int node, ulong start, out int removed)
    {
        if (start < _nodes[node].Start)
        {
            _nodes[node].Left = Remove(_nodes[node].Left, start, out removed);
            return Balance(node);
        }

        if (start > _nodes[node].Start)
        {
            _nodes[node].Right = Remove(_nodes[node].Right, start, out removed);
            return Balance(node);
        }

        removed = node;
        int left = _nodes[node].Left;
        int right = _nodes[node].Right;
        if (left == None || right == None)
        {
            return left == None ? right : left;
        }

        right = RemoveLowest(right, out int successor);
        _nodes[successor].Left = left;
        _nodes[successor].Right = right;
        return Balance(successor);
    }

    private int RemoveLowest(int node, out int lowest)
    {
        if (_nodes[node].Left == None)
        {
            lowest = node;
            return _nodes[node].Right;
        }

        _nodes[node].Left = RemoveLowest(_nodes[node].Left, out lowest);
        return Balance(node);
    }

    private int Balance(int node)
    {
        int tilt = Tilt(node);
        if (tilt > 1)
        {
            if (Tilt(_nodes[node].Left) < 0)
            {
                _nodes[node].Left = RotateLeft(_nodes[node].Left);
            }

            return RotateRight(node);
        }

        if (tilt < -1)
        {
            if (Tilt(_nodes[node].Right) > 0)
            {
                _nodes[node].Right = RotateRight(_nodes[node].Right);
            }

            return RotateLeft(node);
        }

        Update(node);
        return node;
    }

    private int Tilt(int node) => _nodes[_nodes[node].Left].Height - _nodes[_nodes[node].Right].Height;

    private int RotateRight(int node)
    {
        int top = _nodes[node].Left;
        _nodes[node].Left = _nodes[top].Right;
        _nodes[top].Right = node;
        Update(node);
        Update(top);
        return top;
    }

    private int RotateLeft(int node)
    {
        int top = _nodes[node].Right;
        _nodes[node].Right = _nodes[top].Left;
        _nodes[top].Left = node;
        Update(node);
        Update(top);
        return top;
    }

    private void Update(int node)
    {
        ref Node at = ref _nodes[node];
        ref Node left = ref _nodes[at.Left];
        ref Node right = ref _nodes[at.Right];
        at.Height = 1 + Math.Max(left.Height, right.Height);
        at.MinStart = at.Start;
        at.MaxEnd = at.End;
        at.MaxGap = Math.Max(left.MaxGap, right.MaxGap);
        at.MaxOrder = Math.Max(left.MaxOrder, right.MaxOrder);
        if (at.Left != None)
        {
            at.MinStart = left.MinStart;
            AddGap(ref at, left.MaxEnd, at.Start);
        }

        if (at.Right != None)
        {
            at.MaxEnd = right.MaxEnd;
            AddGap(ref at, at.End, right.MinStart);
        }
    }

    private static void AddGap(ref Node node, ulong low, ulong high)
    {
        node.MaxGap = Math.Max(node.MaxGap, high - low);
        node.MaxOrder = Math.Max(node.MaxOrder, AlignedOrder(low, high));
    }

    /// <summary>Exponent of the largest naturally aligned power-of-two block in a gap; -1 for an empty gap.</summary>
    private static int AlignedOrder(ulong low, ulong high)
    {
        if (low >= high)
        {
            return -1;
        }

        // A gap of 2^k or more pages always holds an aligned block of 2^(k-1).
        int order = BitOperations.Log2(high - low);
        ulong mask = (1UL << order) - 1;
        return ((low + mask) & ~mask) + (1UL << order) <= high ? order : order - 1;
    }

    private int Verify(int node, ref int count, ref ulong pages)
    {
        if (node == None)
        {
            return 0;
        }

        Node before = _nodes[node];
        int left = Verify(before.Left, ref count, ref pages);
        int right = Verify(before.Right, ref count, ref pages);
        Update(node);
        bool ordered = (before.Left == None || _nodes[before.Left].MaxEnd <= before.Start)
            && (before.Right == None || _nodes[before.Right].MinStart >= before.End);
        if (!ordered || Math.Abs(left - right) > 1 || !before.Equals(_nodes[node]))
        {
            throw new InvalidOperationException($"The tree is damaged at pages [{before.Start:x}, {before.End:x}).");
        }

        count++;
        pages += before.End - before.Start;
        return before.Height;
    }

    private record struct Node
    {
        public ulong Start;
        public ulong End;
        public ulong MinStart;
        public ulong MaxEnd;
        public ulong MaxGap;
        public int MaxOrder;
        public int Height;
        public int Left;
        public int Right;
    }

    private readonly struct Request
    {
        private readonly ulong _mask;

        public Request(ulong pages)
        {
            Pages = pages;
            IsPowerOfTwo = BitOperations.IsPow2(pages);
            Order = BitOperations.Log2(pages) + (IsPowerOfTwo ? 0 : 1);
            _mask = (1UL << Order) - 1;
        }

        public ulong Pages { get; }

        public bool IsPowerOfTwo { get; }

        public int Order { get; }

        /// <summary>Highest start of the request in a gap; 0 when it does not fit.</summary>
        public ulong Fit(ulong low, ulong high)
        {
            if (high <= low || high - low < Pages)
            {
                return 0;
            }

            ulong start = (high - Pages) & ~_mask;
            return start >= low ? start : 0;
        }
    }
}
