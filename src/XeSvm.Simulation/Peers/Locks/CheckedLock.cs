namespace XeSvm.Simulation.Peers.Locks;

/// <summary>A lock that tells a <see cref="LockChecker"/> about itself.</summary>
internal sealed class CheckedLock(LockChecker checker, LockClass lockClass, string name)
{
    private readonly Lock _lock = new();

    /// <summary>Takes the lock.</summary>
    /// <exception cref="LockRecursionException">This thread's context forbids it; waiting could deadlock. It was reported.</exception>
    public void Enter()
    {
        if (!checker.MayTake(lockClass, this, name))
        {
            throw new LockRecursionException($"{name} may not be taken here: it could deadlock.");
        }

        _lock.Enter();
        checker.Taken(lockClass, this);
    }

    /// <summary>Takes the lock if nobody has it. Cannot deadlock, so any context will do.</summary>
    public bool TryEnter()
    {
        if (_lock.IsHeldByCurrentThread || !_lock.TryEnter())
        {
            return false;
        }

        checker.Taken(lockClass, this);
        return true;
    }

    /// <summary>Gives the lock back.</summary>
    public void Exit()
    {
        checker.Released(lockClass, this);
        _lock.Exit();
    }

    /// <summary>Takes the lock for a scope.</summary>
    public Scope Take()
    {
        Enter();
        return new Scope(this);
    }

    /// <summary>Holds the lock until it is disposed.</summary>
    public readonly ref struct Scope(CheckedLock owner)
    {
        /// <summary>Gives the lock back.</summary>
        public void Dispose() => owner.Exit();
    }
}
