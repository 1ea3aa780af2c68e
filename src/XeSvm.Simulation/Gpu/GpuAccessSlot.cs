using System.Diagnostics;
using System.Runtime.InteropServices;

namespace XeSvm.Simulation.Gpu;

/// <summary>
/// One engine thread's place in a <see cref="TlbGate"/>: its access sections and its TLB. <see cref="Enter"/> and <see cref="Exit"/> are
/// called by that thread alone and do not nest.
/// </summary>
internal sealed class GpuAccessSlot
{
    private readonly TlbGate _gate;
    private long _tlbGeneration;
    private PaddedSequence _sequence;

    internal GpuAccessSlot(TlbGate gate)
    {
        _gate = gate;
        _tlbGeneration = gate.Generation;
    }

    /// <summary>Translations that are good inside a section.</summary>
    public GpuTlb Tlb { get; } = new();

    /// <summary>Begins an access section; translations made before the last invalidation are gone.</summary>
    public void Enter()
    {
        // Full fence: this must be visible before the generation and the page table are read.
        Interlocked.Increment(ref _sequence.Value);
        Debug.Assert((_sequence.Value & 1) == 1, "Access sections do not nest.");
        long generation = _gate.Generation;
        if (generation != _tlbGeneration)
        {
            Tlb.Clear();
            _tlbGeneration = generation;
        }
    }

    /// <summary>Ends the access section.</summary>
    public void Exit() => Volatile.Write(ref _sequence.Value, _sequence.Value + 1);

    /// <summary>Waits until the section that is open now, if any, has ended.</summary>
    internal void WaitForExit()
    {
        long sequence = Volatile.Read(ref _sequence.Value);
        if ((sequence & 1) == 0)
        {
            return;
        }

        // Sections are short: yield the processor, never sleep.
        var spin = new SpinWait();
        while (Volatile.Read(ref _sequence.Value) == sequence)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>Odd inside a section. Alone on its cache line, as its owner writes it on every access.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct PaddedSequence
    {
        [FieldOffset(64)]
        public long Value;
    }
}
