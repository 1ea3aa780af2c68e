using XeSvm.Interop.LibC;

namespace XeSvm.Simulation.Driver;

/// <summary>Whether the content may be given up under pressure.</summary>
internal enum PurgeState
{
    WillNeed,

    /// <summary>It may be discarded.</summary>
    DontNeed,

    /// <summary>It has been, for good.</summary>
    Purged,
}

/// <summary>The areas that map an object, of all VMs, and what they say about its content (drm_gem_object.gpuva).</summary>
internal sealed unsafe partial class BufferObject
{
    private Vma? _firstMapping;

    /// <summary>Exports that may be open.</summary>
    public bool IsExported { get; set; }

    public PurgeState Purge { get; private set; }

    /// <summary>Adds an area; what it takes over from another, it takes under the lock.</summary>
    public void Link(Vma vma)
    {
        lock (Lock)
        {
            vma.PreviousOfObject = null;
            vma.NextOfObject = _firstMapping;
            if (_firstMapping is not null)
            {
                _firstMapping.PreviousOfObject = vma;
            }

            _firstMapping = vma;
        }
    }

    /// <summary>Removes an area.</summary>
    public void Unlink(Vma vma)
    {
        lock (Lock)
        {
            if (vma.PreviousOfObject is { } previous)
            {
                previous.NextOfObject = vma.NextOfObject;
            }
            else
            {
                _firstMapping = vma.NextOfObject;
            }

            if (vma.NextOfObject is { } next)
            {
                next.PreviousOfObject = vma.PreviousOfObject;
            }

            vma.NextOfObject = vma.PreviousOfObject = null;
            UpdatePurge();
        }
    }

    /// <summary>
    /// Looks again whether the content may be discarded: when every area says so, and nobody outside holds it. Without areas it stays as it was
    /// said last.
    /// </summary>
    public void UpdatePurge()
    {
        lock (Lock)
        {
            if (Purge == PurgeState.Purged || IsImported || _firstMapping is null)
            {
                return;
            }

            bool needed = IsExported;
            for (Vma? vma = _firstMapping; vma is not null && !needed; vma = vma.NextOfObject)
            {
                needed = !vma.Attributes.DontNeed;
            }

            Purge = needed ? PurgeState.WillNeed : PurgeState.DontNeed;
        }
    }

    /// <summary>Gives the content up: mappings of the CPU give SIGBUS from here on, those of the GPU fault.</summary>
    private void Discard()
    {
        GiveMemoryBack();
        SystemCalls.SetLength(_content, 0);
        Purge = PurgeState.Purged;
    }

    /// <summary>Clears the page-table entries of every area and waits until no access uses them.</summary>
    private void ZapMappings()
    {
        for (Vma? vma = _firstMapping; vma is not null; vma = vma.NextOfObject)
        {
            if (vma.IsBound)
            {
                vma.IsBound = false;
                vma.Vm!.NoteEviction();
                vma.Vm.InvalidateTlb(vma.Vm.ZapPageTable(vma.Start, vma.End));
            }
        }
    }
}
