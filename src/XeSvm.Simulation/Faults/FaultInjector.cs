using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace XeSvm.Simulation;

/// <summary>
/// Makes chosen operations of a software backend fail, as the kernel's fault injection does: what is chosen is in
/// <see cref="FaultRule"/>s, which can be added at any time. Safe from any thread. Without rules it costs one read an operation.
/// </summary>
public sealed class FaultInjector
{
    private readonly Lock _lock = new();
    private readonly ulong _seed;
    private readonly Counted[][] _rules = new Counted[FaultPointNames.Count][];
    private readonly long[] _injected = new long[FaultPointNames.Count];
    private ulong _rulesMade;
    private volatile bool _armed;
    private volatile int _clears;

    /// <summary>An injector with the rules of a plan.</summary>
    /// <param name="plan">What fails.</param>
    /// <exception cref="FormatException">A rule makes no sense; the message says why.</exception>
    public FaultInjector(FaultPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        _seed = (ulong)plan.Seed;
        Array.Fill(_rules, []);
        foreach (FaultRule rule in plan.Rules)
        {
            Add(rule);
        }
    }

    /// <summary>Adds a rule, whose occurrences are counted from now on.</summary>
    /// <param name="rule">The rule.</param>
    /// <exception cref="FormatException">It makes no sense; the message says why.</exception>
    public void Add(FaultRule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        rule.Validate();
        lock (_lock)
        {
            ref Counted[] rules = ref _rules[(int)rule.Point];
            Volatile.Write(ref rules, [.. rules, new Counted(rule, Mix(_seed + (++_rulesMade * 0x9E3779B97F4A7C15)))]);
            _armed = true;
        }
    }

    /// <summary>Removes every rule of a point; what has failed stays counted, and what is held up goes on.</summary>
    /// <param name="point">The point.</param>
    public void Clear(FaultPoint point)
    {
        lock (_lock)
        {
            Volatile.Write(ref _rules[(int)point], []);
            _clears++;
            _armed = Array.Exists(_rules, rules => rules.Length != 0);
        }
    }

    /// <summary>How many failures were injected at a point so far.</summary>
    /// <param name="point">The point.</param>
    public long Injected(FaultPoint point) => Volatile.Read(ref _injected[(int)point]);

    /// <summary>Counts an occurrence, and says whether it has to fail.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool Fails(FaultPoint point, ulong page = 0) => _armed && Find(point, page) is not null;

    /// <summary>Counts an occurrence, and holds it up for as long as a rule says, or until rules are removed.</summary>
    internal void HoldUp(FaultPoint point)
    {
        int clears = _clears;
        if (!_armed || Find(point, page: 0) is not { } rule)
        {
            return;
        }

        long begin = Stopwatch.GetTimestamp();
        while (_clears == clears && Stopwatch.GetElapsedTime(begin) < rule.Delay)
        {
            Thread.Yield();
        }
    }

    private FaultRule? Find(FaultPoint point, ulong page)
    {
        FaultRule? found = null;
        foreach (Counted counted in Volatile.Read(ref _rules[(int)point]))
        {
            // Every rule counts, also behind one that hits.
            if (counted.Hits(page))
            {
                found ??= counted.Rule;
            }
        }

        if (found is not null)
        {
            Interlocked.Increment(ref _injected[(int)point]);
        }

        return found;
    }

    /// <summary>The last step of splitmix64: every bit of the result depends on every bit of the argument.</summary>
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    /// <summary>A rule with its count. Chance depends on seed, rule and count alone, not on time or threads.</summary>
    private sealed class Counted(FaultRule rule, ulong seed)
    {
        private long _seen;
        private long _hits;

        public FaultRule Rule { get; } = rule;

        public bool Hits(ulong page)
        {
            if (Rule.Page is { } only && page != (ulong)only)
            {
                return false;
            }

            long occurrence = Interlocked.Increment(ref _seen);
            if (Rule.Point == FaultPoint.Userfaultfd)
            {
                return true;
            }

            if (Rule.At != 0)
            {
                return occurrence >= Rule.At && occurrence - Rule.At < Math.Max(Rule.Times, 1);
            }

            double chance = (Mix(seed + (ulong)occurrence) >> 11) * (1.0 / (1UL << 53));
            return chance < Rule.Probability && (Rule.Times == 0 || Interlocked.Increment(ref _hits) <= Rule.Times);
        }
    }
}
