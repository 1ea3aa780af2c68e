using Microsoft.Extensions.Logging;

namespace XeSvm.Daemon.Logs;

/// <summary>
/// Faults that last: one line when one begins, a counter while it goes on, one line when it is over. A fault's subject is one of few.
/// </summary>
internal sealed class FaultLog(ILogger<FaultLog> logger)
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, OngoingFault> _ongoing = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _counts = new(StringComparer.Ordinal);

    /// <summary>The faults that go on.</summary>
    internal IReadOnlyList<OngoingFault> Ongoing
    {
        get
        {
            lock (_lock)
            {
                return [.. _ongoing.Values];
            }
        }
    }

    /// <summary>How often each kind of fault has happened since the start; the kind is the subject's first word.</summary>
    internal IReadOnlyList<KeyValuePair<string, long>> Counts
    {
        get
        {
            lock (_lock)
            {
                return [.. _counts];
            }
        }
    }

    /// <summary>A fault happened; logged when it is new, or its reason is.</summary>
    internal void Report(string subject, string reason)
    {
        bool isNew;
        lock (_lock)
        {
            string kind = subject.Split(' ', 2)[0];
            _counts[kind] = _counts.GetValueOrDefault(kind) + 1;
            isNew = !_ongoing.TryGetValue(subject, out OngoingFault? known) || known.Reason != reason;
            _ongoing[subject] = new OngoingFault(subject, reason, isNew ? 1 : known!.Count + 1);
        }

        if (isNew)
        {
            DaemonLog.FaultBegan(logger, subject, reason);
        }
    }

    /// <summary>The subject works.</summary>
    internal void Clear(string subject)
    {
        OngoingFault? over;
        lock (_lock)
        {
            if (!_ongoing.Remove(subject, out over))
            {
                return;
            }
        }

        DaemonLog.FaultEnded(logger, subject, over.Count, over.Reason);
    }
}

/// <summary>A fault that goes on.</summary>
/// <param name="Subject">What does not work.</param>
/// <param name="Reason">Why.</param>
/// <param name="Count">How often since it began.</param>
internal sealed record OngoingFault(string Subject, string Reason, long Count);
