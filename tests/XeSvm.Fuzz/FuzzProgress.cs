using System.Diagnostics;

namespace XeSvm.Fuzz;

/// <summary>Where one thread is, for the watchdog.</summary>
internal sealed class FuzzProgress
{
    private long _since;
    private int _step = -1;

    /// <summary>The sequence that is run.</summary>
    public FuzzSequence? Sequence { get; private set; }

    /// <summary>The step that is under way; -1: none.</summary>
    public int Step => Volatile.Read(ref _step);

    /// <summary>How long it has been so.</summary>
    public TimeSpan Age => Step < 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(Volatile.Read(ref _since));

    /// <summary>A sequence begins.</summary>
    public void Begin(FuzzSequence sequence) => Sequence = sequence;

    /// <summary>A step begins; one more than there are is the end, when the files are closed; -1: all is done.</summary>
    public void Enter(int step)
    {
        Volatile.Write(ref _since, Stopwatch.GetTimestamp());
        Volatile.Write(ref _step, step);
    }
}
