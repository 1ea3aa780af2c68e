using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>One area of <see cref="VmModel"/>.</summary>
internal sealed record ModelArea(
    ulong Start, ulong End, VmaKind Kind, uint Handle, ulong Offset, bool IsReadOnly, int PreferredFd = 0, uint Atomic = DRM_XE_ATOMIC_UNDEFINED)
{
    public bool IsDefaultMirror => Kind == VmaKind.CpuAddressMirror && PreferredFd == 0 && Atomic == DRM_XE_ATOMIC_UNDEFINED;

    public IEnumerable<ModelArea> Outside(ulong start, ulong end)
    {
        if (End <= start || end <= Start)
        {
            yield return this;
            yield break;
        }

        if (Start < start)
        {
            yield return this with { End = start };
        }

        if (end < End)
        {
            yield return this with { Start = end, Offset = Kind == VmaKind.BufferObject ? Offset + (end - Start) : 0 };
        }
    }
}

/// <summary>A VM's areas as a plain list, with the rules written down the slow and simple way.</summary>
internal sealed class VmModel
{
    public List<ModelArea> Areas { get; private set; } = [];

    public VmModel Copy() => new() { Areas = [.. Areas] };

    public void Apply(in drm_xe_vm_bind_op op)
    {
        switch (op.op)
        {
            case DRM_XE_VM_BIND_OP_MAP:
                Map(op);
                break;
            case DRM_XE_VM_BIND_OP_UNMAP:
                Clear(op.addr, op.addr + op.range);
                break;
            case DRM_XE_VM_BIND_OP_UNMAP_ALL:
                uint handle = op.obj;
                Areas.RemoveAll(area => area.Handle == handle);
                break;
        }
    }

    /// <summary>Objects behind the first area that is no mirror go to system memory, where those in VRAM cannot live.</summary>
    public bool RefusesPrefetchOfVram(drm_xe_vm_bind_op op) =>
        op.op == DRM_XE_VM_BIND_OP_PREFETCH
        && Areas.Where(area => area.Start < op.addr + op.range && op.addr < area.End)
            .SkipWhile(area => area.Kind == VmaKind.CpuAddressMirror)
            .Skip(1)
            .Any(area => area.Handle != 0);

    public void AdviseLocation(ulong start, ulong end, int fd)
    {
        Split(start);
        Split(end);
        Change(start, end, area => area.Kind == VmaKind.CpuAddressMirror ? area with { PreferredFd = fd } : area);
    }

    public void AdviseAtomic(ulong start, ulong end, uint policy)
    {
        Split(start);
        Split(end);
        Change(start, end, area => area with { Atomic = policy });
    }

    public ModelArea? Find(ulong address) => Areas.Find(area => area.Start <= address && address < area.End);

    private void Map(in drm_xe_vm_bind_op op)
    {
        ulong start = op.addr;
        ulong end = op.addr + op.range;
        bool mirror = (op.flags & DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR) != 0;
        if (mirror)
        {
            start = start > 0 && Find(start - 1) is { IsDefaultMirror: true } below ? below.Start : start;

            // The area that contains the end, or one that begins a page above it when nothing contains it.
            ModelArea? above = Find(end) ?? Find(end + 0x1000);
            end = above is { IsDefaultMirror: true } ? above.End : end;
        }

        Clear(start, end);
        VmaKind kind = mirror ? VmaKind.CpuAddressMirror : op.obj != 0 ? VmaKind.BufferObject : VmaKind.Null;
        Areas.Add(new ModelArea(start, end, kind, op.obj, op.obj_offset, (op.flags & DRM_XE_VM_BIND_FLAG_READONLY) != 0));
        Areas.Sort((a, b) => a.Start.CompareTo(b.Start));
    }

    private void Clear(ulong start, ulong end) => Areas = [.. Areas.SelectMany(area => area.Outside(start, end))];

    private void Split(ulong address) => Areas = [.. Areas.SelectMany(area => area.Handle != 0 || address <= area.Start || area.End <= address
        ? (ModelArea[])[area]
        : [area with { End = address }, area with { Start = address }])];

    private void Change(ulong start, ulong end, Func<ModelArea, ModelArea> change) =>
        Areas = [.. Areas.Select(area => area.Start < end && start < area.End ? change(area) : area)];
}
