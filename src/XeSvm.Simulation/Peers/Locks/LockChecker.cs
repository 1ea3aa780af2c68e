using System.Collections.Concurrent;

namespace XeSvm.Simulation.Peers.Locks;

/// <summary>
/// Proves lock order as it is used, on every run: keeps what each thread holds and which class was ever taken inside which, and reports an
/// order that contradicts an earlier one, or an operation whose own locks its caller's context forbids. What the kernel's lockdep does for
/// the patches' context rules; always on, since a rule that is broken only when an allocation happens to need a lock shows up too late.
/// </summary>
internal sealed class LockChecker : IDisposable
{
    private static readonly int s_classes = Enum.GetValues<LockClass>().Length;

    /// <summary>Violations that are kept; all are counted.</summary>
    public const int MostKept = 256;

    // [a, b]: b was taken while a was held.
    private readonly int[,] _taken = new int[s_classes, s_classes];
    private readonly ConcurrentQueue<LockViolation> _violations = new();
    private readonly ThreadLocal<List<(LockClass Class, object Instance)>> _held = new(() => new(8));
    private long _violationCount;

    /// <summary>A checker that knows the documented order from the start: outer classes before inner ones.</summary>
    public LockChecker()
    {
        for (int outer = 0; outer < s_classes; outer++)
        {
            for (int inner = outer + 1; inner < s_classes; inner++)
            {
                _taken[outer, inner] = 1;
            }
        }
    }

    /// <summary>What was wrong so far, the first <see cref="MostKept"/> of it; empty is healthy.</summary>
    public IReadOnlyCollection<LockViolation> Violations => _violations;

    /// <summary>How much was wrong so far.</summary>
    public long ViolationCount => Volatile.Read(ref _violationCount);

    /// <summary>Whether this thread holds a lock of a class.</summary>
    public bool Holds(LockClass lockClass)
    {
        foreach ((LockClass held, _) in _held.Value!)
        {
            if (held == lockClass)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Says that this thread is about to take a lock. False: in this context it must not; it was reported.</summary>
    public bool MayTake(LockClass wanted, object? instance, string name)
    {
        foreach ((LockClass held, object heldInstance) in _held.Value!)
        {
            if (held == wanted ? !MayNest(wanted, heldInstance, instance) : IsTakenInside(wanted, held))
            {
                string rule = held == wanted
                    ? $"{name} wants {wanted} while another {held} is held outside of one transaction."
                    : $"{name} wants {wanted} while {held}, which nests inside it, is held.";
                if (Interlocked.Increment(ref _violationCount) <= MostKept)
                {
                    _violations.Enqueue(new LockViolation(name, held, rule));
                }

                return false;
            }

            Volatile.Write(ref _taken[(int)held, (int)wanted], 1);
        }

        return true;
    }

    /// <summary>Checks an operation against what this thread holds, whether or not it takes a lock this time. False: it was reported.</summary>
    public bool Allows(LockedOperation operation)
    {
        foreach (LockClass lockClass in operation.MayTake)
        {
            if (!MayTake(lockClass, null, operation.Name))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Notes a lock as held by this thread.</summary>
    public void Taken(LockClass lockClass, object instance) => _held.Value!.Add((lockClass, instance));

    /// <summary>Notes a lock as given back.</summary>
    public void Released(LockClass lockClass, object instance)
    {
        List<(LockClass Class, object Instance)> held = _held.Value!;
        int index = held.Count - 1;
        while (index >= 0 && (held[index].Class != lockClass || !ReferenceEquals(held[index].Instance, instance)))
        {
            index--;
        }

        if (index < 0)
        {
            throw new SynchronizationLockException($"This thread does not hold the {lockClass} lock that it gives back.");
        }

        held.RemoveAt(index);
    }

    /// <summary>Notes that this thread is inside a lock of another kind that counts as one of a class, after a check of its place in the order.</summary>
    public Scope Hold(LockClass lockClass, object instance, string name)
    {
        MayTake(lockClass, instance, name);
        Taken(lockClass, instance);
        return new Scope(this, lockClass, instance);
    }

    /// <inheritdoc/>
    public void Dispose() => _held.Dispose();

    /// <summary>A lock that counts as held until this is disposed; the default is none.</summary>
    public readonly ref struct Scope(LockChecker? owner, LockClass lockClass, object instance)
    {
        /// <summary>Notes it as given back.</summary>
        public void Dispose() => owner?.Released(lockClass, instance);
    }

    // Reservations nest in one transaction only, and the same one never.
    private bool MayNest(LockClass wanted, object heldInstance, object? instance) =>
        wanted == LockClass.Reservation && instance is not null && !ReferenceEquals(heldInstance, instance) && Holds(LockClass.Validation);

    // Whether "held" was ever taken inside "wanted": then "wanted" inside "held" closes a circle.
    private bool IsTakenInside(LockClass wanted, LockClass held)
    {
        int outer = (int)wanted;
        for (int direct = 0; direct < s_classes; direct++)
        {
            bool leads = Volatile.Read(ref _taken[outer, direct]) != 0;
            if (leads && (direct == (int)held || Volatile.Read(ref _taken[direct, (int)held]) != 0))
            {
                return true;
            }
        }

        return false;
    }
}
