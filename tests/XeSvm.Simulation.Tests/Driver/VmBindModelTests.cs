using CsCheck;

using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>
/// Random sequences of binds, arrays of binds (some of which fail at their end) and advice against <see cref="VmModel"/>: the areas after
/// each call, the page table, and the references on buffer objects.
/// </summary>
public sealed class VmBindModelTests
{
    private const ulong Page = 0x1000;
    private const ulong BoSize = 0x500000;

    /// <summary>The pages lie round a 2M border, so that leaves of all sizes are made and cut.</summary>
    private const ulong First = 0x4020_0000 - (40 * Page);
    private const ulong Pages = 600;
    private const ulong End = First + (Pages * Page);

    private enum What
    {
        MapBo,
        MapNull,
        MapMirror,
        Unmap,
        UnmapAll,
        Prefetch,
        AdviseLocation,
        AdviseAtomic,
    }

    private static readonly Gen<Step> s_step = Gen.Select(
        Gen.Enum<What>(),
        Gen.OneOf(Gen.ULong[0, Pages - 1], Gen.ULong[36, 44]), // often at the 2M border
        Gen.OneOf(Gen.ULong[1, Pages], Gen.ULong[1, 20], Gen.ULong[1, 3], Gen.Const(16ul), Gen.Const(512ul)),
        Gen.Int[0, 7],
        (what, page, pages, pick) => new Step(what, page, Math.Min(pages, Pages - page), pick));

    /// <summary>Calls: the steps of each, and whether its last operation is one that fails.</summary>
    private static readonly Gen<(Step[] Steps, bool Fails)[]> s_calls = Gen.Select(
        s_step.Array[1, 6], Gen.Frequency((4, Gen.Const(false)), (1, Gen.Const(true)))).Array[1, 25];

    [Theory]
    [InlineData(0u)]
    [InlineData(DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE)]
    [InlineData(DrmClient.FaultMode)]
    [InlineData(DrmClient.FaultMode | DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE)]
    [Trait("Rule", "7.5.random")]
    public void Random_calls_agree_with_a_list_of_areas(uint vmFlags) => s_calls.Sample(calls =>
    {
        using var client = new DrmClient();
        uint vm = client.CreateVm(vmFlags);
        bool faults = (vmFlags & DRM_XE_VM_CREATE_FLAG_FAULT_MODE) != 0;
        uint[] handles = [client.CreateBo(BoSize, DrmClient.VramMemory), client.CreateBo(BoSize, DrmClient.VramMemory)];
        var model = new VmModel();
        foreach ((Step[] steps, bool fails) in calls)
        {
            if (steps[0].What is What.AdviseLocation or What.AdviseAtomic)
            {
                Advise(client, vm, model, steps[0]);
            }
            else
            {
                Bind(client, vm, model, [.. steps.Where(step => faults || step.What != What.MapMirror)], fails, handles);
            }

            CheckAreas(client, vm, model);
            CheckPageTable(client, vm, model, mustBeBound: !faults);
        }

        Array.ForEach(handles, handle => Assert.Equal(0, client.CloseBo(handle)));
        Assert.Equal(BoSize * (ulong)model.Areas.Select(area => area.Handle).Where(handle => handle != 0).Distinct().Count(), client.Device.Vram.Used);
        Assert.Equal(0, client.DestroyVm(vm));
        Assert.Equal(0ul, client.Device.Vram.Used);
    }, iter: 60);

    private static void Bind(DrmClient client, uint vm, VmModel model, Step[] steps, bool fails, uint[] handles)
    {
        drm_xe_vm_bind_op[] ops = [.. steps.Select(step => step.ToOp(handles)).Where(op => op is not null).Select(op => op!.Value)];
        if (fails)
        {
            // Binds an object in VRAM and sends it to system memory, where it cannot live: found out last of all.
            Assert.Equal(-Errno.EINVAL, client.BindArray(vm, [.. ops, Ops.MapBo(handles[0], First, Page), Ops.Prefetch(First, Page, 0)]));
            return;
        }

        VmModel after = model.Copy();
        bool refused = false;
        foreach (drm_xe_vm_bind_op op in ops)
        {
            refused |= after.RefusesPrefetchOfVram(op);
            after.Apply(op);
        }

        Assert.Equal(refused ? -Errno.EINVAL : 0, client.BindArray(vm, ops));
        for (int i = 0; i < ops.Length && !refused; i++)
        {
            model.Apply(ops[i]);
        }
    }

    private static void Advise(DrmClient client, uint vm, VmModel model, Step step)
    {
        ulong start = First + (step.Page * Page);
        ulong range = step.Pages * Page;
        if (step.What == What.AdviseLocation)
        {
            int fd = step.Pick % 2 == 0 ? 0 : -1;
            Assert.Equal(0, client.AdviseLocation(vm, start, range, fd));
            model.AdviseLocation(start, start + range, fd);
        }
        else
        {
            // Device: the one policy that objects in VRAM alone allow besides none.
            uint policy = step.Pick % 2 == 0 ? DRM_XE_ATOMIC_UNDEFINED : DRM_XE_ATOMIC_DEVICE;
            Assert.Equal(0, client.AdviseAtomic(vm, start, range, policy));
            model.AdviseAtomic(start, start + range, policy);
        }
    }

    private static void CheckAreas(DrmClient client, uint vm, VmModel model)
    {
        // Handles are the first ids of their file.
        Vm inspected = client.Inspect(vm);
        var areas = new List<ModelArea>();
        for (Vma? vma = inspected.Vmas.FirstOverlap(0, inspected.Size); vma is not null; vma = inspected.Vmas.FindAbove(vma.Start))
        {
            uint handle = vma.Object is null ? 0 : client.Software.Handles.TryGet(1, out BufferObject? first) && ReferenceEquals(first, vma.Object) ? 1u : 2;
            ulong offset = vma.Kind == VmaKind.BufferObject ? vma.ObjectOffset : 0;
            areas.Add(new ModelArea(
                vma.Start, vma.End, vma.Kind, handle, offset, vma.IsReadOnly, vma.Attributes.PreferredDevmemFd, (uint)vma.Attributes.Atomic));
        }

        Assert.Equal(model.Areas, areas);
        Assert.Equal(areas.Count, inspected.Vmas.Count);
    }

    /// <summary>No page may have an entry that its area does not call for; without faults every page must have the one that it calls for.</summary>
    private static void CheckPageTable(DrmClient client, uint vm, VmModel model, bool mustBeBound)
    {
        for (ulong address = First - Page; address < End + Page; address += Page)
        {
            ModelArea? area = model.Find(address);
            Leaf expected = area is null ? Leaf.Nothing : area.Kind switch
            {
                VmaKind.BufferObject => Leaf.Vram(client.VramOffset(area.Handle) + area.Offset + (address - area.Start)),
                VmaKind.Null => Leaf.Null,
                _ => Leaf.Nothing,
            };
            Leaf actual = client.Walk(vm, address);
            if (actual != expected && (mustBeBound || actual != Leaf.Nothing))
            {
                Assert.Fail($"{address:x}: {actual} instead of {expected}");
            }
        }
    }

    private sealed record Step(What What, ulong Page, ulong Pages, int Pick)
    {
        public drm_xe_vm_bind_op? ToOp(uint[] handles)
        {
            ulong start = First + (Page * VmBindModelTests.Page);
            ulong range = Pages * VmBindModelTests.Page;
            uint immediate = (Pick & 2) != 0 ? DRM_XE_VM_BIND_FLAG_IMMEDIATE : 0;
            uint flags = immediate | ((Pick & 4) != 0 ? DRM_XE_VM_BIND_FLAG_READONLY : 0);
            uint handle = handles[Pick & 1];
            return What switch
            {
                What.MapBo => Ops.MapBo(handle, start, range, (ulong)Pick * 0x10000, flags),
                What.MapNull => Ops.MapNull(start, range, flags),
                What.MapMirror => Ops.MapMirror(start, range, flags),
                What.Unmap => Ops.Unmap(start, range),
                What.UnmapAll => Ops.UnmapAll(handle),
                What.Prefetch => Ops.Prefetch(start, range, 1),
                _ => null,
            };
        }
    }
}
