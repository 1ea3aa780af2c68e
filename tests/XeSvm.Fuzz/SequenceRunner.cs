using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation;
using XeSvm.Simulation.Driver;

namespace XeSvm.Fuzz;

/// <summary>Runs sequences on two files of a software device, and judges what the driver does.</summary>
internal sealed unsafe class SequenceRunner : IDisposable
{
    /// <summary>How long work that was in flight at the close may take to let go of memory.</summary>
    private static readonly TimeSpan s_lastWork = TimeSpan.FromMinutes(2);

    private const uint NumberMask = 0xff;

    private static readonly bool[] s_possible = Possible();

    private readonly SoftwareBackend _backend;
    private readonly DrmFile _anchor;
    private readonly ulong _slot;

    /// <param name="cpuFaults">auto or coherent, as XESVM_CPU_FAULTS.</param>
    /// <param name="thread">Whose memory arguments lie in.</param>
    public SequenceRunner(string cpuFaults, int thread)
    {
        _backend = new SoftwareBackend(new SoftwareBackendOptions { VramBytes = 32 << 20, CpuFaults = cpuFaults });
        _anchor = Open();
        _slot = FuzzArena.ArgumentsBase + ((ulong)thread * FuzzArena.ArgumentBytes);
    }

    private SequenceRunner(SequenceRunner other, int thread)
    {
        _backend = other._backend;
        _anchor = other.Open();
        _slot = FuzzArena.ArgumentsBase + ((ulong)thread * FuzzArena.ArgumentBytes);
    }

    /// <summary>How often each ioctl gave each answer.</summary>
    public AnswerCounts Answers { get; } = new();

    /// <summary>Steps run.</summary>
    public long Calls { get; private set; }

    /// <summary>Ioctls that returned 0 or more.</summary>
    public long Successes { get; private set; }

    /// <summary>A runner for another thread on the same device.</summary>
    public SequenceRunner ForThread(int thread) => new(this, thread);

    /// <summary>A new file of the device.</summary>
    public DrmFile Open()
    {
        int result = _backend.Open(_backend.Enumerate()[0], out DrmFile? file);
        return result == 0 ? file! : throw new InvalidOperationException($"The software device cannot be opened: {Errno.Describe(result)}.");
    }

    /// <summary>Runs a sequence on new files, in new memory, with the state audit.</summary>
    /// <exception cref="FuzzFindException">The driver did what it must not do.</exception>
    public void RunAlone(FuzzSequence sequence, FuzzProgress progress)
    {
        FuzzArena.Reset();
        new Span<byte>((void*)_slot, (int)FuzzArena.ArgumentBytes).Clear();
        DrmFile[] files = [Open(), Open()];
        try
        {
            Run(sequence, files, progress, audit: true);
        }
        finally
        {
            progress.Enter(sequence.Calls.Count);
            files[0].Dispose();
            files[1].Dispose();
            progress.Enter(-1);
        }
    }

    /// <summary>Runs a sequence on given files.</summary>
    /// <exception cref="FuzzFindException">The driver did what it must not do.</exception>
    public void Run(FuzzSequence sequence, DrmFile[] files, FuzzProgress progress, bool audit)
    {
        var mapped = new Queue<(DrmFile File, nint Address, nuint Length)>();
        using var descriptors = new FuzzDescriptors(files);
        progress.Begin(sequence);
        ulong?[] before = audit ? [StateAudit.Of(files[0]), StateAudit.Of(files[1])] : [null, null];
        for (int step = 0; step < sequence.Calls.Count; step++)
        {
            FuzzCall call = sequence.Calls[step];
            progress.Enter(step);
            int result = Step(call, files[call.File], mapped, descriptors);
            Calls++;
            Successes += result >= 0 ? 1 : 0;
            if (call.Kind == FuzzCallKind.Ioctl)
            {
                Answers.Add(call.Number, result);
            }

            if (result < 0 && (-result >= s_possible.Length || !s_possible[-result]))
            {
                throw new FuzzFindException($"Step {step} answers {result}, which no driver says: {call.Format()}");
            }

            if (audit && call.Kind == FuzzCallKind.Ioctl)
            {
                ulong? after = StateAudit.Of(files[call.File]);
                if (result < 0 && before[call.File] is { } was && after is { } now && was != now && !MayChangeAndFail(call, result))
                {
                    throw new FuzzFindException($"Step {step} fails with {Errno.Describe(result)} and has changed something: {call.Format()}");
                }

                before[call.File] = after;
            }
        }

        progress.Enter(sequence.Calls.Count);
        foreach ((DrmFile file, nint address, nuint length) in mapped)
        {
            file.Unmap(address, length);
        }

        progress.Enter(-1);
    }

    /// <summary>With all other files closed: everything that they had must be gone, once work that was in flight has ended.</summary>
    /// <exception cref="FuzzFindException">Something is left.</exception>
    public void CheckEmpty()
    {
        SoftwareDevice device = ((SoftwareFile)_anchor).Device;
        FuzzArena.Reset();
        device.Pagemap.EvictAll();
        if (!SpinWait.SpinUntil(() => device.CpuMappings.Count == 0 && device.SystemMemoryUse == 0 && device.Vram.Used == 0, s_lastWork))
        {
            throw new FuzzFindException(
                $"All files are closed, and there are {device.CpuMappings.Count} CPU mappings, {device.SystemMemoryUse} bytes of system memory and " +
                $"{device.Vram.Used} bytes of VRAM in use.");
        }

        using DrmFile file = Open();
        var create = new drm_xe_vm_create();
        if (file.Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE, &create) != 0 || create.vm_id != 1)
        {
            throw new FuzzFindException($"The first VM of a new file has the id {create.vm_id}.");
        }
    }

    public void Dispose() => _anchor.Dispose();

    /// <summary>
    /// MADVISE splits areas before its last checks (xe_vm_madvise.c); a VM_BIND that has nothing to execute refuses to wait when it has changed the
    /// areas already (vm_bind_ioctl_signal_fences); and the argument of a call that has done its work may be impossible to copy back (drm_ioctl).
    /// </summary>
    private static bool MayChangeAndFail(FuzzCall call, int result) =>
        IsNumber(call, DrmXe.DRM_IOCTL_XE_MADVISE)
        || (IsNumber(call, DrmXe.DRM_IOCTL_XE_VM_BIND) && result == -Errno.EOPNOTSUPP)
        || (result == -Errno.EFAULT && call.Address != 0);

    private static bool IsNumber(FuzzCall call, uint request) => (call.Number & NumberMask) == (request & NumberMask);

    private static bool[] Possible()
    {
        int[] errnos =
        [
            Errno.EPERM, Errno.ENOENT, Errno.EINTR, Errno.EIO, Errno.E2BIG, Errno.EBADF, Errno.ENOMEM, Errno.EACCES, Errno.EFAULT, Errno.EBUSY,
            Errno.ENODEV, Errno.EINVAL, Errno.ENOTTY, Errno.ENOSPC, Errno.ENODATA, Errno.ETIME, Errno.ENOLINK, Errno.EOPNOTSUPP, Errno.ENOBUFS,
            Errno.ECANCELED, Errno.ENOEXEC,
        ];
        bool[] possible = new bool[errnos.Max() + 1];
        foreach (int errno in errnos)
        {
            possible[errno] = true;
        }

        return possible;
    }

    private int Step(FuzzCall call, DrmFile file, Queue<(DrmFile File, nint Address, nuint Length)> mapped, FuzzDescriptors descriptors)
    {
        foreach (FuzzWrite write in call.Writes)
        {
            write.Bytes.CopyTo(new Span<byte>((void*)write.Address, write.Bytes.Length));
        }

        switch (call.Kind)
        {
            case FuzzCallKind.Ioctl:
                return Ioctl(call, file, descriptors);
            case FuzzCallKind.MapObject:
                return Map(call, file, mapped);
            case FuzzCallKind.UnmapObject:
                return mapped.TryDequeue(out (DrmFile File, nint Address, nuint Length) first) ? first.File.Unmap(first.Address, first.Length) : 0;
            case FuzzCallKind.Touch:
                Volatile.Write(ref *(uint*)(FuzzArena.Base + ((ulong)call.Number << 12) % FuzzArena.DataBytes), call.Number);
                return 0;
            default:
                ulong offset = ((ulong)call.Number << 12) % FuzzArena.DataBytes;
                FuzzArena.Remap(offset, Math.Min((1 + (call.Address & 0xff)) << 12, FuzzArena.DataBytes - offset));
                return 0;
        }
    }

    private int Ioctl(FuzzCall call, DrmFile file, FuzzDescriptors descriptors)
    {
        if (call.Address != 0)
        {
            return ArgumentLimits.NeedsOwnArgument(call.Number) ? 0 : file.Ioctl(call.Number, (void*)call.Address);
        }

        byte* slot = (byte*)_slot;
        var argument = new Span<byte>(slot, 1 << 14);
        argument.Clear();
        call.Argument.AsSpan(0, Math.Min(call.Argument.Length, argument.Length)).CopyTo(argument);
        ArgumentLimits.Apply(call.Number, slot);
        ArgumentLimits.Resolve(call.Number, slot, descriptors);
        int result = file.Ioctl(call.Number, slot);
        if (result == 0)
        {
            ArgumentLimits.KeepDescriptor(call.Number, slot, descriptors);
        }

        return result;
    }

    private static int Map(FuzzCall call, DrmFile file, Queue<(DrmFile File, nint Address, nuint Length)> mapped)
    {
        var offset = new drm_xe_gem_mmap_offset { handle = call.Number };
        int result = file.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET, &offset);
        if (result < 0)
        {
            return result;
        }

        result = file.Map(offset.offset, (nuint)call.Address, DrmMapProtection.Read | DrmMapProtection.Write, out nint address);
        if (result == 0)
        {
            Volatile.Write(ref *(byte*)address, 1);
            mapped.Enqueue((file, address, (nuint)call.Address));
        }

        return result;
    }
}
