using XeSvm.Interop.LibC;
using XeSvm.Interop.Native;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Server;

/// <summary>
/// The memory of another process, reached through the kernel with respect to the protections of its mappings. GPU accesses go to the pages of
/// the process; what it does to its mappings is reported by the preload library, or noticed when they are compared with what was recorded.
/// </summary>
internal sealed unsafe class RemoteClientMemory : CoherentClientMemory, IDisposable
{
    private const ulong PresentOrSwapped = 3UL << 62; // bits 63 and 62 of an entry of /proc/PID/pagemap
    private readonly Lock _atomicLock = new();
    private readonly int _process;
    private readonly FileDescriptorHandle _maps;
    private readonly FileDescriptorHandle _pagemap;
    private volatile bool _isGone;

    private RemoteClientMemory(int process, FileDescriptorHandle maps, FileDescriptorHandle pagemap)
        : base("The client is another process: GPU accesses go to its pages.")
    {
        _process = process;
        _maps = maps;
        _pagemap = pagemap;
    }

    /// <summary>Opens what there is to know of a process's memory.</summary>
    /// <returns>0; -EACCES when this process may not reach it; or another negative errno.</returns>
    public static int Open(int process, out RemoteClientMemory? memory)
    {
        memory = null;
        int result = SystemCalls.OpenForReading($"/proc/{process}/maps", out FileDescriptorHandle? maps);
        if (result < 0)
        {
            return result;
        }

        result = SystemCalls.OpenForReading($"/proc/{process}/pagemap", out FileDescriptorHandle? pagemap);
        if (result < 0)
        {
            maps!.Dispose();
            return result;
        }

        memory = new RemoteClientMemory(process, maps!, pagemap!);
        return 0;
    }

    /// <summary>Whether a device mirrors the memory.</summary>
    public bool IsMirrored => !Notifiers.IsEmpty;

    /// <summary>The process has ended, or runs another program: nothing is reached any more, by whoever gets its number.</summary>
    public void SetGone()
    {
        if (!_isGone)
        {
            _isGone = true;
            Invalidate(0, ulong.MaxValue & ~PageConstants.PageMask, MmuEvent.Unmap);
        }
    }

    /// <summary>Gives all VRAM back that holds pages of the memory, which is gone.</summary>
    public void DropDevicePages() => MappingGone(0, ulong.MaxValue & ~PageConstants.PageMask);

    /// <summary>The client is about to change its mappings.</summary>
    public void Invalidate(ulong start, ulong end, MmuEvent reason)
    {
        if (!_isGone)
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

    public override int Read(ulong address, void* destination, nuint length) =>
        _isGone ? -Errno.EFAULT : AsFault(NativeMethods.xesvm_process_read(_process, address, destination, length));

    public override int Write(ulong address, void* source, nuint length) =>
        _isGone ? -Errno.EFAULT : AsFault(NativeMethods.xesvm_process_write(_process, address, source, length));

    /// <remarks>Atomic against all other GPU accesses of this kind. The CPU of another process cannot be kept out.</remarks>
    public override int Add(ulong address, int addend)
    {
        if ((address & 3) != 0 || addend is < -2048 or > 2047)
        {
            return -Errno.EINVAL;
        }

        lock (_atomicLock)
        {
            int value;
            if (Read(address, &value, sizeof(int)) < 0)
            {
                return -Errno.EFAULT;
            }

            value += addend;
            return Write(address, &value, sizeof(int));
        }
    }

    public override int FindVma(ulong address, out ClientVma vma)
    {
        vma = default;
        if (_isGone)
        {
            return -Errno.ENOENT;
        }

        xesvm_vma native;
        int result = _maps.Acquire(out int descriptor);
        if (result == 0)
        {
            result = NativeMethods.xesvm_process_find_vma(descriptor, address, &native);
            _maps.Release();
            vma = result < 0 ? default : new ClientVma(native.start, native.end, (ClientVmaFlags)native.flags);
        }

        return result;
    }

    public override bool IsPopulated(ulong address, int pages)
    {
        Span<ulong> entries = stackalloc ulong[PageConstants.BlockPages];
        Span<byte> bytes = System.Runtime.InteropServices.MemoryMarshal.AsBytes(entries[..pages]);
        if (_isGone || SystemCalls.ReadAt(_pagemap, (address >> PageConstants.PageShift) * sizeof(ulong), bytes) != bytes.Length)
        {
            return false;
        }

        for (int i = 0; i < pages; i++)
        {
            if ((entries[i] & PresentOrSwapped) == 0)
            {
                return false;
            }
        }

        return true;
    }

    public void Dispose()
    {
        SetGone();
        ReleaseStaging();
        _maps.Dispose();
        _pagemap.Dispose();
    }

    /// <inheritdoc/>
    protected override int MakePresent(ulong address, int pages, bool write)
    {
        ulong end = address + ((ulong)pages << PageConstants.PageShift);
        for (ulong at = address; write && at < end;)
        {
            if (FindVma(at, out ClientVma vma) < 0 || vma.Start > at)
            {
                return -Errno.EFAULT;
            }

            if ((vma.Flags & ClientVmaFlags.Write) == 0)
            {
                return -Errno.EPERM;
            }

            at = vma.End;
        }

        return _isGone ? -Errno.EFAULT : AsFault(NativeMethods.xesvm_process_touch(_process, address, (uint)pages));
    }

    private static int AsFault(int result) => result < 0 ? -Errno.EFAULT : result;
}
