using System.Runtime.InteropServices;
using XeSvm.Interop.Uapi;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Fuzz;

/// <summary>
/// Sequences that know the grammar of the ioctls: a sequence is a function of its seed alone. It begins with calls that mostly succeed, so that
/// there is something to break.
/// </summary>
internal sealed unsafe partial class SequenceGenerator
{
    private const int OpeningSteps = 7;

    // Every request, the more often the more there is behind it.
    private static readonly Func<SequenceGenerator, FuzzCall>[] s_steps = Expand(
        (1, generator => generator.CreateVm()),
        (1, generator => generator.DestroyVm()),
        (4, generator => generator.Bind(1)),
        (2, generator => generator.BindSeveral()),
        (3, generator => generator.Advise()),
        (1, generator => generator.QueryAttributes()),
        (1, generator => generator.VmProperty()),
        (2, generator => generator.CreateBo()),
        (1, generator => generator.CloseBo()),
        (1, generator => generator.MapOffset()),
        (1, generator => generator.MapObject()),
        (1, _ => FuzzCall.Plain(FuzzCallKind.UnmapObject, 0, 0, 0)),
        (1, generator => generator.Export()),
        (1, generator => generator.Import()),
        (2, generator => generator.CreateQueue(generator._values.Id())),
        (1, generator => generator.DestroyQueue()),
        (1, generator => generator.GetProperty()),
        (1, generator => generator.SetProperty()),
        (4, generator => generator.Exec(generator._values.Id())),
        (1, generator => generator.Wait()),
        (5, generator => generator.Syncobj()),
        (2, generator => generator.Query()),
        (2, generator => generator.Core()),
        (1, generator => generator.Observe()),
        (1, generator => generator.Touch()),
        (1, generator => generator.Remap()),
        (1, generator => generator.OtherSize()),
        (2, generator => generator.Garbage()));

    private readonly HostileValues _values;
    private readonly List<FuzzWrite> _writes = [];
    private int _slot;
    private FuzzCall? _next;

    private SequenceGenerator(ulong seed, int thread) => _values = new HostileValues(seed, thread);

    /// <summary>Makes a sequence.</summary>
    /// <param name="seed">What it is a function of.</param>
    /// <param name="thread">Whose memory its structures lie in.</param>
    /// <param name="length">Steps.</param>
    public static FuzzSequence Create(ulong seed, int thread, int length)
    {
        var generator = new SequenceGenerator(seed, thread);
        var calls = new List<FuzzCall>(length);
        for (int i = 0; i < length; i++)
        {
            FuzzCall? next = generator._next;
            generator._next = null;
            generator._values.IsCalm = i < OpeningSteps;
            calls.Add(next ?? (i < OpeningSteps ? generator.Opening(i) : generator.Step()));
        }

        return new FuzzSequence(calls);
    }

    /// <summary>The seed of a sequence of a run (splitmix64).</summary>
    public static ulong SeedOf(ulong seed, long sequence)
    {
        ulong z = seed + ((ulong)sequence * 0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)) * 0xbf58_476d_1ce4_e5b9;
        z = (z ^ (z >> 27)) * 0x94d0_49bb_1331_11eb;
        return z ^ (z >> 31);
    }

    private FuzzCall Opening(int step) => step switch
    {
        0 => Ioctl(DRM_IOCTL_XE_VM_CREATE, new drm_xe_vm_create
        {
            flags = s_vmKinds[_values.Below((uint)s_vmKinds.Length)],
        }),
        1 => CreateBo(),
        2 => Ioctl(DRM_IOCTL_XE_VM_BIND, new drm_xe_vm_bind
        {
            vm_id = 1,
            num_binds = 1,
            bind = new drm_xe_vm_bind_op
            {
                addr = FuzzArena.Base,
                range = FuzzArena.DataBytes,
                flags = DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR,
                pat_index = CoherentPat,
            },
        }),
        3 => CreateQueue(1),
        4 => Bind(1),
        5 => Ioctl(Drm.DRM_IOCTL_SYNCOBJ_CREATE, new drm_syncobj_create { flags = Drm.DRM_SYNCOBJ_CREATE_SIGNALED }),
        _ => Exec(1),
    };

    private FuzzCall Step() => s_steps[_values.Below((uint)s_steps.Length)](this);

    private static Func<SequenceGenerator, FuzzCall>[] Expand(params ReadOnlySpan<(int Weight, Func<SequenceGenerator, FuzzCall> Step)> weighted)
    {
        var steps = new List<Func<SequenceGenerator, FuzzCall>>();
        foreach ((int weight, Func<SequenceGenerator, FuzzCall> step) in weighted)
        {
            steps.AddRange(Enumerable.Repeat(step, weight));
        }

        return [.. steps];
    }

    private int File() => _values.OneIn(8) ? 1 : 0;

    private FuzzCall Touch() => FuzzCall.Plain(FuzzCallKind.Touch, 0, Page(), 0);

    private FuzzCall Remap() => FuzzCall.Plain(FuzzCallKind.Remap, 0, Page(), 1 + (ulong)_values.Below(40));

    private uint Page() => _values.Below((uint)(FuzzArena.DataBytes >> 12));

    /// <summary>A known request of a size that the driver does not have, with ids and small numbers.</summary>
    private FuzzCall OtherSize()
    {
        FuzzCall call = Step();
        if (call.Kind != FuzzCallKind.Ioctl)
        {
            return call;
        }

        uint size = _values.OneIn(4) ? _values.Below(0x4000) : _values.Below(256);
        byte[] argument = call.Argument;
        Array.Resize(ref argument, (int)size);
        return call with { Number = (call.Number & 0xc000_ffff) | size << 16, Argument = argument };
    }

    /// <summary>
    /// A request number of any kind, with small numbers as argument: no sum of two is the address of memory. Infinite waits are not made, as
    /// small numbers are no far deadline.
    /// </summary>
    private FuzzCall Garbage()
    {
        byte[] argument = new byte[_values.Below(33) * 8];
        foreach (ref ulong word in MemoryMarshal.Cast<byte, ulong>(argument.AsSpan()))
        {
            word = _values.OneIn(3) ? _values.Below(16) : _values.OneIn(12) ? _values.Pointer() : 0;
        }

        uint type = _values.OneIn(30) ? _values.Below(256) : 'd';
        uint number = _values.OneIn(3) ? _values.Below(256) : 0x40 + _values.Below(0x14);
        return new FuzzCall(FuzzCallKind.Ioctl, File(), _values.Below(4) << 30 | (uint)argument.Length << 16 | type << 8 | number, 0, argument, Take());
    }

    private FuzzCall Ioctl<T>(uint request, T argument)
        where T : unmanaged
    {
        byte[] bytes = Bytes(argument);
        if (_values.OneIn(30) && bytes.Length > 0)
        {
            bytes[_values.Below((uint)bytes.Length)] ^= (byte)(1 << (int)_values.Below(8));
        }

        return new FuzzCall(FuzzCallKind.Ioctl, File(), request, _values.OneIn(60) ? _values.Pointer() : 0, bytes, Take());
    }

    /// <summary>A chain of extensions, of properties known and unknown; sometimes a ring, sometimes one that leads nowhere.</summary>
    private ulong Extensions()
    {
        int count = 1 + (int)_values.Below(4);
        ulong first = _values.StructureAddress(_slot++ & 3) + 0x800;
        for (int i = 0; i < count; i++)
        {
            bool last = i == count - 1;
            ulong next = first + ((ulong)(i + 1) * 64);
            var extension = new drm_xe_ext_set_property { property = _values.OneIn(10) ? (uint)_values.Edge() : _values.Below(8), value = _values.OneIn(3) ? _values.Edge() : _values.Below(4) };
            extension.@base.next_extension = !last ? next : _values.OneIn(3) ? first : _values.OneIn(10) ? _values.Pointer() : 0;
            extension.@base.name = _values.ReservedDword();
            extension.@base.pad = _values.ReservedDword();
            _writes.Add(new FuzzWrite(first + ((ulong)i * 64), Bytes(extension)));
        }

        return first;
    }

    private ulong Put(byte[] bytes)
    {
        ulong address = _values.StructureAddress(_slot++ & 3);
        _writes.Add(new FuzzWrite(address, bytes));
        return address;
    }

    private FuzzWrite[] Take()
    {
        FuzzWrite[] writes = [.. _writes];
        _writes.Clear();
        return writes;
    }

    private static byte[] Bytes<T>(T value)
        where T : unmanaged
        => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)).ToArray();
}
