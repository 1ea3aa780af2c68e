using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Server;

/// <summary>
/// The memory of another process without CPU faults. GPU accesses go to the pages of the process; what it does to its mappings is reported by
/// the preload library, or noticed when they are compared with what was recorded.
/// </summary>
internal sealed unsafe class RemoteClientMemory(RemoteAddressSpace space)
    : CoherentClientMemory("The client is another process: GPU accesses go to its pages."), IRemoteClientMemory
{
    public ClientMemory Memory => this;

    public RemotePump? Pump => null;

    public void SetGone()
    {
        if (space.SetGone())
        {
            Invalidate(0, ulong.MaxValue & ~PageConstants.PageMask, MmuEvent.Unmap);
        }
    }

    public void DropDevicePages() => MappingGone(0, ulong.MaxValue & ~PageConstants.PageMask);

    public void Invalidate(ulong start, ulong end, MmuEvent reason)
    {
        if (!space.IsGone)
        {
            Notifiers.Quiesce(start, end);
        }

        if (reason == MmuEvent.Unmap)
        {
            Mappings.Remove(start, end);
        }

        Notifiers.Invalidate(start, end, reason);
        MappingGone(start, end);
    }

    public override int Read(ulong address, void* destination, nuint length) => space.Read(address, destination, length);

    public override int Write(ulong address, void* source, nuint length) => space.Write(address, source, length);

    public override int Add(ulong address, int addend) => space.Add(address, addend);

    public override int FindVma(ulong address, out ClientVma vma) => space.FindVma(address, out vma);

    public override bool IsPopulated(ulong address, int pages) => space.IsPopulated(address, pages, Residency);

    public void Dispose()
    {
        SetGone();
        space.Dispose();
        Staging.Dispose();
    }

    /// <inheritdoc/>
    protected override int MakePresent(ulong address, int pages, bool write) => space.Populate(address, pages, write);
}
