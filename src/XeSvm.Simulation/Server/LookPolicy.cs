namespace XeSvm.Simulation.Server;

/// <summary>
/// Whether it pays to look for a message for a while before sleeping: once waits have been short. A look in vain must be earned back by twice as
/// many short waits as the one before; a look that finds something makes the next one cheaper. Where messages are rare nothing is spent.
/// </summary>
internal struct LookPolicy
{
    /// <summary>More short waits than this are never asked for.</summary>
    public const int MostNeeded = 64;

    private int _shortWaits;
    private int _needed;

    /// <summary>Starts asking for one short wait.</summary>
    public LookPolicy() => _needed = 1;

    /// <summary>Whether to look before the next sleep.</summary>
    public readonly bool Looks => _shortWaits >= _needed;

    /// <summary>The look has found a message.</summary>
    public void Found() => _needed = Math.Max(_needed / 2, 1);

    /// <summary>It has not.</summary>
    public void FoundNothing()
    {
        _shortWaits = 0;
        _needed = Math.Min(_needed * 2, MostNeeded);
    }

    /// <summary>A sleep has ended.</summary>
    public void Slept(bool wasShort) => _shortWaits = wasShort ? Math.Min(_shortWaits + 1, MostNeeded) : 0;
}
