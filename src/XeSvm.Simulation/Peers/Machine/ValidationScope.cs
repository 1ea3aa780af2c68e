using XeSvm.Simulation.Peers.Locks;

namespace XeSvm.Simulation.Peers.Machine;

/// <summary>A transaction over reservations: inside it a thread may hold several.</summary>
internal readonly ref struct ValidationScope
{
    private readonly LockChecker _locks;

    private ValidationScope(LockChecker locks) => _locks = locks;

    /// <summary>Begins a transaction of this thread.</summary>
    /// <exception cref="LockRecursionException">One is running, or a lock that nests inside is held. It was reported.</exception>
    public static ValidationScope Enter(LockChecker locks)
    {
        if (!locks.MayTake(LockClass.Validation, locks, "a validation transaction"))
        {
            throw new LockRecursionException("A validation transaction may not begin here: it could deadlock.");
        }

        locks.Taken(LockClass.Validation, locks);
        return new ValidationScope(locks);
    }

    /// <summary>Ends it.</summary>
    public void Dispose() => _locks.Released(LockClass.Validation, _locks);
}
