using System.Diagnostics.CodeAnalysis;

namespace XeSvm.Simulation.Svm;

/// <summary>
/// The ranges of a mirror by address, below their notifiers: a lookup is one hash step to the notifier, one to the 2 MiB block in it, and
/// one array step. Not thread-safe.
/// </summary>
internal sealed class SvmRangeTable
{
    private readonly Dictionary<ulong, SvmNotifier> _notifiers = [];
    private readonly Stack<SvmNotifier> _pool = new();
    private readonly List<SvmNotifier> _overlapping = [];

    /// <summary>How many ranges there are.</summary>
    public int Count { get; private set; }

    /// <summary>How many notifiers there are.</summary>
    public int NotifierCount => _notifiers.Count;

    /// <summary>The range that contains an address.</summary>
    public bool TryFind(ulong address, [NotNullWhen(true)] out SvmRange? range)
    {
        range = null;
        return _notifiers.TryGetValue(SvmNotifier.StartOf(address), out SvmNotifier? notifier) && notifier.Ranges.TryFind(address, out range);
    }

    /// <summary>Whether any range overlaps <c>[start, end)</c>.</summary>
    public bool Overlaps(ulong start, ulong end)
    {
        foreach (SvmNotifier notifier in Overlapping(start, end))
        {
            if (notifier.Ranges.Overlaps(Math.Max(start, notifier.Start), Math.Min(end, notifier.End)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Adds a range that overlaps none; the first one of its block brings the notifier.</summary>
    public void Add(SvmRange range)
    {
        ulong start = SvmNotifier.StartOf(range.Start);
        if (!_notifiers.TryGetValue(start, out SvmNotifier? notifier))
        {
            notifier = _pool.TryPop(out SvmNotifier? pooled) ? pooled : new SvmNotifier();
            notifier.Assign(start);
            _notifiers.Add(start, notifier);
        }

        notifier.Ranges.Add(range);
        Count++;
    }

    /// <summary>Removes a range, and with the last one of its block the notifier.</summary>
    public void Remove(SvmRange range)
    {
        SvmNotifier notifier = _notifiers[SvmNotifier.StartOf(range.Start)];
        notifier.Ranges.Remove(range);
        Count--;
        if (notifier.Ranges.Count == 0)
        {
            _notifiers.Remove(notifier.Start);
            _pool.Push(notifier);
        }
    }

    /// <summary>Adds every range that overlaps <c>[start, end)</c> to a list.</summary>
    public void Collect(ulong start, ulong end, List<SvmRange> into)
    {
        foreach (SvmNotifier notifier in Overlapping(start, end))
        {
            notifier.Ranges.Collect(Math.Max(start, notifier.Start), Math.Min(end, notifier.End), into);
        }
    }

    /// <summary>The notifiers that overlap <c>[start, end)</c>, lowest first; valid until the next call.</summary>
    public List<SvmNotifier> Overlapping(ulong start, ulong end)
    {
        _overlapping.Clear();
        if (start >= end)
        {
            return _overlapping;
        }

        ulong first = SvmNotifier.StartOf(start);
        if ((end - first) / SvmNotifier.Size > (ulong)_notifiers.Count)
        {
            // Fewer notifiers than blocks in question.
            foreach (SvmNotifier notifier in _notifiers.Values)
            {
                if (notifier.Start < end && start < notifier.End)
                {
                    _overlapping.Add(notifier);
                }
            }

            _overlapping.Sort(static (left, right) => left.Start.CompareTo(right.Start));
            return _overlapping;
        }

        for (ulong at = first; at < end; at += SvmNotifier.Size)
        {
            if (_notifiers.TryGetValue(at, out SvmNotifier? notifier))
            {
                _overlapping.Add(notifier);
            }
        }

        return _overlapping;
    }
}
