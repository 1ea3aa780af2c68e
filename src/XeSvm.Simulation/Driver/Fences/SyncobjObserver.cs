using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Fences;

/// <summary>Waits for a fence to appear in a syncobj (syncobj_wait_entry, syncobj_eventfd_entry). Members are called under the syncobj's lock.</summary>
internal abstract class SyncobjObserver
{
    private const int UsualFences = 4;

    internal SyncobjObserver? Next;

    /// <summary>The point that is waited for; 0 for any fence.</summary>
    public ulong Point { get; set; }

    /// <summary>When <see cref="OnFence"/> is called: what is not signalled yet of the fences that make the point.</summary>
    public List<DmaFence> Fences { get; } = new(UsualFences);

    /// <summary>The point is there. Nothing more is heard of the syncobj.</summary>
    public abstract void OnFence();

    /// <summary>The syncobj is gone and no fence will come.</summary>
    public abstract void OnAbandoned();
}
